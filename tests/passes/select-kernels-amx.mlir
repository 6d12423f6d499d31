// Tests the choice of an attention kernel by what its results are rounded to.
// RUN: chordal-opt %s --form-dispatches --select-kernels=isa=amx | FileCheck %s

!x = tensor<?x256xf32>
!kv = !chordal.kv<2 x 64, k = f16, v = f16>
!q1 = !chordal.quantized<?x256, "BF16x16">
!q8 = !chordal.quantized<?x256, "Q8">
!q2 = !chordal.quantized<?x256, "BF16x16x2">

// CHECK-LABEL: func.func @one_part
func.func @one_part(%q: !x, %kv: !kv, %p: tensor<?xi32>, %s: tensor<?xi32>) -> (!q1, !q1) attributes {chordal.tokens = array<i64: 17, 512>} {
  // CHECK: dispatch 0 kernels(["attention.F16.BF16x16.amx"])
  %0 = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !kv
  %1 = chordal.quantize %0 : !x -> !q1
  %2 = chordal.quantize %0 : !x -> !q1
  return %1, %2 : !q1, !q1
}

// CHECK-LABEL: func.func @two_parts
func.func @two_parts(%q: !x, %kv: !kv, %p: tensor<?xi32>, %s: tensor<?xi32>) -> (!q1, !q2) attributes {chordal.tokens = array<i64: 17, 512>} {
  // CHECK: dispatch 0 kernels(["attention.F16.amx"])
  %0 = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !kv
  %1 = chordal.quantize %0 : !x -> !q1
  %2 = chordal.quantize %0 : !x -> !q2
  return %1, %2 : !q1, !q2
}

// CHECK-LABEL: func.func @float32
func.func @float32(%q: !x, %kv: !kv, %p: tensor<?xi32>, %s: tensor<?xi32>) -> (!x, !q1) attributes {chordal.tokens = array<i64: 17, 512>} {
  // CHECK: dispatch 0 kernels(["attention.F16.amx"])
  %0 = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !kv
  %1 = chordal.quantize %0 : !x -> !q1
  return %0, %1 : !x, !q1
}

// Few rows are no work for matrix units.
// CHECK-LABEL: func.func @few_rows
func.func @few_rows(%q: !x, %kv: !kv, %p: tensor<?xi32>, %s: tensor<?xi32>) -> !q8 attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK: dispatch 0 kernels(["attention.F16.avx512vnni"])
  %0 = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !kv
  %1 = chordal.quantize %0 : !x -> !q8
  return %1 : !q8
}
