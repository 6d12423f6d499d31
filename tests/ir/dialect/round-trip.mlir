// RUN: chordal-opt %s | chordal-opt | FileCheck %s
// RUN: chordal-opt %s > %t.once && chordal-opt %t.once > %t.twice && diff %t.once %t.twice
// RUN: chordal-opt --mlir-print-op-generic %s | chordal-opt | diff - %t.once

// Tests that symbols round-trip, in every form of their types.
// CHECK: module attributes {chordal.model = {architecture = "llama", context_length = 4096 : i64}}
module attributes {chordal.model = {architecture = "llama", context_length = 4096 : i64}} {

// CHECK: chordal.weight @token_embd.weight : !chordal.quantized<512x256, "Q4_K"> = #chordal.span<shard = 0, offset = 64, bytes = 73728>
chordal.weight @token_embd.weight : !chordal.quantized<512x256, "Q4_K"> = #chordal.span<shard = 0, offset = 64, bytes = 73728>
// CHECK: chordal.weight @w.f32 : !chordal.quantized<256x256, "F32">
chordal.weight @w.f32 : !chordal.quantized<256x256, "F32"> = #chordal.span<shard = 1, offset = 0, bytes = 262144>
// CHECK: chordal.weight @w.packed : !chordal.quantized<64x256, "Q6_K", "x8"> = #chordal.span<shard = 0, offset = 0, bytes = 13440>
chordal.weight @w.packed : !chordal.quantized<64x256, "Q6_K", "x8"> = #chordal.span<shard = 0, offset = 0, bytes = 13440>
// CHECK: chordal.weight @w.experts : !chordal.quantized<4x64x256, "Q8_0">
chordal.weight @w.experts : !chordal.quantized<4x64x256, "Q8_0"> = #chordal.span<shard = 0, offset = 0, bytes = 69632>
// CHECK: chordal.weight @norm.weight : tensor<256xf32> = #chordal.span<shard = 0, offset = 32, bytes = 1024>
chordal.weight @norm.weight : tensor<256xf32> = #chordal.span<shard = 0, offset = 32, bytes = 1024>
// CHECK: chordal.weight @"odd name" : tensor<64xf32>
chordal.weight @"odd name" : tensor<64xf32> = #chordal.span<shard = 0, offset = 32, bytes = 256>
// CHECK: chordal.state @kv.0 : !chordal.kv<4 x 64, k = f16, v = f16>
chordal.state @kv.0 : !chordal.kv<4 x 64, k = f16, v = f16>
// CHECK: chordal.state @kv.1 : !chordal.kv<1 x 192 / 128, k = f32, v = f16>
chordal.state @kv.1 : !chordal.kv<1 x 192 / 128, k = f32, v = f16>
// CHECK: chordal.constant @rope.0 dense<[1.000000e+00, 0.749894201, 1.17549435E-38, 1.401300e-45]> : tensor<4xf32>
chordal.constant @rope.0 dense<[1.0, 0.749894202, 1.17549435e-38, 0x00000001]> : tensor<4xf32>
// CHECK: chordal.constant @"rope frequencies" dense<0.333333343> : tensor<32xf32>
chordal.constant @"rope frequencies" dense<0.333333343> : tensor<32xf32>

// Tests that each graph op round-trips in a step function.
// CHECK-LABEL: func.func @step_16(
// CHECK-SAME: !chordal.kv<4 x 64, k = f16, v = f16> {chordal.state = @kv.0}
// CHECK-SAME: attributes {chordal.tokens = array<i64: 2, 16>}
func.func @step_16(%token: tensor<?xi32>, %position: tensor<?xi32>, %sequence: tensor<?xi32>,
                   %output_row: tensor<?xi32>,
                   %kv0: !chordal.kv<4 x 64, k = f16, v = f16> {chordal.state = @kv.0})
    -> (tensor<?x512xf32>, !chordal.kv<4 x 64, k = f16, v = f16>)
    attributes {chordal.tokens = array<i64: 2, 16>} {
  // CHECK: %[[E:.+]] = chordal.load_weight @token_embd.weight : !chordal.quantized<512x256, "Q4_K">
  %e = chordal.load_weight @token_embd.weight : !chordal.quantized<512x256, "Q4_K">
  // CHECK: %[[W:.+]] = chordal.load_weight @w.f32
  %w = chordal.load_weight @w.f32 : !chordal.quantized<256x256, "F32">
  // CHECK: %[[N:.+]] = chordal.load_weight @norm.weight : tensor<256xf32>
  %n = chordal.load_weight @norm.weight : tensor<256xf32>
  %h = chordal.load_weight @"odd name" : tensor<64xf32>
  // CHECK: %[[F:.+]] = chordal.load_constant @"rope frequencies" : tensor<32xf32>
  %f = chordal.load_constant @"rope frequencies" : tensor<32xf32>

  // CHECK: chordal.embed %{{.+}}, %[[E]] : tensor<?xi32>, !chordal.quantized<512x256, "Q4_K"> -> tensor<?x256xf32>
  %x = chordal.embed %token, %e : tensor<?xi32>, !chordal.quantized<512x256, "Q4_K"> -> tensor<?x256xf32>
  // CHECK: chordal.rms_norm %{{.+}}, %[[N]] {epsilon = 9.99999974E-6} : tensor<?x256xf32>, tensor<256xf32>
  %1 = chordal.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : tensor<?x256xf32>, tensor<256xf32>
  // CHECK: chordal.rms_norm %{{.+}} {epsilon = 0.000000e+00} : tensor<?x256xf32>
  %2 = chordal.rms_norm %x {epsilon = 0.0} : tensor<?x256xf32>
  // CHECK: chordal.rms_norm %{{.+}} {epsilon = 1.000000e+00, group = 64} : tensor<?x256xf32>, tensor<64xf32>
  %3 = chordal.rms_norm %1, %h {group = 64 : i64, epsilon = 1.0} : tensor<?x256xf32>, tensor<64xf32>
  // CHECK: chordal.layer_norm %{{.+}}, %[[N]] {epsilon = 1.000000e+00} : tensor<?x256xf32>, tensor<256xf32>
  %4 = chordal.layer_norm %3, %n {epsilon = 1.0} : tensor<?x256xf32>, tensor<256xf32>
  // CHECK: chordal.layer_norm %{{.+}}, %{{.+}}, %{{.+}} {epsilon = 1.000000e+00, group = 64} : tensor<?x256xf32>, tensor<64xf32>, tensor<64xf32>
  %5 = chordal.layer_norm %4, %h, %h {epsilon = 1.0, group = 64} : tensor<?x256xf32>, tensor<64xf32>, tensor<64xf32>

  // CHECK: %[[D:.+]] = chordal.dequantize %[[W]] : !chordal.quantized<256x256, "F32"> -> tensor<256x256xf32>
  %d = chordal.dequantize %w : !chordal.quantized<256x256, "F32"> -> tensor<256x256xf32>
  // CHECK: %[[Q:.+]] = chordal.quantize %{{.+}} : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  %q8 = chordal.quantize %5 : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  // CHECK: chordal.dequantize %[[Q]] : !chordal.quantized<?x256, "Q8"> -> tensor<?x256xf32>
  %back = chordal.dequantize %q8 : !chordal.quantized<?x256, "Q8"> -> tensor<?x256xf32>
  // CHECK: chordal.matmul %{{.+}}, (%[[D]]) : (tensor<?x256xf32>, tensor<256x256xf32>) -> tensor<?x256xf32>
  %q = chordal.matmul %back, (%d) : (tensor<?x256xf32>, tensor<256x256xf32>) -> tensor<?x256xf32>
  // CHECK: %{{.+}}:2 = chordal.matmul %[[Q]], (%[[W]], %[[E]]) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<256x256, "F32">, !chordal.quantized<512x256, "Q4_K">) -> (tensor<?x256xf32>, tensor<?x512xf32>)
  %k, %l = chordal.matmul %q8, (%w, %e) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<256x256, "F32">, !chordal.quantized<512x256, "Q4_K">) -> (tensor<?x256xf32>, tensor<?x512xf32>)

