// RUN: chordal-opt %s --fuse-dequantize-matmul | FileCheck %s
// RUN: chordal-opt %s --fuse-dequantize-matmul --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Tests that matmuls read weights as stored, whatever their format, and with float32 activations.
// CHECK-LABEL: func.func @all_formats
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x256xf32>, %[[A:[^:]+]]: !chordal.quantized<64x256, "Q4_K">, %[[B:[^:]+]]: !chordal.quantized<32x256, "F16">, %[[C:[^:]+]]: !chordal.quantized<32x256, "F32">
func.func @all_formats(%x: tensor<?x256xf32>, %a: !chordal.quantized<64x256, "Q4_K">, %b: !chordal.quantized<32x256, "F16">, %c: !chordal.quantized<32x256, "F32">) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK-NEXT: %[[R:.+]]:3 = chordal.matmul %[[X]], (%[[A]], %[[B]], %[[C]]) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<32x256, "F16">, !chordal.quantized<32x256, "F32">) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
  // CHECK-NEXT: return
  // REMARK: remark: [Passed] fused | Category:fuse-dequantize-matmul | Function=all_formats | {{.*}}reads weight 0 as Q4_K
  // REMARK: remark: [Passed] fused | {{.*}}reads weight 1 as F16
  // REMARK: remark: [Passed] fused | {{.*}}reads weight 2 as F32
  %af = chordal.dequantize %a : !chordal.quantized<64x256, "Q4_K"> -> tensor<64x256xf32>
  %bf = chordal.dequantize %b : !chordal.quantized<32x256, "F16"> -> tensor<32x256xf32>
  %cf = chordal.dequantize %c : !chordal.quantized<32x256, "F32"> -> tensor<32x256xf32>
  %0, %1, %2 = chordal.matmul %x, (%af, %bf, %cf) : (tensor<?x256xf32>, tensor<64x256xf32>, tensor<32x256xf32>, tensor<32x256xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
  return %0, %1, %2 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>
}

// Tests that a dequantize that is read by two matmuls disappears.
// CHECK-LABEL: func.func @two_matmuls
func.func @two_matmuls(%x: tensor<?x256xf32>, %y: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NOT: chordal.dequantize
  %f = chordal.dequantize %w : !chordal.quantized<64x256, "Q4_K"> -> tensor<64x256xf32>
  %0 = chordal.matmul %x, (%f) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  %1 = chordal.matmul %y, (%f) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that a dequantize with another reader stays for that reader only.
// CHECK-LABEL: func.func @other_reader
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x256xf32>, %[[W:[^:]+]]: !chordal.quantized<256x256, "Q6_K">
func.func @other_reader(%x: tensor<?x256xf32>, %w: !chordal.quantized<256x256, "Q6_K">) -> (tensor<?x256xf32>, tensor<256x256xf32>) {
  // CHECK-NEXT: %[[F:.+]] = chordal.dequantize %[[W]]
  // CHECK-NEXT: chordal.matmul %[[X]], (%[[W]])
  // CHECK-NEXT: chordal.scale %[[F]]
  // REMARK: [[#@LINE+1]]:{{[0-9]+}}: remark: [Missed] dequantize-has-other-readers | Category:fuse-dequantize-matmul | Function=other_reader | {{.*}}kept, because not only matmuls read the dequantised weight
  %f = chordal.dequantize %w : !chordal.quantized<256x256, "Q6_K"> -> tensor<256x256xf32>
  %0 = chordal.matmul %x, (%f) : (tensor<?x256xf32>, tensor<256x256xf32>) -> tensor<?x256xf32>
  %1 = chordal.scale %f {factor = 2.0} : tensor<256x256xf32>
  return %0, %1 : tensor<?x256xf32>, tensor<256x256xf32>
}

// Tests that dequantised activations are not mistaken for a weight.
// CHECK-LABEL: func.func @activations
func.func @activations(%q: !chordal.quantized<?x256, "Q8">, %w: tensor<64x256xf32>) -> tensor<?x64xf32> {
  // CHECK: %[[F:.+]] = chordal.dequantize
  // CHECK-NEXT: chordal.matmul %[[F]],
  %f = chordal.dequantize %q : !chordal.quantized<?x256, "Q8"> -> tensor<?x256xf32>
  %0 = chordal.matmul %f, (%w) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
// REMARK-NOT: [Missed]
