// RUN: chordal-opt %s --insert-dependencies | FileCheck %s
// RUN: chordal-opt %s --insert-dependencies --verify-schedule -o /dev/null

// Dependencies of plans that another planner might make: slices that overlap in part.

!x = tensor<?x16xf32>

// Tests that a write waits for the readers of every slice that it overlaps in part, and a later one
// of what the first left of them too.
// CHECK-LABEL: func.func @parts
func.func @parts(%x: !x) -> !x {
  %arena = chordal.arena 512 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 128 : !chordal.slice
  %s1 = chordal.slice %arena at 128, 128 : !chordal.slice
  %mid = chordal.slice %arena at 64, 128 : !chordal.slice
  %end = chordal.slice %arena at 192, 64 : !chordal.slice
  %t0 = chordal.slice %arena at 256, 128 : !chordal.slice
  %t1 = chordal.slice %arena at 384, 128 : !chordal.slice
  // CHECK: dispatch 0 {{.*}} into(%{{.+}}) (
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 1 {{.*}} into(%{{.+}}) (
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 2 {{.*}} after(0) (
  %2 = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) into(%t0) (%a = %0) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 3 {{.*}} after(1) (
  %3 = chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) into(%t1) (%a = %1) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 4 {{.*}} after(2, 3) (
  %4 = chordal.dispatch 4 kernels([]) device("cpu") rows(tokens) into(%mid) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 5 {{.*}} after(3) (
  %5 = chordal.dispatch 5 kernels([]) device("cpu") rows(tokens) into(%end) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 6 {{.*}} after(4, 5) (
  %l = chordal.dispatch 6 kernels([]) device("cpu") rows(tokens) (%a = %4, %c = %5) : (!x, !x) -> !x {
    %b = arith.addf %a, %c : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// Tests that a write waits for another write of bytes that nobody read.
// CHECK-LABEL: func.func @unread
func.func @unread(%x: !x) -> !x {
  %arena = chordal.arena 192 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 128 : !chordal.slice
  %s1 = chordal.slice %arena at 64, 64 : !chordal.slice
  %s2 = chordal.slice %arena at 128, 64 : !chordal.slice
  // CHECK: dispatch 0 {{.*}} into(%{{.+}}) (
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 1 {{.*}} after(0) (
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 2 {{.*}} into(%{{.+}}) (
  %2 = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) into(%s2) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 3 {{.*}} after(1, 2) (
  %l = chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) (%a = %1, %c = %2) : (!x, !x) -> !x {
    %b = arith.addf %a, %c : !x
    chordal.yield %b : !x
  }
  return %l : !x
}

// Tests that what a dispatch waited for before is found anew: nothing that is there is kept.
// CHECK-LABEL: func.func @again
func.func @again(%x: !x) -> !x {
  %arena = chordal.arena 192 : !chordal.arena
  %s0 = chordal.slice %arena at 0, 64 : !chordal.slice
  %s1 = chordal.slice %arena at 64, 64 : !chordal.slice
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 1 {{.*}} into(%{{.+}}) (%
  %1 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) into(%s1) after(0) (%a = %x) : (!x) -> !x {
    %b = arith.negf %a : !x
    chordal.yield %b : !x
  }
  // CHECK: dispatch 2 {{.*}} after(0, 1) (
  %l = chordal.dispatch 2 kernels([]) device("cpu") rows(tokens) (%a = %0, %c = %1) : (!x, !x) -> !x {
    %b = arith.addf %a, %c : !x
    chordal.yield %b : !x
  }
  return %l : !x
}
