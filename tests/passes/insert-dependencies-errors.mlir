// RUN: chordal-opt %s --insert-dependencies --split-input-file --verify-diagnostics

!x = tensor<?x16xf32>

// Tests that dispatches are numbered in order.
func.func @number(%x: !x) -> !x {
  // expected-error @below {{'chordal.dispatch' op should be number 0}}
  %0 = chordal.dispatch 7 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %0 : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that places are in the function's own arena.
func.func @foreign(%x: !x, %s: !chordal.slice) -> !x {
  // expected-error @below {{'chordal.dispatch' op has a slice that is not of this function's arena}}
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %0 : !x
}
