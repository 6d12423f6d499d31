// RUN: chordal-opt %s --fuse-quantize | FileCheck %s
// RUN: chordal-opt %s --fuse-quantize --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Tests that a norm of which only the quantised value is read yields only that.
// CHECK-LABEL: func.func @quantized_only
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x64xf32>, %[[W:[^:]+]]: tensor<64xf32>
func.func @quantized_only(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> !chordal.quantized<?x64, "Q8"> {
  // CHECK-NEXT: %[[R:.+]] = chordal.fused "norm_quantize" (%[[A:.+]] = %[[X]], %[[B:.+]] = %[[W]]) : (tensor<?x64xf32>, tensor<64xf32>) -> !chordal.quantized<?x64, "Q8"> {
  // CHECK-NEXT: %[[N:.+]] = chordal.rms_norm %[[A]], %[[B]] {epsilon = {{.*}}}
  // CHECK-NEXT: %[[Q:.+]] = chordal.quantize %[[N]]
  // CHECK-NEXT: chordal.yield %[[Q]] : !chordal.quantized<?x64, "Q8">
  // CHECK-NEXT: }
  // CHECK-NEXT: return %[[R]]
  // REMARK: remark: [Passed] fused | Category:fuse-quantize | Function=quantized_only | {{.*}}fused rms_norm and quantize"
  %n = chordal.rms_norm %x, %w {epsilon = 1.0e-5} : tensor<?x64xf32>, tensor<64xf32>
  %q = chordal.quantize %n : tensor<?x64xf32> -> !chordal.quantized<?x64, "Q8">
  return %q : !chordal.quantized<?x64, "Q8">
}

// Tests that the float32 value is yielded first if somebody else reads it, and is there for readers
// between the norm and the quantize.
// CHECK-LABEL: func.func @both
func.func @both(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> (tensor<?x64xf32>, !chordal.quantized<?x64, "Q8">) {
  // CHECK-NEXT: %[[R:.+]]:2 = chordal.fused "norm_quantize"
  // CHECK-SAME: -> (tensor<?x64xf32>, !chordal.quantized<?x64, "Q8">)
  // CHECK: chordal.yield %{{.+}}, %{{.+}} : tensor<?x64xf32>, !chordal.quantized<?x64, "Q8">
  // CHECK: %[[S:.+]] = chordal.scale %[[R]]#0
  // CHECK-NEXT: return %[[S]], %[[R]]#1
  // REMARK: remark: [Passed] fused | {{.*}}Function=both | {{.*}}the float32 value has other readers and is yielded too
  %n = chordal.rms_norm %x, %w {epsilon = 1.0e-5} : tensor<?x64xf32>, tensor<64xf32>
  %s = chordal.scale %n {factor = 2.0} : tensor<?x64xf32>
  %q = chordal.quantize %n : tensor<?x64xf32> -> !chordal.quantized<?x64, "Q8">
  return %s, %q : tensor<?x64xf32>, !chordal.quantized<?x64, "Q8">
}

// Tests that layer norms are fused too.
// CHECK-LABEL: func.func @layer_norm
func.func @layer_norm(%x: tensor<?x64xf32>, %w: tensor<64xf32>, %b: tensor<64xf32>) -> !chordal.quantized<?x64, "Q8"> {
  // CHECK: chordal.fused "norm_quantize"
  // CHECK: chordal.layer_norm
  // CHECK-NEXT: chordal.quantize
  // REMARK: remark: [Passed] fused | {{.*}}Function=layer_norm | {{.*}}fused layer_norm and quantize
  %n = chordal.layer_norm %x, %w, %b {epsilon = 1.0e-5} : tensor<?x64xf32>, tensor<64xf32>, tensor<64xf32>
  %q = chordal.quantize %n : tensor<?x64xf32> -> !chordal.quantized<?x64, "Q8">
  return %q : !chordal.quantized<?x64, "Q8">
}

// Tests that combined attention is fused as norms are.
// CHECK-LABEL: func.func @combined
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x136xf32>
func.func @combined(%x: tensor<?x136xf32>) -> !chordal.quantized<?x64, "Q8"> {
  // CHECK-NEXT: %[[R:.+]] = chordal.fused "combine_quantize" (%[[A:.+]] = %[[X]]) : (tensor<?x136xf32>) -> !chordal.quantized<?x64, "Q8"> {
  // CHECK-NEXT: %[[C:.+]] = chordal.attention_combine %[[A]] {splits = 2, head_dim = 32}
  // CHECK-NEXT: %[[Q:.+]] = chordal.quantize %[[C]]
  // CHECK-NEXT: chordal.yield %[[Q]] : !chordal.quantized<?x64, "Q8">
  // REMARK: remark: [Passed] fused | {{.*}}Function=combined | {{.*}}fused attention_combine and quantize
  %c = chordal.attention_combine %x {splits = 2, head_dim = 32} : tensor<?x136xf32>
  %q = chordal.quantize %c : tensor<?x64xf32> -> !chordal.quantized<?x64, "Q8">
  return %q : !chordal.quantized<?x64, "Q8">
}

// Tests that a norm per head is not fused.
// CHECK-LABEL: func.func @per_head
func.func @per_head(%x: tensor<?x64xf32>, %w: tensor<32xf32>) -> !chordal.quantized<?x64, "Q8"> {
  // CHECK-NOT: chordal.fused
  // REMARK: [[#@LINE+1]]:{{[0-9]+}}: remark: [Missed] norm-per-group | Category:fuse-quantize | Function=per_head | {{.*}}not fused with quantize, because it normalises groups of 32 features
  %n = chordal.rms_norm %x, %w {epsilon = 1.0e-5, group = 32} : tensor<?x64xf32>, tensor<32xf32>
  %q = chordal.quantize %n : tensor<?x64xf32> -> !chordal.quantized<?x64, "Q8">
  return %q : !chordal.quantized<?x64, "Q8">
}

// Tests that norms that nobody quantises stay as they are.
// CHECK-LABEL: func.func @not_quantized
func.func @not_quantized(%x: tensor<?x64xf32>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: chordal.rms_norm
  // CHECK-NEXT: return
  %n = chordal.rms_norm %x, %w {epsilon = 1.0e-5} : tensor<?x64xf32>, tensor<64xf32>
  return %n : tensor<?x64xf32>
}
// REMARK-NOT: [Missed]
