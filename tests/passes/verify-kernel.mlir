// RUN: chordal-opt %s --verify-kernel --split-input-file --verify-diagnostics

!x = tensor<?x64xf32>

// Tests a module that nothing is wrong with.
llvm.func @code(%views: !llvm.ptr, %r0: i64, %r1: i64, %c0: i64, %c1: i64) {
  llvm.return
}
func.func @right(%x: !x) -> !x {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x attributes {functions = [@code]} {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}

// Tests that element-wise code has a function.
func.func @unnamed(%x: !x) -> !x {
  // expected-error @below {{'chordal.dispatch' op needs 1 generated functions, but names 0}}
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}

// Tests that functions are not for kernels that call none.
func.func @superfluous(%x: !x, %w: !chordal.quantized<64x64, "F16">) -> !x {
  // expected-error @below {{'chordal.dispatch' op needs 0 generated functions, but names 1}}
  %0 = chordal.dispatch 0 kernels(["matmul.F16.scalar"]) device("cpu") rows(tokens) (%a = %x, %b = %w) : (!x, !chordal.quantized<64x64, "F16">) -> !x attributes {functions = [@code]} {
    %1 = chordal.matmul %a, (%b) : (!x, !chordal.quantized<64x64, "F16">) -> !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}

// -----

!x = tensor<?x64xf32>

// Tests that functions exist, with a body.
llvm.func @declared(!llvm.ptr, i64, i64, i64, i64)
func.func @missing(%x: !x) -> (!x, !x) {
  // expected-error @below {{'chordal.dispatch' op names the function 'nowhere', which the module does not hold}}
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x attributes {functions = [@nowhere]} {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  // expected-error @below {{'chordal.dispatch' op names the function 'declared', which the module does not hold}}
  %2 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x attributes {functions = [@declared]} {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0, %2 : !x, !x
}

// -----

!x = tensor<?x64xf32>

// Tests that functions have the signature of generated ones.
// expected-error @below {{'llvm.func' op has not the signature of a generated function}}
llvm.func @short(%views: !llvm.ptr) {
  llvm.return
}
func.func @signature(%x: !x) -> !x {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x attributes {functions = [@short]} {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}
