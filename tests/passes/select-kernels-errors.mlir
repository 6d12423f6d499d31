// RUN: chordal-opt %s --form-dispatches --select-kernels=isa=scalar --split-input-file --verify-diagnostics

// Every message of the match of dispatches with kernel families, and of the choice of kernels.

!x = tensor<?x256xf32>
!q = !chordal.quantized<?x256, "Q8">
!y = tensor<?x64xf32>

// Tests that an op without a kernel is named.
func.func @dequantize(%x: !q) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.dequantize' op has no kernel of its own on this device; it must be fused with its neighbours}}
  %0 = chordal.dequantize %x : !q -> !x
  return %0 : !x
}

// -----

!x = tensor<?x256xf32>

// Tests that norms per head are computed with rotations only.
func.func @grouped(%x: !x, %n: tensor<64xf32>) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.rms_norm' op per group of features has no kernel of its own; it must be fused into rope_append}}
  %0 = chordal.rms_norm %x, %n {epsilon = 1.0e-5, group = 64} : !x, tensor<64xf32>
  return %0 : !x
}

// -----

!x = tensor<?x256xf32>

// Tests that norms have weights.
func.func @no_weight(%x: !x) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.rms_norm' op without a weight has no kernel}}
  %0 = chordal.rms_norm %x {epsilon = 1.0e-5} : !x
  return %0 : !x
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>

// Tests that nothing is computed before a matmul in its dispatch.
func.func @before(%x: !x, %w: !chordal.quantized<64x256, "F16">) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w) : (!x, !chordal.quantized<64x256, "F16">) -> !y {
    // expected-error @below {{'chordal.scale' op is computed before the kernel of its dispatch: no kernel family covers that}}
    %1 = chordal.scale %a {factor = 2.0} : !x
    %2 = chordal.matmul %1, (%b) : (!x, !chordal.quantized<64x256, "F16">) -> !y
    chordal.yield %2 : !y
  }
  return %0 : !y
}

// -----

!x = tensor<?x256xf32>
!q = !chordal.quantized<?x256, "Q8">

// Tests that what is computed together has a kernel.
func.func @together(%x: !x, %n: tensor<256xf32>) -> !q attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.dispatch' op holds ops that no kernel computes together}}
  %0 = chordal.fused "norm_quantize" (%a = %x, %b = %n) : (!x, tensor<256xf32>) -> !q {
    %1 = chordal.rms_norm %a, %b {epsilon = 1.0e-5} : !x, tensor<256xf32>
    %2 = chordal.rms_norm %1, %b {epsilon = 1.0e-5} : !x, tensor<256xf32>
    %3 = chordal.quantize %2 : !x -> !q
    chordal.yield %3 : !q
  }
  return %0 : !q
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that two matmuls are two dispatches.
func.func @two(%x: !x, %w: !w) -> (!y, !y) attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.dispatch' op holds ops that no kernel computes together}}
  %0:2 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w) : (!x, !w) -> (!y, !y) {
    %1 = chordal.matmul %a, (%b) : (!x, !w) -> !y
    %2 = chordal.matmul %a, (%b) : (!x, !w) -> !y
    chordal.yield %1, %2 : !y, !y
  }
  return %0#0, %0#1 : !y, !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that a matmul writes each of its results once.
func.func @not_yielded(%x: !x, %w: !w) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w) : (!x, !w) -> !y {
    // expected-error @below {{'chordal.matmul' op must be yielded once by its dispatch}}
    %1:2 = chordal.matmul %a, (%b, %b) : (!x, !w, !w) -> (!y, !y)
    chordal.yield %1#0 : !y
  }
  return %0 : !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that an epilogue of one result leaves no other result unread.
func.func @dead_tile(%x: !x, %w: !w) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.dispatch' op holds element-wise code whose results are not yielded}}
  %0 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w) : (!x, !w) -> !y {
    %1:2 = chordal.matmul %a, (%b, %b) : (!x, !w, !w) -> (!y, !y)
    %2 = arith.negf %1#0 : !y
    chordal.yield %2 : !y
  }
  return %0 : !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that what is yielded is computed by the kernel or its epilogue.
func.func @apart(%x: !x, %w: !w, %h: !y) -> (!y, !y) attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.dispatch' op yields value 1, which its kernel does not compute}}
  %0:2 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w, %c = %h) : (!x, !w, !y) -> (!y, !y) {
    %1 = chordal.matmul %a, (%b) : (!x, !w) -> !y
    %2 = arith.negf %c : !y
    chordal.yield %1, %2 : !y, !y
  }
  return %0#0, %0#1 : !y, !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that an input is no result.
func.func @input(%x: !x, %w: !w, %h: !y) -> (!y, !y) attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.dispatch' op yields value 1, which its kernel does not compute}}
  %0:2 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w, %c = %h) : (!x, !w, !y) -> (!y, !y) {
    %1 = chordal.matmul %a, (%b) : (!x, !w) -> !y
    chordal.yield %1, %c : !y, !y
  }
  return %0#0, %0#1 : !y, !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that kernels take at most four weights.
func.func @five(%x: !x, %w: !w) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.matmul' op has 5 weights; kernels take at most 4}}
  %0:5 = chordal.matmul %x, (%w, %w, %w, %w, %w) : (!x, !w, !w, !w, !w, !w) -> (!y, !y, !y, !y, !y)
  return %0#0 : !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that an epilogue joins all results or none.