  // CHECK: chordal.rope_table %{{.+}}, %[[F]] : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
  %t = chordal.rope_table %position, %f : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
  // CHECK: chordal.rope_table %{{.+}}, %[[F]] {magnitude = 5.000000e-01 : f32} : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
  %t2 = chordal.rope_table %position, %f {magnitude = 0.5 : f32} : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
  // CHECK: chordal.rope %{{.+}}, %{{.+}} {head_dim = 64, style = interleaved} : tensor<?x256xf32>, tensor<?x64xf32>
  %qr = chordal.rope %q, %t {head_dim = 64, style = interleaved} : tensor<?x256xf32>, tensor<?x64xf32>
  // CHECK: chordal.rope %{{.+}}, %{{.+}} {head_dim = 128, style = half_split} : tensor<?x256xf32>, tensor<?x64xf32>
  %kr = chordal.rope %k, %t2 {style = half_split, head_dim = 128} : tensor<?x256xf32>, tensor<?x64xf32>
  // CHECK: chordal.kv_append %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?x256xf32>, tensor<?x256xf32>
  %kv1 = chordal.kv_append %kv0, %kr, %k, %position, %sequence : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?x256xf32>, tensor<?x256xf32>
  // CHECK: chordal.attention %{{.+}} {scale = 1.250000e-01} : tensor<?x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  %o = chordal.attention %qr, %kv1, %position, %sequence {scale = 0.125} : tensor<?x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  // CHECK: chordal.attention %{{.+}} {scale = 1.250000e-01, splits = 8} : tensor<?x256xf32>
  %parts = chordal.attention %qr, %kv1, %position, %sequence {scale = 0.125, splits = 8} : tensor<?x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  // CHECK: chordal.attention_combine %{{.+}} {splits = 8, head_dim = 64} : tensor<?x2112xf32>
  %combined = chordal.attention_combine %parts {splits = 8, head_dim = 64} : tensor<?x2112xf32>
  // CHECK: chordal.attention %{{.+}} {scale = 1.250000e-01, softcap = 5.000000e+01, window = 512} : tensor<?x256xf32>
  %o2 = chordal.attention %qr, %kv1, %position, %sequence {scale = 0.125, softcap = 50.0, window = 512} : tensor<?x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>

