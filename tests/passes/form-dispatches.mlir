// RUN: chordal-opt %s --form-dispatches | FileCheck %s

!w = !chordal.quantized<64x64, "F16">
!x = tensor<?x64xf32>

// Tests that every op becomes a dispatch, numbered in order, and that weights are named outside.
// CHECK-LABEL: func.func @ops
func.func @ops(%token: tensor<?xi32>, %w: !w) -> !x {
  // CHECK-NEXT: %[[X:.+]] = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%[[T:.+]] = %arg0, %[[W:.+]] = %arg1) : (tensor<?xi32>, !chordal.quantized<64x64, "F16">) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[E:.+]] = chordal.embed %[[T]], %[[W]]
  // CHECK-NEXT: chordal.yield %[[E]]
  // CHECK-NEXT: }
  // CHECK-NEXT: chordal.dispatch 1 kernels([]) {{.*}} (%{{.+}} = %[[X]], %{{.+}} = %arg1)
  // CHECK-NEXT: chordal.matmul
  %x = chordal.embed %token, %w : tensor<?xi32>, !w -> !x
  %y = chordal.matmul %x, (%w) : (!x, !w) -> !x
  return %y : !x
}

// Tests that a fusion becomes one dispatch, and that an operand it has twice is an input once.
// CHECK-LABEL: func.func @fused
func.func @fused(%x: !x, %w: !w) -> !x {
  // CHECK-NEXT: chordal.dispatch 0 {{.*}} (%[[A:.+]] = %arg0, %[[W:.+]] = %arg1) :
  // CHECK-NEXT: %[[Y:.+]] = chordal.matmul %[[A]], (%[[W]])
  // CHECK-NEXT: %[[Z:.+]] = arith.addf %[[Y]], %[[A]]
  // CHECK-NEXT: chordal.yield %[[Z]]
  // CHECK-NOT: chordal.fused
  %y = chordal.fused "matmul_epilogue" (%a = %x, %b = %w, %c = %x) : (!x, !w, !x) -> !x {
    %0 = chordal.matmul %a, (%b) : (!x, !w) -> !x
    %1 = arith.addf %0, %c : !x
    chordal.yield %1 : !x
  }
  return %y : !x
}

// Tests that a chain of element-wise ops becomes one dispatch, at the place of its last op.
// CHECK-LABEL: func.func @chain
func.func @chain(%x: !x, %v: tensor<64xf32>) -> !x {
  // CHECK-NEXT: chordal.dispatch 0 {{.*}} (%{{.+}} = %arg0, %{{.+}} = %arg1) :
  // CHECK-NEXT: chordal.scale
  // CHECK-NEXT: chordal.broadcast
  // CHECK-NEXT: arith.mulf
  // CHECK-NEXT: chordal.yield
  // CHECK-NEXT: }
  // CHECK-NEXT: return
  %0 = chordal.scale %x {factor = 2.0} : !x
  %1 = chordal.broadcast %v, %x : tensor<64xf32>, !x
  %2 = arith.mulf %0, %1 : !x
  return %2 : !x
}

// Tests that two branches that one op alone joins are computed with it, in order.
// CHECK-LABEL: func.func @join
func.func @join(%x: !x, %y: !x) -> !x {
  // CHECK-NEXT: chordal.dispatch 0
  // CHECK-NEXT: chordal.scale
  // CHECK-NEXT: chordal.activate
  // CHECK-NEXT: arith.negf
  // CHECK-NEXT: arith.subf
  // CHECK-NEXT: chordal.yield
  %0 = chordal.scale %x {factor = 2.0} : !x
  %1 = chordal.activate %y {activation = relu} : !x
  %2 = arith.negf %0 : !x
  %3 = arith.subf %2, %1 : !x
  return %3 : !x
}

// Tests that a value that two ops read is computed once, apart from both, and that one that an op reads
// twice is computed with it.
// CHECK-LABEL: func.func @shared
func.func @shared(%x: !x) -> (!x, !x) {
  // CHECK-NEXT: %[[S:.+]] = chordal.dispatch 0
  // CHECK-NEXT: chordal.scale
  // CHECK-NEXT: chordal.yield
  // CHECK-NEXT: }
  // CHECK-NEXT: chordal.dispatch 1 {{.*}} (%{{.+}} = %[[S]])
  // CHECK-NEXT: arith.negf
  // CHECK-NEXT: chordal.yield
  // CHECK-NEXT: }
  // CHECK-NEXT: chordal.dispatch 2 {{.*}} (%[[A:.+]] = %[[S]])
  // CHECK-NEXT: %[[C:.+]] = chordal.softcap %[[A]]
  // CHECK-NEXT: arith.addf %[[C]], %[[C]]
  %0 = chordal.scale %x {factor = 2.0} : !x
  %1 = arith.negf %0 : !x
  %2 = chordal.softcap %0 {cap = 30.0} : !x
  %3 = arith.addf %2, %2 : !x
  return %1, %3 : !x, !x
}

// Tests that all that is computed from gathered rows counts outputs, also across dispatches.
// CHECK-LABEL: func.func @outputs
func.func @outputs(%x: !x, %row: tensor<?xi32>, %w: !w) -> (!x, !x) {
  // CHECK: chordal.dispatch 0 {{.*}} rows(tokens)
  // CHECK-NEXT: chordal.scale
  // CHECK: chordal.dispatch 1 {{.*}} rows(outputs)
  // CHECK-NEXT: chordal.gather_rows
  // CHECK: chordal.dispatch 2 {{.*}} rows(outputs)
  // CHECK-NEXT: chordal.matmul
  // CHECK: chordal.dispatch 3 {{.*}} rows(outputs)
  // CHECK-NEXT: chordal.softcap
  // CHECK: chordal.dispatch 4 {{.*}} rows(tokens)
  // CHECK-NEXT: chordal.matmul
  %s = chordal.scale %x {factor = 2.0} : !x
  %g = chordal.gather_rows %s, %row : !x, tensor<?xi32>
  %y = chordal.matmul %g, (%w) : (!x, !w) -> !x
  %z = chordal.softcap %y {cap = 30.0} : !x
  %t = chordal.matmul %x, (%w) : (!x, !w) -> !x
  return %z, %t : !x, !x
}

// Tests that a declaration is left alone.
// CHECK: func.func private @declared
func.func private @declared(!x) -> !x

// Tests that a dispatch between two halves of a chain does not separate them.
// CHECK-LABEL: func.func @around
func.func @around(%x: !x, %w: !w) -> !x {
  // CHECK-NEXT: %[[M:.+]] = chordal.dispatch 0
  // CHECK-NEXT: chordal.matmul
  // CHECK: chordal.dispatch 1 {{.*}} (%[[A:.+]] = %arg0, %[[B:.+]] = %[[M]])
  // CHECK-NEXT: %[[S:.+]] = chordal.scale %[[A]]
  // CHECK-NEXT: arith.addf %[[S]], %[[B]]
  %0 = chordal.scale %x {factor = 2.0} : !x
  %1 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  %2 = arith.addf %0, %1 : !x
  return %2 : !x
}
