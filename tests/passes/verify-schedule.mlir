// RUN: chordal-opt %s --verify-schedule --split-input-file --verify-diagnostics

!x = tensor<?x16xf32>

// Tests a plan that nothing is wrong with: bytes are used again by who waits for their reader.
func.func @right(%x: !x) -> !x {
  %arena = chordal.arena 128 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 64 : !chordal.slice
  %s1 = chordal.slice %arena at 64, 64 : !chordal.slice
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) after(0) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %2 = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) into(%s0) after(1) (%a = %1) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %l = chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) after(2) (%a = %2) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that dispatches are numbered in order.
func.func @number(%x: !x) -> !x {
  // expected-error @below {{'chordal.dispatch' op should be number 0}}
  %l = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that readers wait for what they read.
func.func @read(%x: !x) -> !x {
  %arena = chordal.arena 128 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 64 : !chordal.slice
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // expected-error @below {{'chordal.dispatch' op reads a result of dispatch 0, but does not wait for it}}
  %l = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that values have places.
func.func @no_slice(%x: !x) -> !x {
  // expected-error @below {{'chordal.dispatch' op has a result without a slice of the arena}}
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %l = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) after(0) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
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
  %l = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) after(0) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that a slice holds all rows of its bucket.
func.func @small(%x: !x) -> !x attributes {chordal.tokens = array<i64: 2, 4>} {
  %arena = chordal.arena 256 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 192 : !chordal.slice
  // expected-error @below {{'chordal.dispatch' op needs 256 bytes for a result, but its slice has 192}}
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %l = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) after(0) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that the result that is returned has no slice.
func.func @returned(%x: !x) -> !x {
  %arena = chordal.arena 128 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 64 : !chordal.slice
  // expected-error @below {{'chordal.dispatch' op has more slices than results that need one}}
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %0 : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that nobody writes what another may still read.
func.func @war(%x: !x) -> !x {
  %arena = chordal.arena 192 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 64 : !chordal.slice
  %s1 = chordal.slice %arena at 64, 64 : !chordal.slice
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) after(0) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // expected-error @below {{'chordal.dispatch' op writes bytes 0 to 64 of the arena, which dispatch 1 uses, but does not wait for it}}
  %2 = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) into(%s0) after(0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %l = chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) after(1, 2) (%a = %1, %c = %2) : (!x, !x) -> !x {
    %b = arith.addf %a, %c : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that nobody writes what another may still write, be it in part.
func.func @waw(%x: !x) -> !x {
  %arena = chordal.arena 192 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 128 : !chordal.slice
  %s1 = chordal.slice %arena at 64, 64 : !chordal.slice
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // expected-error @below {{'chordal.dispatch' op writes bytes 64 to 128 of the arena, which dispatch 0 uses, but does not wait for it}}
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %l = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) after(1) (%a = %1) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that nobody reads what another, also one it waits for, has overwritten.
func.func @overwritten(%x: !x) -> !x {
  %arena = chordal.arena 192 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 128 : !chordal.slice
  %s1 = chordal.slice %arena at 64, 64 : !chordal.slice
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) after(0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // expected-error @below {{'chordal.dispatch' op reads a result of dispatch 0, of which dispatch 1 has overwritten bytes}}
  %l = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) after(0, 1) (%a = %0, %c = %1) : (!x, !x) -> !x {
    %b = arith.addf %a, %c : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// -----

!x = tensor<?x16xf32>

// Tests that a dispatch does not write what it reads.
func.func @in_place(%x: !x) -> !x {
  %arena = chordal.arena 192 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 128 : !chordal.slice
  %s1 = chordal.slice %arena at 64, 64 : !chordal.slice
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // expected-error @below {{'chordal.dispatch' op has overlapping slices}}
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) after(0) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  %l = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) after(1) (%a = %1) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  return %l : !x
}
