// RUN: chordal-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// Tests that a table has rank 2.
func.func @f(%t: tensor<?xi32>, %w: !chordal.quantized<2x256x256, "F16">) {
  // expected-error @+2 {{the table must be a quantised matrix of rank 2}}
  // expected-error @below {{'chordal.embed' op failed to infer returned types}}
  %x = chordal.embed %t, %w : tensor<?xi32>, !chordal.quantized<2x256x256, "F16"> -> tensor<?x256xf32>
  return
}

// -----

// Tests that tokens are integers.
func.func @f(%t: tensor<?xi64>, %w: !chordal.quantized<256x256, "F16">) {
  // expected-error @below {{operand #0 must be one 32-bit integer per row (tensor<?xi32>), but got 'tensor<?xi64>'}}
  %x = chordal.embed %t, %w : tensor<?xi64>, !chordal.quantized<256x256, "F16"> -> tensor<?x256xf32>
  return
}

// -----

// Tests that the result's type is inferred.
func.func @f(%t: tensor<?xi32>, %w: !chordal.quantized<256x256, "F16">) {
  // expected-error @+2 {{op inferred type(s) 'tensor<?x256xf32>' are incompatible with return type(s) of operation 'tensor<?x128xf32>'}}
  // expected-error @below {{'chordal.embed' op failed to infer returned types}}
  %x = chordal.embed %t, %w : tensor<?xi32>, !chordal.quantized<256x256, "F16"> -> tensor<?x128xf32>
  return
}

// -----

// Tests that tables are no activations.
func.func @f(%t: tensor<?xi32>, %w: !chordal.quantized<?x256, "Q8">) {
  // expected-error @below {{operand #1 must be a quantised weight matrix, but got '!chordal.quantized<?x256, "Q8">'}}
  %x = chordal.embed %t, %w : tensor<?xi32>, !chordal.quantized<?x256, "Q8"> -> tensor<?x256xf32>
  return
}

// -----

// Tests that dequantising keeps the shape.
func.func @f(%w: !chordal.quantized<256x256, "F16">) {
  // expected-error @below {{'chordal.dequantize' op result #0 must be a float32 tensor of rank 2 or 3, but got 'tensor<65536xf32>'}}
  %x = chordal.dequantize %w : !chordal.quantized<256x256, "F16"> -> tensor<65536xf32>
  return
}

// -----

// Tests that only whole groups are quantised.
func.func @f(%x: tensor<?x48xf32>) {
  // expected-error @below {{'chordal.quantize' op cannot quantise rows of 48 features: not a multiple of 32}}
  %q = chordal.quantize %x : tensor<?x48xf32> -> !chordal.quantized<?x64, "Q8">
  return
}

// -----

// Tests that quantising keeps the shape.
func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{'chordal.quantize' op has a result of type '!chordal.quantized<?x32, "BF16x16">', which has not the shape of 'tensor<?x64xf32>'}}
  %q = chordal.quantize %x : tensor<?x64xf32> -> !chordal.quantized<?x32, "BF16x16">
  return
}

// -----

// Tests that only rows are quantised.
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error @below {{operand #0 must be rows of features (tensor<?xFEATURESxf32>, features static), but got 'tensor<?x?xf32>'}}
  %q = chordal.quantize %x : tensor<?x?xf32> -> !chordal.quantized<?x64, "Q8">
  return
}

// -----

// Tests that a matmul has matrices.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{must have at least one matrix}}
  chordal.matmul %x, () : (tensor<?x256xf32>) -> ()
  return
}

// -----

// Tests that a matmul's features agree.
func.func @f(%x: tensor<?x256xf32>, %w: !chordal.quantized<256x256, "F16">, %v: !chordal.quantized<8x32, "F16">) {
  // expected-error @below {{multiplies rows of 256 features with matrix 1, whose rows have 32}}
  %y, %z = chordal.matmul %x, (%w, %v) : (tensor<?x256xf32>, !chordal.quantized<256x256, "F16">, !chordal.quantized<8x32, "F16">) -> (tensor<?x256xf32>, tensor<?x8xf32>)
  return
}

