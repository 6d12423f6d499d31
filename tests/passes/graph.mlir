// RUN: chordal-opt %s --chordal-input --chordal-graph | FileCheck %s
// RUN: chordal-opt %s --chordal-graph > %t.once && chordal-opt %t.once --chordal-graph | diff %t.once -

// Tests the phase graph on one layer of a model of the llama family, twice with the same rope table:
// seven dispatches are left of the layer's 27 ops, and the phase leaves its own result alone.

!kv = !chordal.kv<2 x 64, k = f16, v = f16>
!x = tensor<?x256xf32>

module attributes {chordal.model = {architecture = "llama"}} {
  chordal.weight @embd : !chordal.quantized<512x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 73728>
  chordal.weight @norm : tensor<256xf32> = #chordal.span<shard = 0, offset = 0, bytes = 1024>
  chordal.weight @q : !chordal.quantized<256x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 36864>
  chordal.weight @k : !chordal.quantized<128x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 18432>
  chordal.weight @v : !chordal.quantized<128x256, "Q6_K"> = #chordal.span<shard = 0, offset = 0, bytes = 26880>
  chordal.weight @o : !chordal.quantized<256x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 36864>
  chordal.weight @gate : !chordal.quantized<512x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 73728>
  chordal.weight @up : !chordal.quantized<512x256, "Q4_K"> = #chordal.span<shard = 0, offset = 0, bytes = 73728>
  chordal.weight @down : !chordal.quantized<256x512, "Q6_K"> = #chordal.span<shard = 0, offset = 0, bytes = 107520>
  chordal.constant @rope.0 dense<0.5> : tensor<32xf32>
  chordal.state @kv.0 : !kv

