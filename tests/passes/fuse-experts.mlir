// RUN: chordal-opt %s --fuse-experts | FileCheck %s
// RUN: chordal-opt %s --fuse-experts --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Tests that the matmuls of a gated unit become one op with their glu, biases too.
// CHECK-LABEL: func.func @gated
func.func @gated(%x: tensor<?x64xf32>, %r: tensor<?x8xi32>, %g: !chordal.quantized<4x32x64, "F32">,
                 %u: !chordal.quantized<4x32x64, "F32">, %b: !chordal.quantized<4x32, "F32">,
                 %c: !chordal.quantized<4x32, "F32">) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Y:.+]] = chordal.fused "expert_glu"
  // CHECK-NEXT: %[[M:.+]]:2 = chordal.moe_matmul %{{.+}}, %{{.+}}, (%{{.+}}, %{{.+}}) bias(%{{.+}}, %{{.+}})
  // CHECK-NEXT: chordal.glu %[[M]]#0, %[[M]]#1 {activation = silu}
  // CHECK: return %[[Y]]
  // REMARK: remark: [Passed] fused | Category:fuse-experts | Function=gated
  %0 = chordal.moe_matmul %x, %r, (%g) bias (%b) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<4x32x64, "F32">, !chordal.quantized<4x32, "F32">) -> tensor<?x64xf32>
  %1 = chordal.moe_matmul %x, %r, (%u) bias (%c) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<4x32x64, "F32">, !chordal.quantized<4x32, "F32">) -> tensor<?x64xf32>
  %2 = chordal.glu %0, %1 {activation = silu} : tensor<?x64xf32>
  return %2 : tensor<?x64xf32>
}

// Tests that matmuls of different formats stay apart.
// CHECK-LABEL: func.func @formats
func.func @formats(%x: tensor<?x64xf32>, %r: tensor<?x8xi32>, %g: !chordal.quantized<4x32x64, "F32">,
                   %u: !chordal.quantized<4x32x64, "F16">) -> tensor<?x64xf32> {
  // CHECK-NOT: chordal.fused
  // CHECK: return
  // REMARK: remark: [Missed] weights-differ | Category:fuse-experts | Function=formats
  %0 = chordal.moe_matmul %x, %r, (%g) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<4x32x64, "F32">) -> tensor<?x64xf32>
  %1 = chordal.moe_matmul %x, %r, (%u) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<4x32x64, "F16">) -> tensor<?x64xf32>
  %2 = chordal.glu %0, %1 {activation = silu} : tensor<?x64xf32>
  return %2 : tensor<?x64xf32>
}

// Tests that a result with another reader keeps its matmul.
// CHECK-LABEL: func.func @readers
func.func @readers(%x: tensor<?x64xf32>, %r: tensor<?x8xi32>, %g: !chordal.quantized<4x32x64, "F32">,
                   %u: !chordal.quantized<4x32x64, "F32">) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NOT: chordal.fused
  // CHECK: return
  // REMARK: remark: [Missed] result-has-other-readers | Category:fuse-experts | Function=readers
  %0 = chordal.moe_matmul %x, %r, (%g) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<4x32x64, "F32">) -> tensor<?x64xf32>
  %1 = chordal.moe_matmul %x, %r, (%u) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<4x32x64, "F32">) -> tensor<?x64xf32>
  %2 = chordal.glu %0, %1 {activation = silu} : tensor<?x64xf32>
  return %0, %2 : tensor<?x64xf32>, tensor<?x64xf32>
}