// -----

// Tests that a matmul's results have the matrix's rows.
func.func @f(%x: tensor<?x256xf32>, %w: !chordal.quantized<256x256, "F16">) {
  // expected-error @+2 {{op inferred type(s) 'tensor<?x256xf32>' are incompatible with return type(s) of operation 'tensor<?x255xf32>'}}
  // expected-error @below {{'chordal.matmul' op failed to infer returned types}}
  %y = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<256x256, "F16">) -> tensor<?x255xf32>
  return
}

// -----

// Tests that a matmul's matrices have rank 2.
func.func @f(%x: tensor<?x256xf32>, %w: !chordal.quantized<2x8x256, "F16">) {
  // expected-error @+2 {{a matrix to multiply with must be of rank 2 and static, but one is '!chordal.quantized<2x8x256, "F16">'}}
  // expected-error @below {{'chordal.matmul' op failed to infer returned types}}
  %y = chordal.matmul %x, (%w) : (tensor<?x256xf32>, !chordal.quantized<2x8x256, "F16">) -> tensor<?x8xf32>
  return
}

// -----

// Tests that epsilon is not negative.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{must have an epsilon that is not negative}}
  %y = chordal.rms_norm %x {epsilon = -1.0} : tensor<?x256xf32>
  return
}

// -----

// Tests that epsilon is a number.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{must have an epsilon that is not negative}}
  %y = chordal.rms_norm %x {epsilon = 0x7FC00000} : tensor<?x256xf32>
  return
}

// -----

// Tests that groups divide the row.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{has groups of 48 features, which do not divide a row of 256}}
  %y = chordal.rms_norm %x {epsilon = 1.0, group = 48} : tensor<?x256xf32>
  return
}

// -----

// Tests that groups are positive.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{has groups of 0 features, which do not divide a row of 256}}
  %y = chordal.rms_norm %x {epsilon = 1.0, group = 0} : tensor<?x256xf32>
  return
}

// -----

// Tests that a norm's weight has the size of its group (or of the row).
func.func @f(%x: tensor<?x256xf32>, %w: tensor<128xf32>) {
  // expected-error @below {{normalises 64 features together, but its weight has 128 elements}}
  %y = chordal.rms_norm %x, %w {epsilon = 1.0, group = 64} : tensor<?x256xf32>, tensor<128xf32>
  return
}

// -----

// Tests that a norm's bias has the size of the row.
func.func @f(%x: tensor<?x256xf32>, %w: tensor<256xf32>, %b: tensor<64xf32>) {
  // expected-error @below {{normalises 256 features together, but its bias has 64 elements}}
  %y = chordal.layer_norm %x, %w, %b {epsilon = 1.0} : tensor<?x256xf32>, tensor<256xf32>, tensor<64xf32>
  return
}

// -----

// Tests that frequencies are a vector.
func.func @f(%p: tensor<?xi32>, %f: tensor<?xf32>) {
  // expected-error @below {{operand #1 must be a vector of static size (tensor<Nxf32>), but got 'tensor<?xf32>'}}
  %t = chordal.rope_table %p, %f : (tensor<?xi32>, tensor<?xf32>) -> tensor<?x64xf32>
  return
}

// -----