func.func @some(%x: !x, %w: !w) -> (!y, !y) attributes {chordal.tokens = array<i64: 1, 1>} {
  %0:2 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w) : (!x, !w) -> (!y, !y) {
    // expected-error @below {{'chordal.matmul' op has an epilogue that joins some of its results and not others}}
    %1:3 = chordal.matmul %a, (%b, %b, %b) : (!x, !w, !w, !w) -> (!y, !y, !y)
    %2 = arith.addf %1#0, %1#1 : !y
    chordal.yield %2, %1#2 : !y, !y
  }
  return %0#0, %0#1 : !y, !y
}

// -----

!q = !chordal.quantized<?x256, "Q8">
!y = tensor<?x64xf32>

// Tests that what is computed in pairs has one format.
func.func @pair_of_formats(%x: !q, %v: !chordal.quantized<64x256, "Q4_K">, %w: !chordal.quantized<64x256, "Q6_K">) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.fused "matmul_epilogue" (%a = %x, %b = %v, %c = %w) : (!q, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "Q6_K">) -> !y {
    // expected-error @below {{'chordal.matmul' op computes weights of different formats together}}
    %1:2 = chordal.matmul %a, (%b, %c) : (!q, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "Q6_K">) -> (!y, !y)
    %2 = arith.addf %1#0, %1#1 : !y
    chordal.yield %2 : !y
  }
  return %0 : !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>

// Tests that weights are multiplied with the activations that their format wants.
func.func @activations(%x: !x, %w: !chordal.quantized<64x256, "Q4_K">) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.matmul' op has no kernel for weights of format Q4_K and float32 activations at the level scalar}}
  %0 = chordal.matmul %x, (%w) : (!x, !chordal.quantized<64x256, "Q4_K">) -> !y
  return %0 : !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>

// Tests that matrices are stored weights.
func.func @tensor(%x: !x, %w: tensor<64x256xf32>) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.matmul' op has no kernel for a matrix that is not a stored weight}}
  %0 = chordal.matmul %x, (%w) : (!x, tensor<64x256xf32>) -> !y
  return %0 : !y
}

// -----

!x = tensor<?x256xf32>
!y = tensor<?x64xf32>
!w = !chordal.quantized<64x256, "F16">

// Tests that an epilogue has no more views than kernels take: here a tile, 15 values read, one written.
func.func @views(%x: !x, %w: !w, %s0: !y, %s1: !y, %s2: !y, %s3: !y, %s4: !y, %s5: !y, %s6: !y, %s7: !y, %s8: !y, %s9: !y, %s10: !y, %s11: !y, %s12: !y, %s13: !y, %s14: !y) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  %0 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w, %h0 = %s0, %h1 = %s1, %h2 = %s2, %h3 = %s3, %h4 = %s4, %h5 = %s5, %h6 = %s6, %h7 = %s7, %h8 = %s8, %h9 = %s9, %h10 = %s10, %h11 = %s11, %h12 = %s12, %h13 = %s13, %h14 = %s14)
      : (!x, !w, !y, !y, !y, !y, !y, !y, !y, !y, !y, !y, !y, !y, !y, !y, !y) -> !y {
    // expected-error @below {{'chordal.matmul' op has an epilogue that reads and writes 17 values; kernels take at most 16}}
    %1 = chordal.matmul %a, (%b) : (!x, !w) -> !y
    %t0 = arith.addf %1, %h0 : !y
    %t1 = arith.addf %t0, %h1 : !y
    %t2 = arith.addf %t1, %h2 : !y
    %t3 = arith.addf %t2, %h3 : !y
    %t4 = arith.addf %t3, %h4 : !y
    %t5 = arith.addf %t4, %h5 : !y
    %t6 = arith.addf %t5, %h6 : !y
    %t7 = arith.addf %t6, %h7 : !y
    %t8 = arith.addf %t7, %h8 : !y
    %t9 = arith.addf %t8, %h9 : !y
    %t10 = arith.addf %t9, %h10 : !y
    %t11 = arith.addf %t10, %h11 : !y
    %t12 = arith.addf %t11, %h12 : !y
    %t13 = arith.addf %t12, %h13 : !y
    %t14 = arith.addf %t13, %h14 : !y
    chordal.yield %t14 : !y
  }
  return %0 : !y
}

// -----

!x = tensor<?x256xf32>
!kv = !chordal.kv<4 x 64, k = f16, v = f32>

// Tests that keys and values are of one element type.
func.func @mixed(%q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // expected-error @below {{'chordal.attention' op has no kernel for keys and values of different element types}}
  %0 = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !kv
  return %0 : !x
}

// -----

!x = tensor<?x256xf32>
!t = tensor<?x64xf32>
!i = tensor<?xi32>
!kv = !chordal.kv<4 x 64, k = f16, v = f16>

// Tests that queries and keys are rotated alike.
func.func @styles(%q: !x, %k: !x, %t: !t, %p: !i, %s: !i, %kv: !kv) -> (!x, !kv) attributes {chordal.tokens = array<i64: 1, 1>} {
  %0:2 = chordal.fused "rope_append" (%a = %q, %b = %k, %c = %t, %d = %p, %e = %s, %f = %kv) : (!x, !x, !t, !i, !i, !kv) -> (!x, !kv) {
    %1 = chordal.rope %a, %c {head_dim = 64, style = half_split} : !x, !t
    %2 = chordal.rope %b, %c {head_dim = 64, style = interleaved} : !x, !t
    // expected-error @below {{'chordal.kv_append' op has a kernel only if queries and keys are treated alike}}
    %3 = chordal.kv_append %f, %2, %b, %d, %e : !kv, !x, !x
    chordal.yield %1, %3 : !x, !kv
  }
  return %0#0, %0#1 : !x, !kv
}
