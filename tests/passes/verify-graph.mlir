// RUN: chordal-opt %s --verify-graph --split-input-file --verify-diagnostics

// Tests that no matmul reads a dequantised value, be it a weight or activations.
func.func @dequantized(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">, %q: !chordal.quantized<?x256, "Q8">) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %f = chordal.dequantize %w : !chordal.quantized<64x256, "Q4_K"> -> tensor<64x256xf32>
  // expected-error @below {{'chordal.matmul' op reads a dequantised value after the phase 'graph'}}
  %y = chordal.matmul %x, (%f) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  %d = chordal.dequantize %q : !chordal.quantized<?x256, "Q8"> -> tensor<?x256xf32>
  // expected-error @below {{'chordal.matmul' op reads a dequantised value after the phase 'graph'}}
  %z = chordal.matmul %d, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// Tests that a matmul has at most four weights.
func.func @five(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "F16">) {
  // expected-error @below {{'chordal.matmul' op has 5 weights; kernels take at most 4}}
  %y:5 = chordal.matmul %x, (%w, %w, %w, %w, %w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">, !chordal.quantized<64x256, "F16">, !chordal.quantized<64x256, "F16">, !chordal.quantized<64x256, "F16">, !chordal.quantized<64x256, "F16">) -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>)
  return
}

// -----

// Tests that only formats that want it are multiplied with Q8.
func.func @float_weight(%x: !chordal.quantized<?x256, "Q8">, %w: !chordal.quantized<64x256, "Q4_K">, %v: !chordal.quantized<64x256, "F16">) {
  // expected-error @below {{'chordal.matmul' op reads Q8, but weight 1 of type '!chordal.quantized<64x256, "F16">' is not multiplied with that}}
  %y:2 = chordal.matmul %x, (%w, %v) : (!chordal.quantized<?x256, "Q8">, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "F16">) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  return
}

// -----

// Tests that a value is quantised once.
func.func @twice(%x: tensor<?x256xf32>) {
  // expected-note @below {{here}}
  %0 = chordal.quantize %x : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  // expected-error @below {{'chordal.quantize' op quantises a value that is quantised already}}
  %1 = chordal.quantize %x : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  return
}

// -----

// Tests that the kinds of fusions are known.
func.func @unknown_kind(%x: tensor<?x256xf32>) {
  // expected-error @below {{'chordal.fused' op is of kind 'norm'; known are norm_quantize, combine_quantize, matmul_epilogue, rope_append and expert_glu}}
  %y = chordal.fused "norm" (%a = %x) : (tensor<?x256xf32>) -> tensor<?x256xf32> {
    %0 = chordal.scale %a {factor = 2.0} : tensor<?x256xf32>
    chordal.yield %0 : tensor<?x256xf32>
  }
  return
}

// -----

// Tests that each kind of fusion holds its ops.
func.func @contents(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "F16">) {
  // expected-error @below {{'chordal.fused' op is of kind 'norm_quantize', but its ops are not those of this kind}}
  %0 = chordal.fused "norm_quantize" (%a = %x) : (tensor<?x256xf32>) -> !chordal.quantized<?x256, "Q8"> {
    %1 = chordal.quantize %a : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
    chordal.yield %1 : !chordal.quantized<?x256, "Q8">
  }
  // expected-error @below {{'chordal.fused' op is of kind 'matmul_epilogue', but its ops are not those of this kind}}
  %2 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">) -> tensor<?x64xf32> {
    %3 = chordal.matmul %a, (%b) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">) -> tensor<?x64xf32>
    chordal.yield %3 : tensor<?x64xf32>
  }
  // expected-error @below {{'chordal.fused' op is of kind 'rope_append', but its ops are not those of this kind}}
  %4 = chordal.fused "rope_append" (%a = %x) : (tensor<?x256xf32>) -> tensor<?x256xf32> {
    %5 = chordal.scale %a {factor = 2.0} : tensor<?x256xf32>
    chordal.yield %5 : tensor<?x256xf32>
  }
  return
}

// -----

// Tests that nothing is scheduled yet.
func.func @scheduled() {
  // expected-error @below {{'chordal.arena' op belongs to a later phase than 'graph'}}
  %a = chordal.arena 128 : !chordal.arena
  return
}

// -----

// Tests that states are used linearly.
!kv = !chordal.kv<1 x 32, k = f16, v = f16>
func.func @appended_twice(%k: tensor<?x32xf32>, %p: tensor<?xi32>, %kv: !kv) {
  // expected-error @below {{appends to a state that is appended to elsewhere}}
  %1 = chordal.kv_append %kv, %k, %k, %p, %p : !kv, tensor<?x32xf32>, tensor<?x32xf32>
  // expected-note @below {{the other append}}
  %2 = chordal.kv_append %kv, %k, %k, %p, %p : !kv, tensor<?x32xf32>, tensor<?x32xf32>
  return
}
