// RUN: chordal-opt %s --split-input-file --verify-diagnostics

// Tests the bias of a router.
func.func @f(%x: tensor<?x8xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{has logits of 8 experts, but a bias of 4}}
  %e, %w = chordal.router %x, %b {gating = #chordal<gating softmax>, used = 2 : i64} : (tensor<?x8xf32>, tensor<4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// Tests that groups are of equal length.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{has 8 experts, which cannot be cut into 3 groups}}
  %e, %w = chordal.router %x {gating = #chordal<gating softmax>, groups = 3 : i64, used = 2 : i64} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// Tests that not more groups are used than there are.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{uses 3 of 2 groups of experts}}
  %e, %w = chordal.router %x {gating = #chordal<gating softmax>, groups = 2 : i64, groups_used = 3 : i64, used = 2 : i64} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// Tests that not more experts are used than can be chosen.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{uses 5 of 4 experts}}
  %e, %w = chordal.router %x {gating = #chordal<gating softmax>, groups = 2 : i64, used = 5 : i64} : (tensor<?x8xf32>) -> (tensor<?x5xi32>, tensor<?x5xf32>)
  return
}

// -----

// Tests that there are experts to group by.
func.func @f(%x: tensor<?x2xi32>) {
  // expected-error @below {{must have at least one expert}}
  %r = chordal.group_routes %x {count = 0 : i64} : (tensor<?x2xi32>) -> tensor<?x8xi32>
  return
}

// -----

// Tests that experts multiply rows of their length, shared or one for each.
func.func @f(%x: tensor<?x96xf32>, %r: tensor<?x8xi32>, %w: tensor<8x16x32xf32>) {
  // expected-error @below {{multiplies rows of 96 features for 2 experts with matrices whose rows have 32}}
  %y = chordal.moe_matmul %x, %r, (%w) : (tensor<?x96xf32>, tensor<?x8xi32>, tensor<8x16x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

// Tests that the weights of one op belong to the same experts.
func.func @f(%x: tensor<?x32xf32>, %r: tensor<?x8xi32>, %v: tensor<8x16x32xf32>, %w: tensor<4x16x32xf32>) {
  // expected-error @below {{has weights of different numbers of experts or columns (0 and 1)}}
  %y:2 = chordal.moe_matmul %x, %r, (%v, %w) : (tensor<?x32xf32>, tensor<?x8xi32>, tensor<8x16x32xf32>, tensor<4x16x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>)
  return
}

// -----

// Tests that there are as many biases as weights.
func.func @f(%x: tensor<?x32xf32>, %r: tensor<?x8xi32>, %w: tensor<8x16x32xf32>, %b: !chordal.quantized<8x16, "F32">) {
  // expected-error @below {{has 2 weights, but 1 biases}}
  %y:2 = chordal.moe_matmul %x, %r, (%w, %w) bias (%b) : (tensor<?x32xf32>, tensor<?x8xi32>, tensor<8x16x32xf32>, tensor<8x16x32xf32>, !chordal.quantized<8x16, "F32">) -> (tensor<?x32xf32>, tensor<?x32xf32>)
  return
}

// -----

// Tests the type of biases.
func.func @f(%x: tensor<?x32xf32>, %r: tensor<?x8xi32>, %w: tensor<8x16x32xf32>, %b: !chordal.quantized<8x16, "F16">) {
  // expected-error @below {{must have biases of type !chordal.quantized<8x16, "F32">, but bias 0 is}}
  %y = chordal.moe_matmul %x, %r, (%w) bias (%b) : (tensor<?x32xf32>, tensor<?x8xi32>, tensor<8x16x32xf32>, !chordal.quantized<8x16, "F16">) -> tensor<?x32xf32>
  return
}

// -----

// Tests that heads multiply rows of their length.
func.func @f(%x: tensor<?x32xf32>, %w: tensor<4x16x32xf32>) {
  // expected-error @below {{multiplies rows of 32 features with the matrices of 4 heads of 32}}
  %y = chordal.head_matmul %x, %w : (tensor<?x32xf32>, tensor<4x16x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

// Tests that a slice of a head lies in it.
func.func @f(%x: tensor<?x32xf32>) {
  // expected-error @below {{failed to infer returned types}}
  // expected-error @below {{the features 8 to 24 are not all of a head of 16}}
  %y = chordal.head_slice %x {begin = 8 : i64, head_dim = 16 : i64, size = 16 : i64} : (tensor<?x32xf32>) -> tensor<?x32xf32>
  return
}

// -----

// Tests that there is a sink for each query head.
func.func @f(%q: tensor<?x64xf32>, %kv: !chordal.kv<2 x 16, k = f32, v = f32>, %p: tensor<?xi32>, %s: tensor<3xf32>) {
  // expected-error @below {{has 4 query heads, but 3 sinks}}
  %y = chordal.attention %q, %kv, %p, %p, %s {scale = 0.25} : tensor<?x64xf32>, !chordal.kv<2 x 16, k = f32, v = f32>, tensor<3xf32>
  return
}

// -----

// Tests that an activation of one value is one.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{must have an activation of one value, but clamped_swiglu has two}}
  %y = chordal.activate %x {activation = clamped_swiglu} : tensor<?x64xf32>
  return
}