  // CHECK: chordal.glu %{{.+}}, %{{.+}} {activation = silu} : tensor<?x256xf32>
  %g = chordal.glu %o, %o2 {activation = silu} : tensor<?x256xf32>
  // CHECK: chordal.glu {{.+}} {activation = gelu_tanh}
  %g2 = chordal.glu %g, %o2 {activation = gelu_tanh} : tensor<?x256xf32>
  // CHECK: chordal.activate %{{.+}} {activation = gelu} : tensor<?x256xf32>
  %a = chordal.activate %g2 {activation = gelu} : tensor<?x256xf32>
  // CHECK: chordal.activate {{.+}} {activation = relu}
  %a2 = chordal.activate %a {activation = relu} : tensor<?x256xf32>
  // CHECK: chordal.scale %{{.+}} {factor = 0.333333343} : tensor<?x256xf32>
  %s = chordal.scale %a2 {factor = 0.333333343} : tensor<?x256xf32>
  // CHECK: chordal.softcap %{{.+}} {cap = 3.000000e+01} : tensor<?x256xf32>
  %c = chordal.softcap %s {cap = 30.0} : tensor<?x256xf32>
  // CHECK: chordal.broadcast %[[N]], %{{.+}} : tensor<256xf32>, tensor<?x256xf32>
  %b = chordal.broadcast %n, %c : tensor<256xf32>, tensor<?x256xf32>
  // CHECK: arith.addf %{{.+}}, %{{.+}} : tensor<?x256xf32>
  %r = arith.addf %b, %c : tensor<?x256xf32>
  // CHECK: chordal.gather_rows %{{.+}}, %{{.+}} : tensor<?x256xf32>, tensor<?xi32>
  %out = chordal.gather_rows %r, %output_row : tensor<?x256xf32>, tensor<?xi32>
  // CHECK: chordal.gather_rows %{{.+}}, %{{.+}} : tensor<?xi32>, tensor<?xi32>
  %p = chordal.gather_rows %position, %output_row : tensor<?xi32>, tensor<?xi32>
  %logits = chordal.matmul %out, (%e) : (tensor<?x256xf32>, !chordal.quantized<512x256, "Q4_K">) -> tensor<?x512xf32>
  return %logits, %kv1 : tensor<?x512xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
}

