// RUN: chordal-opt %s --merge-projections | FileCheck %s
// RUN: chordal-opt %s --merge-projections --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: chordal-opt %s --merge-projections | chordal-opt --merge-projections > %t && chordal-opt %s --merge-projections | diff - %t

chordal.weight @q : !chordal.quantized<256x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 36864>
chordal.weight @k : !chordal.quantized<64x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 9216>
chordal.weight @v : !chordal.quantized<64x256, "Q6_K"> = #chordal.span<shard = 0, offset = 0, bytes = 13440>
chordal.weight @gate : !chordal.quantized<512x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 73728>
chordal.weight @up : !chordal.quantized<512x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 73728>
chordal.weight @f : !chordal.quantized<64x256, "F16"> = #chordal.span<shard = 0, offset = 0, bytes = 32768>

// Tests that query, key and value, whose formats differ, become one matmul where the first one was,
// and that the other weights are loaded before it.
// CHECK-LABEL: func.func @projections
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x256xf32>
func.func @projections(%x: tensor<?x256xf32>) -> (tensor<?x256xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-DAG: %[[Q0:.+]] = chordal.load_weight @q
  // CHECK-DAG: %[[K0:.+]] = chordal.load_weight @k
  // CHECK-DAG: %[[V0:.+]] = chordal.load_weight @v
  // CHECK-DAG: %[[Q:.+]] = chordal.dequantize %[[Q0]]
  // CHECK-DAG: %[[K:.+]] = chordal.dequantize %[[K0]]
  // CHECK-DAG: %[[V:.+]] = chordal.dequantize %[[V0]]
  // CHECK: %[[R:.+]]:3 = chordal.matmul %[[X]], (%[[Q]], %[[K]], %[[V]]) :
  // CHECK-SAME: -> (tensor<?x256xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
  // CHECK-NEXT: %[[S:.+]] = chordal.scale %[[R]]#0
  // CHECK-NEXT: return %[[S]], %[[R]]#1, %[[R]]#2
  // REMARK: merge-projections.mlir:[[#@LINE+3]]:{{[0-9]+}}: remark: [Passed] merged | Category:merge-projections | Function=projections | {{.*}}merged 3 matmuls of one input
  %q = chordal.load_weight @q : !chordal.quantized<256x256, "Q4_K">
  %qf = chordal.dequantize %q : !chordal.quantized<256x256, "Q4_K"> -> tensor<256x256xf32>
  %0 = chordal.matmul %x, (%qf) : (tensor<?x256xf32>, tensor<256x256xf32>) -> tensor<?x256xf32>
  %s = chordal.scale %0 {factor = 2.0} : tensor<?x256xf32>
  %k = chordal.load_weight @k : !chordal.quantized<64x256, "Q4_K">
  %kf = chordal.dequantize %k : !chordal.quantized<64x256, "Q4_K"> -> tensor<64x256xf32>
  %1 = chordal.matmul %x, (%kf) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  %v = chordal.load_weight @v : !chordal.quantized<64x256, "Q6_K">
  %vf = chordal.dequantize %v : !chordal.quantized<64x256, "Q6_K"> -> tensor<64x256xf32>
  %2 = chordal.matmul %x, (%vf) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  return %s, %1, %2 : tensor<?x256xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that the two inputs of a gated unit become one matmul without any third of the same input.
// CHECK-LABEL: func.func @parallel_block
// CHECK-SAME: %[[X:[^:]+]]: tensor<?x256xf32>
func.func @parallel_block(%x: tensor<?x256xf32>) -> (tensor<?x256xf32>, tensor<?x64xf32>, tensor<?x512xf32>) {
  %q = chordal.load_weight @q : !chordal.quantized<256x256, "Q4_K">
  %k = chordal.load_weight @k : !chordal.quantized<64x256, "Q4_K">
  %gate = chordal.load_weight @gate : !chordal.quantized<512x256, "Q4_K">
  %up = chordal.load_weight @up : !chordal.quantized<512x256, "Q4_K">
  // CHECK: %[[A:.+]]:2 = chordal.matmul %[[X]], (%{{.+}}, %{{.+}}) : {{.*}} -> (tensor<?x256xf32>, tensor<?x64xf32>)
  // CHECK-NEXT: %[[B:.+]]:2 = chordal.matmul %[[X]], (%{{.+}}, %{{.+}}) : {{.*}} -> (tensor<?x512xf32>, tensor<?x512xf32>)
  // CHECK-NEXT: %[[H:.+]] = chordal.glu %[[B]]#0, %[[B]]#1
  // CHECK-NEXT: return %[[A]]#0, %[[A]]#1, %[[H]]
  %0 = chordal.matmul %x, (%q) : (tensor<?x256xf32>, !chordal.quantized<256x256, "Q4_K">) -> tensor<?x256xf32>
  %g = chordal.matmul %x, (%gate) : (tensor<?x256xf32>, !chordal.quantized<512x256, "Q4_K">) -> tensor<?x512xf32>
  %1 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %u = chordal.matmul %x, (%up) : (tensor<?x256xf32>, !chordal.quantized<512x256, "Q4_K">) -> tensor<?x512xf32>
  %h = chordal.glu %g, %u {activation = silu} : tensor<?x512xf32>
  return %0, %1, %h : tensor<?x256xf32>, tensor<?x64xf32>, tensor<?x512xf32>
}

// Tests that weights that disagree about quantised activations are not merged.
// CHECK-LABEL: func.func @disagree
func.func @disagree(%x: tensor<?x256xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %k = chordal.load_weight @k : !chordal.quantized<64x256, "Q4_K">
  %f = chordal.load_weight @f : !chordal.quantized<64x256, "F16">
  // CHECK: %[[A:.+]] = chordal.matmul
  // CHECK-NEXT: %[[B:.+]] = chordal.matmul
  // CHECK-NEXT: return %[[A]], %[[B]]
  // REMARK: [[#@LINE+2]]:{{[0-9]+}}: remark: [Missed] weights-disagree | Category:merge-projections | Function=disagree | {{.*}}not merged, because its weight does not want quantised activations and that of another matmul of the same input does
  %0 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %1 = chordal.matmul %x, (%f) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">) -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that a matmul of four weights is full, and that the rest is merged among itself.
// CHECK-LABEL: func.func @six
func.func @six(%x: tensor<?x256xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  %k = chordal.load_weight @k : !chordal.quantized<64x256, "Q4_K">
  // CHECK: %[[A:.+]]:4 = chordal.matmul
  // CHECK-NEXT: %[[B:.+]]:2 = chordal.matmul
  // CHECK-NEXT: return %[[A]]#0, %[[A]]#1, %[[A]]#2, %[[A]]#3, %[[B]]#0, %[[B]]#1
  // REMARK: [[#@LINE+5]]:{{[0-9]+}}: remark: [Missed] too-many-weights | {{.*}} | Function=six | {{.*}}at most 4 weights
  %0 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %1 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %2 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %3 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %4 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %5 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that matmuls of different inputs stay apart.
// CHECK-LABEL: func.func @different_inputs
func.func @different_inputs(%x: tensor<?x256xf32>, %y: tensor<?x256xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %k = chordal.load_weight @k : !chordal.quantized<64x256, "Q4_K">
  // CHECK: chordal.matmul %{{.+}}, (%{{.+}}) :
  // CHECK-NEXT: chordal.matmul %{{.+}}, (%{{.+}}) :
  %0 = chordal.matmul %x, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %1 = chordal.matmul %y, (%k) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that a weight that is itself computed after the first matmul stays where it is.
// CHECK-LABEL: func.func @computed_weight
func.func @computed_weight(%x: tensor<?x64xf32>, %a: tensor<64x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK: chordal.matmul
  // CHECK-NEXT: chordal.scale
  // CHECK-NEXT: chordal.matmul
  // REMARK: [[#@LINE+3]]:{{[0-9]+}}: remark: [Missed] weight-comes-later | {{.*}} | Function=computed_weight | {{.*}}computed after the first matmul of the same input
  %0 = chordal.matmul %x, (%a) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  %b = chordal.scale %a {factor = 2.0} : tensor<64x64xf32>
  %1 = chordal.matmul %x, (%b) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}
// REMARK-NOT: remark:
