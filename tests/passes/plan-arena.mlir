// RUN: chordal-opt %s --form-dispatches --plan-arena | FileCheck %s
// RUN: chordal-opt %s --form-dispatches --plan-arena --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!x = tensor<?x64xf32>
!w = !chordal.quantized<64x64, "F16">

// Tests that a value shares the bytes of one that nobody reads any more, and not those of one that is
// read by the dispatch that computes it. The logits are the caller's.
// Rows of 64 float32 take 320 bytes: an odd number of cache lines.
// CHECK-LABEL: func.func @chain
// REMARK: [[#@LINE+1]]:1: remark: [Passed] planned | Category:plan-arena | {{.*}}2560 bytes for 3 values of 3840 bytes in all
func.func @chain(%x: !x, %w: !w) -> !x attributes {chordal.tokens = array<i64: 2, 4>} {
  // CHECK-NEXT: %[[A:.+]] = chordal.arena 2560
  // CHECK-NEXT: %[[S0:.+]] = chordal.slice %[[A]] at 0, 1280
  // CHECK-NEXT: %[[S1:.+]] = chordal.slice %[[A]] at 1280, 1280
  // CHECK-NEXT: dispatch 0 {{.*}} into(%[[S0]])
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 1 {{.*}} into(%[[S1]])
  %1 = chordal.matmul %0, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 2 {{.*}} into(%[[S0]])
  %2 = chordal.matmul %1, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 3 {{.*}} rows(tokens) (
  %3 = chordal.matmul %2, (%w) : (!x, !w) -> !x
  return %3 : !x
}

// Tests that a value that is read late (a residual) keeps its bytes until then.
// CHECK-LABEL: func.func @residual
func.func @residual(%x: !x, %w: !w) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: %[[A:.+]] = chordal.arena 960
  // CHECK: dispatch 0 {{.*}} into(%[[R:.+]]) (
  // CHECK: dispatch 1 {{.*}} into(%[[S1:.+]]) (
  // CHECK: dispatch 2 {{.*}} into(%[[S2:.+]]) (
  // CHECK: dispatch 3 {{.*}} into(%[[S1]]) (
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  %1 = chordal.matmul %0, (%w) : (!x, !w) -> !x
  %2 = chordal.matmul %1, (%w) : (!x, !w) -> !x
  %3 = arith.addf %0, %2 : !x
  %4 = chordal.matmul %3, (%w) : (!x, !w) -> !x
  return %4 : !x
}

// Tests that results nobody reads have bytes while they are written, and all results of a dispatch
// bytes of their own.
// CHECK-LABEL: func.func @unread
func.func @unread(%x: !x, %w: !w) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: %[[A:.+]] = chordal.arena 640
  // CHECK-NEXT: %[[S0:.+]] = chordal.slice %[[A]] at 0, 320
  // CHECK-NEXT: %[[S1:.+]] = chordal.slice %[[A]] at 320, 320
  // CHECK-NEXT: dispatch 0 {{.*}} into(%[[S0]], %[[S1]])
  %0:2 = chordal.matmul %x, (%w, %w) : (!x, !w, !w) -> (!x, !x)
  %1 = chordal.matmul %0#0, (%w) : (!x, !w) -> !x
  return %1 : !x
}

// Tests that a small value goes into the gap below a larger one that is alive.
// CHECK-LABEL: func.func @gap
func.func @gap(%x: tensor<?x256xf32>, %v: !chordal.quantized<256x256, "F16">, %w: !chordal.quantized<64x256, "F16">) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: %[[A:.+]] = chordal.arena 2176
  // CHECK-DAG: %[[S0:.+]] = chordal.slice %[[A]] at 0, 1088
  // CHECK-DAG: %[[S1:.+]] = chordal.slice %[[A]] at 1088, 1088
  // CHECK-DAG: %[[S2:.+]] = chordal.slice %[[A]] at 0, 320
  // CHECK: dispatch 0 {{.*}} into(%[[S0]])
  %0 = chordal.scale %x {factor = 2.0} : tensor<?x256xf32>
  // CHECK: dispatch 1 {{.*}} into(%[[S1]])
  %1 = chordal.matmul %0, (%v) : (tensor<?x256xf32>, !chordal.quantized<256x256, "F16">) -> tensor<?x256xf32>
  // CHECK: dispatch 2 {{.*}} into(%[[S2]])
  %2 = chordal.matmul %1, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">) -> !x
  // CHECK: dispatch 3 {{.*}} rows(tokens) (
  %3 = chordal.fused "matmul_epilogue" (%a = %1, %b = %w, %c = %2) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">, !x) -> !x {
    %4 = chordal.matmul %a, (%b) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">) -> !x
    %5 = arith.addf %4, %c : !x
    chordal.yield %5 : !x
  }
  return %3 : !x
}

// Tests that quantised rows are planned by their own size: 256 bytes, scales and sums.
// CHECK-LABEL: func.func @quantized
func.func @quantized(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: chordal.arena 320
  %0 = chordal.quantize %x : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  %1 = chordal.matmul %0, (%w) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<64x256, "Q4_K">) -> !x
  return %1 : !x
}

// Tests that states have no slice, and that a function without values still has an arena.
// CHECK-LABEL: func.func @none
func.func @none(%x: !x, %w: !w) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: chordal.arena 64 : !chordal.arena
  // CHECK-NOT: chordal.slice
  // CHECK: return
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  return %0 : !x
}

// Tests that functions that are no steps are left alone.
// CHECK-LABEL: func.func @no_step
// CHECK-NOT: chordal.arena
func.func @no_step(%x: !x, %w: !w) -> !x {
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  return %0 : !x
}
