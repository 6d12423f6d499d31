// RUN: chordal-opt %s --fuse-epilogues | FileCheck %s
// RUN: chordal-opt %s --fuse-epilogues --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

chordal.weight @attn_bias : tensor<64xf32> = #chordal.span<shard = 0, offset = 0, bytes = 256>

// Tests that a residual addition is fused, and that its result may have many readers.
// CHECK-LABEL: func.func @residual
// CHECK-SAME: %[[X:[^:]+]]: !chordal.quantized<?x256, "Q8">, %[[W:[^:]+]]: !chordal.quantized<64x256, "Q4_K">, %[[H:[^:]+]]: tensor<?x64xf32>
func.func @residual(%x: !chordal.quantized<?x256, "Q8">, %w: !chordal.quantized<64x256, "Q4_K">, %h: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NEXT: %[[R:.+]] = chordal.fused "matmul_epilogue" (%[[A:.+]] = %[[X]], %[[B:.+]] = %[[W]], %[[C:.+]] = %[[H]]) :
  // CHECK-SAME: -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Y:.+]] = chordal.matmul %[[A]], (%[[B]])
  // CHECK-NEXT: %[[Z:.+]] = arith.addf %[[C]], %[[Y]]
  // CHECK-NEXT: chordal.yield %[[Z]]
  // CHECK-NEXT: }
  // CHECK-NEXT: %[[S:.+]] = chordal.scale %[[R]]
  // CHECK-NEXT: return %[[R]], %[[S]]
  // REMARK: remark: [Passed] fused | Category:fuse-epilogues | Function=residual | {{.*}}fused 1 element-wise ops into a matmul
  %y = chordal.matmul %x, (%w) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %z = arith.addf %h, %y : tensor<?x64xf32>
  %s = chordal.scale %z {factor = 2.0} : tensor<?x64xf32>
  return %z, %s : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that a bias is fused although it is broadcast to the shape of the result and loaded after the
// matmul, and then a scale and an activation.
// CHECK-LABEL: func.func @bias
func.func @bias(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "F16">) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[V:.+]] = chordal.load_weight @attn_bias
  // CHECK-NEXT: %[[R:.+]] = chordal.fused "matmul_epilogue" (%[[A:.+]] = %{{.+}}, %[[B:.+]] = %{{.+}}, %[[C:.+]] = %[[V]]) :
  // CHECK-NEXT: %[[Y:.+]] = chordal.matmul %[[A]], (%[[B]])
  // CHECK-NEXT: %[[D:.+]] = chordal.broadcast %[[C]], %[[Y]]
  // CHECK-NEXT: %[[Z:.+]] = arith.addf %[[Y]], %[[D]]
  // CHECK-NEXT: %[[S:.+]] = chordal.scale %[[Z]]
  // CHECK-NEXT: %[[T:.+]] = chordal.activate %[[S]]
  // CHECK-NEXT: chordal.yield %[[T]]
  // CHECK: return %[[R]]
  %y = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">) -> tensor<?x64xf32>
  %v = chordal.load_weight @attn_bias : tensor<64xf32>
  %b = chordal.broadcast %v, %y : tensor<64xf32>, tensor<?x64xf32>
  %z = arith.addf %y, %b : tensor<?x64xf32>
  %s = chordal.scale %z {factor = 2.0} : tensor<?x64xf32>
  %t = chordal.activate %s {activation = gelu} : tensor<?x64xf32>
  return %t : tensor<?x64xf32>
}

// Tests that each result of a matmul has its own chain, that a result without one is yielded as it
// is, and that readers between the ops of different chains see the fused values.
// CHECK-LABEL: func.func @chains
func.func @chains(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "F16">, %v: !chordal.quantized<32x256, "F16">, %h: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>) {
  // CHECK-NEXT: %[[R:.+]]:3 = chordal.fused "matmul_epilogue"
  // CHECK-SAME: -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>)
  // CHECK-NEXT: %[[Y:.+]]:3 = chordal.matmul
  // CHECK-NEXT: %[[P:.+]] = arith.addf %[[Y]]#0,
  // CHECK-NEXT: %[[Q:.+]] = chordal.scale %[[Y]]#2
  // CHECK-NEXT: chordal.yield %[[P]], %[[Y]]#1, %[[Q]]
  // CHECK-NEXT: }
  // CHECK-NEXT: %[[N:.+]] = chordal.rms_norm %[[R]]#0
  // CHECK-NEXT: return %[[N]], %[[R]]#1, %[[R]]#2
  %a, %b, %c = chordal.matmul %x, (%w, %v, %w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">, !chordal.quantized<32x256, "F16">, !chordal.quantized<64x256, "F16">) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>)
  %p = arith.addf %a, %h : tensor<?x64xf32>
  %n = chordal.rms_norm %p {epsilon = 1.0e-5} : tensor<?x64xf32>
  %q = chordal.scale %c {factor = 2.0} : tensor<?x64xf32>
  return %n, %b, %q : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>
}

// Tests that a gated unit is fused into the matmul of its two inputs, with a bias before and an
// addition after the gate.
// CHECK-LABEL: func.func @gate
func.func @gate(%x: tensor<?x256xf32>, %g: !chordal.quantized<64x256, "Q4_K">, %u: !chordal.quantized<64x256, "Q4_K">, %v: tensor<64xf32>, %h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK-NEXT: chordal.fused "matmul_epilogue"
  // CHECK-SAME: -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Y:.+]]:2 = chordal.matmul
  // CHECK-NEXT: %[[B:.+]] = chordal.broadcast %{{.+}}, %[[Y]]#1
  // CHECK-NEXT: %[[U:.+]] = arith.addf %[[Y]]#1, %[[B]]
  // CHECK-NEXT: %[[G:.+]] = chordal.glu %[[Y]]#0, %[[U]] {activation = silu}
  // CHECK-NEXT: %[[H:.+]] = arith.addf %[[G]],
  // CHECK-NEXT: chordal.yield %[[H]]
  // REMARK-NOT: Function=gate {{.*}}not fused
  // REMARK: Function=gate | {{.*}}fused 4 element-wise ops
  %a, %b = chordal.matmul %x, (%g, %u) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "Q4_K">) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  %bias = chordal.broadcast %v, %h : tensor<64xf32>, tensor<?x64xf32>
  %c = arith.addf %b, %bias : tensor<?x64xf32>
  %d = chordal.glu %a, %c {activation = silu} : tensor<?x64xf32>
  %e = arith.addf %d, %h : tensor<?x64xf32>
  return %e : tensor<?x64xf32>
}