// Tests that a rotary table has two columns per frequency.
func.func @f(%p: tensor<?xi32>, %f: tensor<32xf32>) {
  // expected-error @+2 {{op inferred type(s) 'tensor<?x64xf32>' are incompatible with return type(s) of operation 'tensor<?x32xf32>'}}
  // expected-error @below {{'chordal.rope_table' op failed to infer returned types}}
  %t = chordal.rope_table %p, %f : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

// Tests that rotated heads divide the row.
func.func @f(%x: tensor<?x256xf32>, %t: tensor<?x64xf32>) {
  // expected-error @below {{has heads of 96 features, which do not divide a row of 256}}
  %y = chordal.rope %x, %t {head_dim = 96, style = half_split} : tensor<?x256xf32>, tensor<?x64xf32>
  return
}

// -----

// Tests that rotated features are of the head.
func.func @f(%x: tensor<?x256xf32>, %t: tensor<?x64xf32>) {
  // expected-error @below {{rotates 64 features of each head, which must be even and at most 32}}
  %y = chordal.rope %x, %t {head_dim = 32, style = half_split} : tensor<?x256xf32>, tensor<?x64xf32>
  return
}

// -----

// Tests that rotated features are pairs.
func.func @f(%x: tensor<?x256xf32>, %t: tensor<?x3xf32>) {
  // expected-error @below {{rotates 3 features of each head, which must be even and at most 32}}
  %y = chordal.rope %x, %t {head_dim = 32, style = half_split} : tensor<?x256xf32>, tensor<?x3xf32>
  return
}

// -----

// Tests that a rotary table has the rows of x.
func.func @f(%x: tensor<1x256xf32>, %t: tensor<?x64xf32>) {
  // expected-error @below {{must have a table with as many rows as x}}
  %y = chordal.rope %x, %t {head_dim = 64, style = half_split} : tensor<1x256xf32>, tensor<?x64xf32>
  return
}

// -----

// Tests that rotary styles are known.
func.func @f(%x: tensor<?x256xf32>, %t: tensor<?x64xf32>) {
  // expected-error @below {{'other' is not a value of style}}
  %y = chordal.rope %x, %t {head_dim = 64, style = other} : tensor<?x256xf32>, tensor<?x64xf32>
  return
}

// -----

// Tests that keys have the state's width.
func.func @f(%x: tensor<?x256xf32>, %v: tensor<?x128xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{has keys of 128 features, but the state stores 256}}
  %n = chordal.kv_append %kv, %v, %x, %p, %s : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?x128xf32>, tensor<?x256xf32>
  return
}

// -----

// Tests that values have the state's width.
func.func @f(%x: tensor<?x256xf32>, %v: tensor<?x128xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{has values of 128 features, but the state stores 256}}
  %n = chordal.kv_append %kv, %x, %v, %p, %s : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?x256xf32>, tensor<?x128xf32>
  return
}

// -----

// Tests that there are as many keys as values.
func.func @f(%x: tensor<?x256xf32>, %v: tensor<2x256xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{must have as many keys as values}}
  %n = chordal.kv_append %kv, %x, %v, %p, %s : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?x256xf32>, tensor<2x256xf32>
  return
}

// -----

// Tests that there is a position for each row.
func.func @f(%x: tensor<2x256xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-note @above {{prior use here}}
  // expected-error @below {{use of value '%p' expects different type than prior uses: 'tensor<2xi32>' vs 'tensor<?xi32>'}}
  %n = chordal.kv_append %kv, %x, %x, %p, %s : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<2x256xf32>, tensor<2x256xf32>
  return
}

// -----

// Tests that there is a position for each query.
func.func @f(%x: tensor<2x256xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{failed to verify that 'position' has one 32-bit integer per row of 'query'}}
  %o = "chordal.attention"(%x, %kv, %p, %s) {scale = 1.0 : f32} : (tensor<2x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?xi32>, tensor<?xi32>) -> tensor<2x256xf32>
  return
}

// -----

// Tests that queries are whole heads.
func.func @f(%q: tensor<?x100xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{the query has 100 features, which is not a whole number of heads of 64}}
  %o = chordal.attention %q, %kv, %p, %s {scale = 1.0} : tensor<?x100xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  return
}

// -----

