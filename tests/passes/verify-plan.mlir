// RUN: chordal-opt %s --verify-plan --split-input-file --verify-diagnostics

!x = tensor<?x64xf32>

// Tests a module that nothing is wrong with: 1 to 4 tokens, in two buckets.
chordal.state @kv : !chordal.kv<1 x 64, k = f16, v = f16>
func.func @step_4(%x: !x, %kv: !chordal.kv<1 x 64, k = f16, v = f16> {chordal.state = @kv}) -> (!x, !chordal.kv<1 x 64, k = f16, v = f16>) attributes {chordal.tokens = array<i64: 2, 4>} {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0, %kv : !x, !chordal.kv<1 x 64, k = f16, v = f16>
}
func.func @step_1(%x: !x, %kv: !chordal.kv<1 x 64, k = f16, v = f16> {chordal.state = @kv}) -> (!x, !chordal.kv<1 x 64, k = f16, v = f16>) attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0, %kv : !x, !chordal.kv<1 x 64, k = f16, v = f16>
}

// -----

// Tests that there is something to run.
// expected-error @below {{the module has no step function}}
module {
  func.func @helper() {
    return
  }
}

// -----

// Tests that a step function has a body.
// expected-error @below {{'func.func' op is no step function with a range of tokens}}
func.func private @declared(tensor<?x64xf32>) -> tensor<?x64xf32> attributes {chordal.tokens = array<i64: 1, 1>}

// -----

!x = tensor<?x64xf32>

// Tests that every number of tokens from 1 on has its step function.
// expected-error @below {{'func.func' op begins at 2 tokens, but 1 tokens are the fewest that no other step function is for}}
func.func @step_4(%x: !x) -> !x attributes {chordal.tokens = array<i64: 2, 4>} {
  return %x : !x
}

// -----

!x = tensor<?x64xf32>

// Tests that step functions are exchangeable.
func.func @step_1(%x: !x) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}
// expected-error @below {{'func.func' op has other arguments or results than 'step_1'}}
func.func @step_4(%x: !x, %y: !x) -> !x attributes {chordal.tokens = array<i64: 2, 4>} {
  return %x : !x
}

// -----

!x = tensor<?x64xf32>

// Tests that a dispatch computes the logits.
// expected-error @below {{'func.func' op returns no logits that a dispatch computes}}
func.func @step_1(%x: !x) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  return %x : !x
}

// -----

!x = tensor<?x64xf32>

// Tests that nothing but logits and states is returned.
// expected-error @below {{'func.func' op returns something besides the logits and the states}}
func.func @step_1(%x: !x) -> (!x, !x) attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0, %0 : !x, !x
}

// -----

!x = tensor<?x64xf32>
!kv = !chordal.kv<1 x 64, k = f16, v = f16>

// Tests that each state is stored somewhere.
// expected-error @below {{'func.func' op has the state 1, of which nothing says where it is stored}}
func.func @step_1(%x: !x, %kv: !kv) -> (!x, !kv) attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0, %kv : !x, !kv
}

// -----

!x = tensor<?x64xf32>
!kv = !chordal.kv<1 x 64, k = f16, v = f16>

// Tests that it is stored in the same place by all.
chordal.state @kv.0 : !kv
chordal.state @kv.1 : !kv
func.func @step_1(%x: !x, %kv: !kv {chordal.state = @kv.0}) -> (!x, !kv) attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0, %kv : !x, !kv
}
// expected-error @below {{'func.func' op stores argument 1 elsewhere than 'step_1'}}
func.func @step_4(%x: !x, %kv: !kv {chordal.state = @kv.1}) -> (!x, !kv) attributes {chordal.tokens = array<i64: 2, 4>} {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0, %kv : !x, !kv
}