// Tests that ops with regions round-trip, with and without their optional parts.
// CHECK-LABEL: func.func @regions
func.func @regions(%x: tensor<?x256xf32>) -> (tensor<?x256xf32>, !chordal.quantized<?x256, "Q8">) {
  %w = chordal.load_weight @w.f32 : !chordal.quantized<256x256, "F32">
  // CHECK: %{{.+}}:2 = chordal.fused "norm_quantize" (%[[A:.+]] = %{{.+}}) : (tensor<?x256xf32>) -> (tensor<?x256xf32>, !chordal.quantized<?x256, "Q8">) {
  // CHECK-NEXT: %[[B:.+]] = chordal.rms_norm %[[A]] {epsilon = 1.000000e+00} : tensor<?x256xf32>
  // CHECK-NEXT: %[[C:.+]] = chordal.quantize %[[B]]
  // CHECK-NEXT: chordal.yield %[[B]], %[[C]] : tensor<?x256xf32>, !chordal.quantized<?x256, "Q8">
  // CHECK-NEXT: }
  %n, %q = chordal.fused "norm_quantize" (%a = %x) : (tensor<?x256xf32>) -> (tensor<?x256xf32>, !chordal.quantized<?x256, "Q8">) {
    %0 = chordal.rms_norm %a {epsilon = 1.0} : tensor<?x256xf32>
    %1 = chordal.quantize %0 : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
    chordal.yield %0, %1 : tensor<?x256xf32>, !chordal.quantized<?x256, "Q8">
  }
  // CHECK: chordal.fused "nothing" () : () -> () attributes {note = "kept"} {
  // CHECK-NEXT: chordal.yield
  chordal.fused "nothing" () : () -> () attributes {note = "kept"} {
    chordal.yield
  }
  // CHECK: %[[D0:.+]] = chordal.dispatch 0 kernels({{\[\]}}) device("cpu") rows(tokens) (%{{.+}} = %{{.+}}, %{{.+}} = %{{.+}}) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<256x256, "F32">) -> tensor<?x256xf32> {
  %d0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %q, %b = %w) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<256x256, "F32">) -> tensor<?x256xf32> {
    %0 = chordal.matmul %a, (%b) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<256x256, "F32">) -> tensor<?x256xf32>
    chordal.yield %0 : tensor<?x256xf32>
  }
  // CHECK: %[[ARENA:.+]] = chordal.arena 1048576 : !chordal.arena
  %arena = chordal.arena 1048576 : !chordal.arena
  // CHECK: %[[S:.+]] = chordal.slice %[[ARENA]] at 4096, 1024 : !chordal.slice
  %s = chordal.slice %arena at 4096, 1024 : !chordal.slice
  // CHECK: chordal.dispatch 1 kernels({{\["elementwise", "other"\]}}) device("cpu") rows(outputs) into(%[[S]]) after(0) (%{{.+}} = %[[D0]]) : (tensor<?x256xf32>) -> tensor<?x256xf32> attributes {functions = {{\[@function\]}}, parameters = array<i32: 4, -1>} {
  %d1 = chordal.dispatch 1 kernels(["elementwise", "other"]) device("cpu") rows(outputs) into(%s) after(0) (%a = %d0) : (tensor<?x256xf32>) -> tensor<?x256xf32> attributes {parameters = array<i32: 4, -1>, functions = [@function]} {
    // Tests that a fused op within a dispatch round-trips.
    // CHECK: chordal.fused "inner"
    %0 = chordal.fused "inner" (%b = %a) : (tensor<?x256xf32>) -> tensor<?x256xf32> {
      %1 = chordal.scale %b {factor = 2.0} : tensor<?x256xf32>
      chordal.yield %1 : tensor<?x256xf32>
    }
    chordal.yield %0 : tensor<?x256xf32>
  }
  // CHECK: %[[EVENT:.+]] = chordal.prefetch @w.f32 : !chordal.event
  %event = chordal.prefetch @w.f32 : !chordal.event
  // CHECK: chordal.await %[[EVENT]]
  chordal.await %event
  // CHECK: chordal.release @w.f32
  chordal.release @w.f32
  return %d1, %q : tensor<?x256xf32>, !chordal.quantized<?x256, "Q8">
}
func.func private @function()
}