  // CHECK-LABEL: func.func @step_16
  // CHECK-SAME: %[[TOKEN:[^:]+]]: tensor<?xi32>, %[[P:[^:]+]]: tensor<?xi32>, %[[S:[^:]+]]: tensor<?xi32>, %[[ROW:[^:]+]]: tensor<?xi32>, %[[KV:[^:]+]]: !chordal.kv
  func.func @step_16(%token: tensor<?xi32>, %position: tensor<?xi32>, %sequence: tensor<?xi32>, %output_row: tensor<?xi32>, %kv: !kv {chordal.state = @kv.0}) -> (tensor<?x512xf32>, !kv) attributes {chordal.tokens = array<i64: 2, 16>} {
    // CHECK-NOT: chordal.dequantize
    // CHECK: %[[X:.+]] = chordal.embed %[[TOKEN]]
    %embd = chordal.load_weight @embd : !chordal.quantized<512x256, "Q4_K">
    %x = chordal.embed %token, %embd : tensor<?xi32>, !chordal.quantized<512x256, "Q4_K"> -> !x

    // CHECK: %[[N:.+]] = chordal.fused "norm_quantize" (%{{.+}} = %[[X]],
    %norm = chordal.load_weight @norm : tensor<256xf32>
    %n = chordal.rms_norm %x, %norm {epsilon = 1.0e-5} : !x, tensor<256xf32>
    // CHECK: %[[QKV:.+]]:3 = chordal.matmul %[[N]]
    %q0 = chordal.load_weight @q : !chordal.quantized<256x256, "Q4_K">
    %q1 = chordal.dequantize %q0 : !chordal.quantized<256x256, "Q4_K"> -> tensor<256x256xf32>
    %q = chordal.matmul %n, (%q1) : (!x, tensor<256x256xf32>) -> !x
    %k0 = chordal.load_weight @k : !chordal.quantized<128x256, "Q4_K">
    %k1 = chordal.dequantize %k0 : !chordal.quantized<128x256, "Q4_K"> -> tensor<128x256xf32>
    %k = chordal.matmul %n, (%k1) : (!x, tensor<128x256xf32>) -> tensor<?x128xf32>
    %v0 = chordal.load_weight @v : !chordal.quantized<128x256, "Q6_K">
    %v1 = chordal.dequantize %v0 : !chordal.quantized<128x256, "Q6_K"> -> tensor<128x256xf32>
    %v = chordal.matmul %n, (%v1) : (!x, tensor<128x256xf32>) -> tensor<?x128xf32>

    // Each rotation states its table anew; after the phase there is one.
    %f0 = chordal.load_constant @rope.0 : tensor<32xf32>
    %t0 = chordal.rope_table %position, %f0 : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
    %rq = chordal.rope %q, %t0 {head_dim = 64, style = interleaved} : !x, tensor<?x64xf32>
    %f1 = chordal.load_constant @rope.0 : tensor<32xf32>
    %t1 = chordal.rope_table %position, %f1 : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
    %rk = chordal.rope %k, %t1 {head_dim = 64, style = interleaved} : tensor<?x128xf32>, tensor<?x64xf32>
    // CHECK: %[[T:.+]] = chordal.rope_table
    // CHECK-NOT: chordal.rope_table
    // CHECK: %[[RA:.+]]:2 = chordal.fused "rope_append" (%{{.+}} = %[[QKV]]#0, %{{.+}} = %[[QKV]]#1, %{{.+}} = %[[QKV]]#2, %{{.+}} = %[[T]], %{{.+}} = %[[P]], %{{.+}} = %[[S]], %{{.+}} = %[[KV]])
    %kv1 = chordal.kv_append %kv, %rk, %v, %position, %sequence : !kv, tensor<?x128xf32>, tensor<?x128xf32>
    // CHECK: %[[A:.+]] = chordal.attention %[[RA]]#0, %[[RA]]#1, {{.*}}splits = 8
    %a = chordal.attention %rq, %kv1, %position, %sequence {scale = 0.125} : !x, !kv
    // CHECK: %[[AQ:.+]] = chordal.fused "combine_quantize" (%{{.+}} = %[[A]])
    // CHECK: %[[H:.+]] = chordal.fused "matmul_epilogue" (%{{.+}} = %[[AQ]], %{{.+}} = %{{.+}}, %{{.+}} = %[[X]])
    %o0 = chordal.load_weight @o : !chordal.quantized<256x256, "Q4_K">
    %o1 = chordal.dequantize %o0 : !chordal.quantized<256x256, "Q4_K"> -> tensor<256x256xf32>
    %o = chordal.matmul %a, (%o1) : (!x, tensor<256x256xf32>) -> !x
    %h = arith.addf %o, %x : !x

    // CHECK: %[[M:.+]] = chordal.fused "norm_quantize" (%{{.+}} = %[[H]],
    %m = chordal.rms_norm %h, %norm {epsilon = 1.0e-5} : !x, tensor<256xf32>
    %g0 = chordal.load_weight @gate : !chordal.quantized<512x256, "Q4_K">
    %g1 = chordal.dequantize %g0 : !chordal.quantized<512x256, "Q4_K"> -> tensor<512x256xf32>
    %g = chordal.matmul %m, (%g1) : (!x, tensor<512x256xf32>) -> tensor<?x512xf32>
    %u0 = chordal.load_weight @up : !chordal.quantized<512x256, "Q4_K">
    %u1 = chordal.dequantize %u0 : !chordal.quantized<512x256, "Q4_K"> -> tensor<512x256xf32>
    %u = chordal.matmul %m, (%u1) : (!x, tensor<512x256xf32>) -> tensor<?x512xf32>
    // CHECK: %[[G:.+]] = chordal.fused "matmul_epilogue" (%{{.+}} = %[[M]],
    // CHECK: chordal.glu
    // CHECK: %[[GQ:.+]] = chordal.quantize %[[G]]
    %s = chordal.glu %g, %u {activation = silu} : tensor<?x512xf32>
    // CHECK: %[[D:.+]] = chordal.fused "matmul_epilogue" (%{{.+}} = %[[GQ]], %{{.+}} = %{{.+}}, %{{.+}} = %[[H]])
    %d0 = chordal.load_weight @down : !chordal.quantized<256x512, "Q6_K">
    %d1 = chordal.dequantize %d0 : !chordal.quantized<256x512, "Q6_K"> -> tensor<256x512xf32>
    %d = chordal.matmul %s, (%d1) : (tensor<?x512xf32>, tensor<256x512xf32>) -> !x
    %y = arith.addf %d, %h : !x

    // CHECK: %[[E:.+]] = chordal.gather_rows %[[D]], %[[ROW]]
    // CHECK: %[[EN:.+]] = chordal.fused "norm_quantize" (%{{.+}} = %[[E]],
    // CHECK: %[[L:.+]] = chordal.matmul %[[EN]]
    // CHECK: return %[[L]], %[[RA]]#1
    %e = chordal.gather_rows %y, %output_row : !x, tensor<?xi32>
    %en = chordal.rms_norm %e, %norm {epsilon = 1.0e-5} : !x, tensor<256xf32>
    %l1 = chordal.dequantize %embd : !chordal.quantized<512x256, "Q4_K"> -> tensor<512x256xf32>
    %l = chordal.matmul %en, (%l1) : (!x, tensor<512x256xf32>) -> tensor<?x512xf32>
    return %l, %kv1 : tensor<?x512xf32>, !kv
  }
}
