// RUN: chordal-opt %s --verify-input --split-input-file --verify-diagnostics

// Tests that a module without a step function is no model.
// expected-error @below {{'builtin.module' op has no step function: no function has the attribute chordal.tokens}}
module {
  func.func @helper() {
    return
  }
}

// -----

// Tests that step functions are for different numbers of tokens.
func.func @step_1() attributes {chordal.tokens = array<i64: 1, 1>} {
  return
}
func.func @step_16() attributes {chordal.tokens = array<i64: 2, 16>} {
  return
}
// expected-error @below {{'func.func' op is for 16 to 512 tokens, and so in part is @step_16 (2 to 16)}}
func.func @step_512() attributes {chordal.tokens = array<i64: 16, 512>} {
  return
}

// -----

// Tests that matmuls are in float32.
func.func @step_1(%x: tensor<?x256xf32>, %w: !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32> attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.matmul' op must read dequantised weights and float32 activations in the phase 'input'}}
  %y = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// -----

// Tests that nothing is quantised or fused yet, and that all errors are reported.
func.func @step_1(%x: tensor<?x256xf32>) -> (!chordal.quantized<?x256, "Q8">, tensor<?x256xf32>) attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.quantize' op belongs to the phase 'graph', and the module is in the phase 'input'}}
  %q = chordal.quantize %x : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  // expected-error @below {{'chordal.fused' op belongs to the phase 'graph', and the module is in the phase 'input'}}
  %y = chordal.fused "matmul_epilogue" (%a = %x) : (tensor<?x256xf32>) -> tensor<?x256xf32> {
    %0 = chordal.scale %a {factor = 2.0} : tensor<?x256xf32>
    chordal.yield %0 : tensor<?x256xf32>
  }
  return %q, %y : !chordal.quantized<?x256, "Q8">, tensor<?x256xf32>
}

// -----

// Tests that nothing is scheduled yet.
func.func @step_1() attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.arena' op belongs to a later phase than 'input'}}
  %a = chordal.arena 128 : !chordal.arena
  return
}

// -----

// Tests that states are used linearly.
!kv = !chordal.kv<1 x 32, k = f16, v = f16>
func.func @step_1(%k: tensor<?x32xf32>, %p: tensor<?xi32>, %kv: !kv) -> !kv attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-note @below {{the append}}
  %1 = chordal.kv_append %kv, %k, %k, %p, %p : !kv, tensor<?x32xf32>, tensor<?x32xf32>
  // expected-error @below {{uses a state that has been appended to; only its newest value may be used}}
  return %kv : !kv
}
