// RUN: chordal-opt %s --form-dispatches --plan-arena --insert-dependencies | FileCheck %s

!x = tensor<?x64xf32>
!w = !chordal.quantized<64x64, "F16">

// Tests that a dispatch waits for whose results it reads, and that the wait for the first, whose bytes the
// third overwrites, follows from the wait for the second.
// CHECK-LABEL: func.func @chain
func.func @chain(%x: !x, %w: !w) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK: dispatch 0 kernels([]) device("cpu") rows(tokens) into(%{{.+}}) (
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 1 {{.*}} after(0) (
  %1 = chordal.matmul %0, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 2 {{.*}} after(1) (
  %2 = chordal.matmul %1, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 3 {{.*}} after(2) (
  %3 = chordal.matmul %2, (%w) : (!x, !w) -> !x
  return %3 : !x
}

// Tests that what is independent waits for nothing, and what joins it for both.
// CHECK-LABEL: func.func @diamond
func.func @diamond(%x: !x, %w: !w) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK: dispatch 0 {{.*}} into(%{{.+}}) (
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 1 {{.*}} into(%{{.+}}) (
  %1 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 2 {{.*}} after(0, 1) (
  %2 = arith.addf %0, %1 : !x
  return %2 : !x
}

// Tests that who overwrites a value waits for all its readers (1 and 2), not for its producer, for
// whom those wait.
// CHECK-LABEL: func.func @readers
func.func @readers(%x: !x, %w: !w, %v: !chordal.quantized<128x64, "F16">) -> tensor<?x128xf32> attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK: chordal.slice %{{.+}} at 0, 320
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 1 {{.*}} after(0) (
  %1 = chordal.matmul %0, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 2 {{.*}} after(0) (
  %2 = chordal.matmul %0, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 3 {{.*}} after(1, 2) (
  %3 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  // CHECK: dispatch 4 {{.*}} after(3) (
  // CHECK-NEXT: arith.addf
  %4 = arith.addf %1, %2 : !x
  %5 = arith.addf %4, %3 : !x
  %6 = chordal.matmul %5, (%v) : (!x, !chordal.quantized<128x64, "F16">) -> tensor<?x128xf32>
  return %6 : tensor<?x128xf32>
}

// Tests that states order those who append before those who read.
!kv = !chordal.kv<1 x 64, k = f16, v = f16>
// CHECK-LABEL: func.func @state
func.func @state(%k: !x, %q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!x, !kv) attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK: dispatch 0 kernels([]) device("cpu") rows(tokens) (
  %0 = chordal.kv_append %kv, %k, %k, %p, %s : !kv, !x, !x
  // CHECK: dispatch 1 {{.*}} rows(tokens) after(0) (
  %1 = chordal.attention %q, %0, %p, %s {scale = 0.125} : !x, !kv
  return %1, %0 : !x, !kv
}
