// RUN: chordal-opt %s | chordal-opt | FileCheck %s

// Tests that the ops of experts and heads round-trip.
// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<?x64xf32>, %logits: tensor<?x8xf32>, %bias: tensor<8xf32>,
                   %w: !chordal.quantized<8x32x64, "F32">, %d: !chordal.quantized<8x64x32, "F32">,
                   %b: !chordal.quantized<8x32, "F32">) -> tensor<?x64xf32> {
  // CHECK: %[[E:.+]], %[[W:.+]] = chordal.router %{{.+}} {gating = #chordal<gating softmax>, normalise, used = 2 : i64} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %e, %weights = chordal.router %logits {gating = #chordal<gating softmax>, normalise, used = 2 : i64} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: chordal.router %{{.+}}, %{{.+}} {gating = #chordal<gating sigmoid>, groups = 4 : i64, groups_used = 2 : i64, scale = 2.500000e+00 : f32, used = 2 : i64} : (tensor<?x8xf32>, tensor<8xf32>)
  %f, %others = chordal.router %logits, %bias {gating = #chordal<gating sigmoid>, groups = 4 : i64, groups_used = 2 : i64, scale = 2.5 : f32, used = 2 : i64} : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: %[[R:.+]] = chordal.group_routes %[[E]] {count = 8 : i64} : (tensor<?x2xi32>) -> tensor<?x8xi32>
  %routes = chordal.group_routes %e {count = 8 : i64} : (tensor<?x2xi32>) -> tensor<?x8xi32>
  // CHECK: %[[G:.+]]:2 = chordal.moe_matmul %{{.+}}, %[[R]], (%{{.+}}, %{{.+}}) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<8x32x64, "F32">, !chordal.quantized<8x32x64, "F32">) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  %g, %u = chordal.moe_matmul %x, %routes, (%w, %w) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<8x32x64, "F32">, !chordal.quantized<8x32x64, "F32">) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  // CHECK: chordal.moe_matmul %{{.+}}, %[[R]], (%{{.+}}) bias(%{{.+}})
  %h = chordal.moe_matmul %x, %routes, (%w) bias (%b) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<8x32x64, "F32">, !chordal.quantized<8x32, "F32">) -> tensor<?x64xf32>
  // CHECK: chordal.glu %[[G]]#0, %[[G]]#1 {activation = clamped_swiglu}
  %a = chordal.glu %g, %u {activation = clamped_swiglu} : tensor<?x64xf32>
  %y = chordal.moe_matmul %a, %routes, (%d) : (tensor<?x64xf32>, tensor<?x8xi32>, !chordal.quantized<8x64x32, "F32">) -> tensor<?x128xf32>
  // CHECK: chordal.moe_combine %{{.+}}, %[[W]] : (tensor<?x128xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
  %z = chordal.moe_combine %y, %weights : (tensor<?x128xf32>, tensor<?x2xf32>) -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @heads
func.func @heads(%x: tensor<?x64xf32>, %w: !chordal.quantized<4x32x16, "F16">) -> tensor<?x128xf32> {
  // CHECK: chordal.head_matmul %{{.+}}, %{{.+}} : (tensor<?x64xf32>, !chordal.quantized<4x32x16, "F16">) -> tensor<?x128xf32>
  %y = chordal.head_matmul %x, %w : (tensor<?x64xf32>, !chordal.quantized<4x32x16, "F16">) -> tensor<?x128xf32>
  // CHECK: chordal.head_slice %{{.+}} {begin = 8 : i64, head_dim = 32 : i64, size = 16 : i64} : (tensor<?x128xf32>) -> tensor<?x64xf32>
  %s = chordal.head_slice %y {begin = 8 : i64, head_dim = 32 : i64, size = 16 : i64} : (tensor<?x128xf32>) -> tensor<?x64xf32>
  // CHECK: chordal.head_join %{{.+}}, %{{.+}} {heads = 4 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x128xf32>
  %j = chordal.head_join %x, %s {heads = 4 : i64} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x128xf32>
  return %j : tensor<?x128xf32>
}

// CHECK-LABEL: func.func @sinks
func.func @sinks(%q: tensor<?x64xf32>, %kv: !chordal.kv<2 x 16, k = f32, v = f32>, %p: tensor<?xi32>, %s: tensor<4xf32>) -> tensor<?x64xf32> {
  // CHECK: chordal.attention %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}} {scale = 2.500000e-01} : tensor<?x64xf32>, !chordal.kv<2 x 16, k = f32, v = f32>, tensor<4xf32>
  %y = chordal.attention %q, %kv, %p, %p, %s {scale = 0.25} : tensor<?x64xf32>, !chordal.kv<2 x 16, k = f32, v = f32>, tensor<4xf32>
  return %y : tensor<?x64xf32>
}