// Tests that attention reads a state.
func.func @f(%x: tensor<?x256xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{attention takes rows of features and a kv state}}
  %o = chordal.attention %x, %x, %p, %s {scale = 1.0} : tensor<?x256xf32>, tensor<?x256xf32>
  return
}

// -----

// Tests that query heads are shared out evenly.
func.func @f(%q: tensor<?x384xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{has 6 query heads, which is not a multiple of the state's 4}}
  %o = chordal.attention %q, %kv, %p, %s {scale = 1.0} : tensor<?x384xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  return
}

// -----

// Tests that the softcap of scores is positive.
func.func @f(%x: tensor<?x256xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{must have a positive softcap}}
  %o = chordal.attention %x, %kv, %p, %s {scale = 1.0, softcap = 0.0} : tensor<?x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  return
}

// -----

// Tests that the window is positive.
func.func @f(%x: tensor<?x256xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{must have a positive window}}
  %o = chordal.attention %x, %kv, %p, %s {scale = 1.0, window = 0} : tensor<?x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  return
}

// -----

// Tests that attention has splits, if any.
func.func @attention_splits(%x: tensor<?x256xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64, k = f16, v = f16>) {
  // expected-error @below {{must have a positive number of splits}}
  %o = chordal.attention %x, %kv, %p, %s {scale = 1.0, splits = 0} : tensor<?x256xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
  return
}

// -----

// Tests that partial results have whole heads in each split.
func.func @combine_heads(%x: tensor<?x264xf32>) {
  // expected-error @below {{the partial results have 264 features, which is not a whole number of heads of 64 + 2 in 8 splits}}
  %o = chordal.attention_combine %x {splits = 8, head_dim = 64} : tensor<?x264xf32>
  return
}

// -----

// Tests that partial results are of splits.
func.func @combine_splits(%x: tensor<?x264xf32>) {
  // expected-error @below {{attention_combine takes rows of partial results of at least one split, of heads of at least one feature}}
  %o = chordal.attention_combine %x {splits = 0, head_dim = 64} : tensor<?x264xf32>
  return
}

// -----

// Tests that the cap is positive.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{must have a positive cap}}
  %y = chordal.softcap %x {cap = -1.0} : tensor<?x256xf32>
  return
}

// -----

// Tests that a vector has the width of rows.
func.func @f(%x: tensor<?x256xf32>, %v: tensor<64xf32>) {
  // expected-error @below {{repeats a vector of 64 elements for rows of 256}}
  %y = chordal.broadcast %v, %x : tensor<64xf32>, tensor<?x256xf32>
  return
}

// -----

// Tests that only rows are gathered.
func.func @f(%x: tensor<f32>, %i: tensor<?xi32>) {
  // expected-error @below {{only rows can be gathered}}
  %y = chordal.gather_rows %x, %i : tensor<f32>, tensor<?xi32>
  return
}

// -----

// Tests that features are static.
func.func @f(%x: tensor<?x?xf32>) {
  // expected-error @below {{operand #0 must be rows of features (tensor<?xFEATURESxf32>, features static), but got 'tensor<?x?xf32>'}}
  %y = chordal.scale %x {factor = 1.0} : tensor<?x?xf32>
  return
}

// -----

// Tests that settings are known.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{this op has no setting 'size'}}
  %y = chordal.rms_norm %x {size = 1.0} : tensor<?x256xf32>
  return
}

// -----

// Tests that settings are set once.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{'epsilon' is set twice}}
  %y = chordal.rms_norm %x {epsilon = 1.0, epsilon = 1.0} : tensor<?x256xf32>
  return
}

// -----

// Tests that required settings are there.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{the setting 'epsilon' is missing}}
  %y = chordal.rms_norm %x {group = 1} : tensor<?x256xf32>
  return
}

// -----

// Tests that settings have their type.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{expected the type 'f32'}}
  %y = chordal.rms_norm %x {epsilon = 1.0 : f64} : tensor<?x256xf32>
  return
}