// Tests that a gate is not fused if the formats differ: workers have different tiles of the two.
// CHECK-LABEL: func.func @gate_of_two_formats
func.func @gate_of_two_formats(%x: tensor<?x256xf32>, %g: !chordal.quantized<64x256, "Q4_K">, %u: !chordal.quantized<64x256, "Q6_K">) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Y:.+]]:2 = chordal.matmul
  // CHECK-NEXT: chordal.glu %[[Y]]#0, %[[Y]]#1
  // REMARK: [[#@LINE+1]]:{{[0-9]+}}: remark: [Missed] weights-differ | Category:fuse-epilogues | Function=gate_of_two_formats | {{.*}}not fused with chordal.glu, because the weights differ (Q4_K 64x256, Q6_K 64x256)
  %a, %b = chordal.matmul %x, (%g, %u) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "Q6_K">) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  %c = chordal.glu %a, %b {activation = silu} : tensor<?x64xf32>
  return %c : tensor<?x64xf32>
}

// Tests that nothing is combined in a matmul with a third weight.
// CHECK-LABEL: func.func @gate_of_three
func.func @gate_of_three(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NEXT: chordal.matmul
  // CHECK-NEXT: chordal.glu
  // REMARK: remark: [Missed] weights-differ | {{.*}} | Function=gate_of_three | {{.*}}only results of matmuls of two weights are combined, and this has 3
  %a, %b, %c = chordal.matmul %x, (%w, %w, %w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "Q4_K">) -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
  %d = chordal.glu %a, %b {activation = silu} : tensor<?x64xf32>
  return %c, %d : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that a result with another reader is not fused with what follows.
// CHECK-LABEL: func.func @other_reader
func.func @other_reader(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">, %h: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NEXT: chordal.matmul
  // CHECK-NEXT: arith.addf
  // REMARK: remark: [Missed] result-has-other-readers | {{.*}} | Function=other_reader | {{.*}}not fused with what follows, because the result has other readers
  %y = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %z = arith.addf %y, %h : tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that of two matmuls that are added the later one takes in the addition.
// CHECK-LABEL: func.func @sum
func.func @sum(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[A:.+]] = chordal.matmul
  // CHECK-NEXT: %[[S:.+]] = chordal.scale
  // CHECK-NEXT: chordal.fused "matmul_epilogue" (%{{.+}} = %[[S]], %{{.+}} = %{{.+}}, %[[C:.+]] = %[[A]])
  // CHECK-NEXT: %[[B:.+]] = chordal.matmul
  // CHECK-NEXT: arith.addf %[[C]], %[[B]]
  // REMARK: [[#@LINE+1]]:{{[0-9]+}}: remark: [Missed] operand-comes-later | {{.*}} | Function=sum | {{.*}}not fused with arith.addf, because that also reads what is computed after the matmul
  %a = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %s = chordal.scale %x {factor = 2.0} : tensor<?x256xf32>
  %b = chordal.matmul %s, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %c = arith.addf %a, %b : tensor<?x64xf32>
  return %c : tensor<?x64xf32>
}

// Tests that a broadcast that others read too is copied.
// CHECK-LABEL: func.func @shared_broadcast
func.func @shared_broadcast(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">, %v: tensor<64xf32>, %h: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NEXT: %[[B:.+]] = chordal.broadcast
  // CHECK-NEXT: chordal.fused "matmul_epilogue"
  // CHECK-NEXT: %[[Y:.+]] = chordal.matmul
  // CHECK-NEXT: %[[C:.+]] = chordal.broadcast %{{.+}}, %[[Y]]
  // CHECK-NEXT: arith.mulf %[[Y]], %[[C]]
  // CHECK: return %{{.+}}, %[[B]]
  %b = chordal.broadcast %v, %h : tensor<64xf32>, tensor<?x64xf32>
  %y = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %z = arith.mulf %y, %b : tensor<?x64xf32>
  return %z, %b : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that the soft cap of logits is fused, and a norm is not.
// CHECK-LABEL: func.func @softcap
func.func @softcap(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32> {
  // CHECK: chordal.matmul
  // CHECK-NEXT: chordal.softcap
  // CHECK-NEXT: chordal.yield
  // CHECK-NEXT: }
  // CHECK-NEXT: chordal.rms_norm
  %y = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  %z = chordal.softcap %y {cap = 30.0} : tensor<?x64xf32>
  %n = chordal.rms_norm %z {epsilon = 1.0e-5} : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}
// REMARK-NOT: [Missed]
