// RUN: chordal-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// Tests that a matrix has rank 2 or 3.
// expected-error @below {{a quantized matrix has 2 dimensions, or 3 with experts, but this has 1}}
func.func private @f(!chordal.quantized<256, "F16">)

// -----

// Tests that a format exists.
// expected-error @below {{'Q9_K' is not a format of weight matrices}}
func.func private @f(!chordal.quantized<4x256, "Q9_K">)

// -----

// Tests that integers are no weights.
// expected-error @below {{'I32' is not a format of weight matrices}}
func.func private @f(!chordal.quantized<4x256, "I32">)

// -----

// Tests that formats have one spelling.
// expected-error @below {{format 'q4_k' must be written 'Q4_K'}}
func.func private @f(!chordal.quantized<4x256, "q4_k">)

// -----

// Tests that weights are static.
// expected-error @below {{dimensions of weights must be static and positive}}
func.func private @f(!chordal.quantized<?x256, "Q4_K">)

// -----

// Tests that rows are whole blocks.
// expected-error @below {{a row of 128 weights is not a whole number of Q4_K blocks (256 weights)}}
func.func private @f(!chordal.quantized<4x128, "Q4_K">)

// -----

// Tests that a layout has a name.
// expected-error @below {{the layout of a quantized matrix must have a name}}
func.func private @f(!chordal.quantized<4x256, "Q4_K", "">)

// -----

// Tests that activations have rank 2.
// expected-error @below {{activations (Q8) have 2 dimensions, but this has 3}}
func.func private @f(!chordal.quantized<4x?x256, "Q8">)

// -----

// Tests that activations have whole groups.
// expected-error @below {{a row of Q8 is a positive multiple of 32 features}}
func.func private @f(!chordal.quantized<?x48, "Q8">)

// -----

// Tests that features of activations are static.
// expected-error @below {{a row of Q8 is a positive multiple of 32 features}}
func.func private @f(!chordal.quantized<4x?, "Q8">)

// -----

// Tests that activations have rows.
// expected-error @below {{dimensions must be positive}}
func.func private @f(!chordal.quantized<0x32, "Q8">)

// -----

// Tests that a state has heads.
// expected-error @below {{heads and head dimensions must be positive}}
func.func private @f(!chordal.kv<0 x 64, k = f16, v = f16>)

// -----

// Tests that a state holds floats.
// expected-error @below {{keys and values are f16 or f32, not 'bf16'}}
func.func private @f(!chordal.kv<4 x 64, k = f16, v = bf16>)

// -----

// Tests that a span has bytes.
// expected-error @below {{a span has a shard and an offset that are not negative, and at least one byte}}
chordal.weight @w : tensor<1xf32> = #chordal.span<shard = 0, offset = 0, bytes = 0>

// -----

// Tests that model is an attribute of modules.
// expected-error @below {{'chordal.model' belongs on a module}}
func.func private @f() attributes {chordal.model = {}}

// -----

// Tests that model is a dictionary.
// expected-error @below {{'chordal.model' must be a dictionary}}
module attributes {chordal.model = 1 : i64} {}

// -----

// Tests that tokens is an attribute of functions.
// expected-error @below {{'chordal.tokens' belongs on a function}}
module attributes {chordal.tokens = array<i64: 1, 1>} {}

// -----

// Tests that tokens is a range.
// expected-error @below {{'chordal.tokens' must be array<i64: MIN, MAX> with 1 <= MIN <= MAX, but is array<i64: 2, 1>}}
func.func private @f() attributes {chordal.tokens = array<i64: 2, 1>}

// -----

// Tests that attributes of the dialect are known.
// expected-error @below {{'chordal.other' is not an attribute of the chordal dialect}}
func.func private @f() attributes {chordal.other}

// -----

// Tests that argument attributes of the dialect are known.
// expected-error @below {{'chordal.other' is not an argument attribute of the chordal dialect}}
func.func private @f(!chordal.kv<4 x 64, k = f16, v = f16> {chordal.other})

// -----

// Tests that a state attribute is a symbol.
// expected-error @below {{'chordal.state' must name a chordal.state of the module}}
func.func private @f(!chordal.kv<4 x 64, k = f16, v = f16> {chordal.state = 1 : i64})

// -----

// Tests that a state attribute names a state.
// expected-error @below {{argument 0: there is no chordal.state named @kv.0}}
func.func private @f(!chordal.kv<4 x 64, k = f16, v = f16> {chordal.state = @kv.0})

// -----

// Tests that an argument has its state's type.
chordal.state @kv.0 : !chordal.kv<4 x 64, k = f32, v = f32>
// expected-error @below {{argument 0 has type '!chordal.kv<4 x 64, k = f16, v = f16>', but the state @kv.0 has type '!chordal.kv<4 x 64, k = f32, v = f32>'}}
func.func @f(%kv: !chordal.kv<4 x 64, k = f16, v = f16> {chordal.state = @kv.0}) {
  return
}

// -----

// Tests that a weight is a matrix or a vector.
// expected-error @below {{failed to satisfy constraint: type attribute of a vector of static size (tensor<Nxf32>) or a quantised weight matrix}}
chordal.weight @w : tensor<4x4xf32> = #chordal.span<shard = 0, offset = 0, bytes = 64>

// -----

// Tests that the span of a matrix has its size.
// expected-error @below {{has a span of 131071 bytes, but its type takes 131072}}
chordal.weight @w : !chordal.quantized<256x256, "F16"> = #chordal.span<shard = 0, offset = 0, bytes = 131071>

// -----

// Tests that the span of a vector has its size.
// expected-error @below {{has a span of 1023 bytes, but its type takes 1024}}
chordal.weight @w : tensor<256xf32> = #chordal.span<shard = 0, offset = 0, bytes = 1023>

// -----

// Tests that a constant is a vector of floats.
// expected-error @below {{must be a dense vector of float32}}
chordal.constant @c dense<1> : tensor<4xi32>

// -----

// Tests that a weight that is loaded exists.
func.func @f() {
  // expected-error @below {{names @w, but there is no chordal.weight of that name}}
  %w = chordal.load_weight @w : !chordal.quantized<256x256, "F16">
  return
}

// -----

// Tests that a weight is loaded with its type.
chordal.weight @w : tensor<256xf32> = #chordal.span<shard = 0, offset = 0, bytes = 1024>
func.func @f() {
  // expected-error @below {{yields '!chordal.quantized<256x256, "F16">', but @w has type 'tensor<256xf32>'}}
  %w = chordal.load_weight @w : !chordal.quantized<256x256, "F16">
  return
}

// -----

// Tests that a constant that is loaded exists.
chordal.state @c : !chordal.kv<4 x 64, k = f16, v = f16>
func.func @f() {
  // expected-error @below {{names @c, but there is no chordal.constant of that name}}
  %c = chordal.load_constant @c : tensor<4xf32>
  return
}

// -----

// Tests that a constant is loaded with its type.
chordal.constant @c dense<1.0> : tensor<4xf32>
func.func @f() {
  // expected-error @below {{yields 'tensor<5xf32>', but @c has type 'tensor<4xf32>'}}
  %c = chordal.load_constant @c : tensor<5xf32>
  return
}

// -----

// Tests that a weight that is prefetched exists.
func.func @f() {
  // expected-error @below {{names @w, but there is no chordal.weight of that name}}
  %e = chordal.prefetch @w : !chordal.event
  return
}

// -----

// Tests that a weight that is released exists.
func.func @f() {
  // expected-error @below {{names @w, but there is no chordal.weight of that name}}
  chordal.release @w
  return
}

// -----

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

// -----

// Tests that a region has an argument for each input.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{has 1 inputs, but its region has 0 arguments}}
  %y = "chordal.fused"(%x) <{kind = "k"}> ({
    %0 = "test.x"() : () -> tensor<?x256xf32>
    chordal.yield %0 : tensor<?x256xf32>
  }) : (tensor<?x256xf32>) -> tensor<?x256xf32>
  return
}

// -----

// Tests that a region's arguments have the inputs' types.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{has input 0 of type 'tensor<?x256xf32>', but the argument has type 'tensor<?x64xf32>'}}
  "chordal.fused"(%x) <{kind = "k"}> ({
  ^bb0(%a: tensor<?x64xf32>):
    chordal.yield
  }) : (tensor<?x256xf32>) -> ()
  return
}

// -----

// Tests that each input is given a type.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{there are 1 inputs, but 2 types}}
  chordal.fused "k" (%a = %x) : (tensor<?x256xf32>, tensor<?x256xf32>) -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that a region ends in yield.
func.func @f() {
  // expected-error @below {{must end in chordal.yield}}
  "chordal.fused"() <{kind = "k"}> ({
    llvm.unreachable
  }) : () -> ()
  return
}

// -----

// Tests that a region yields the results.
func.func @f(%x: tensor<?x256xf32>) {
  chordal.fused "k" (%a = %x) : (tensor<?x256xf32>) -> () {
    // expected-error @below {{yields other types than the results of 'chordal.fused'}}
    chordal.yield %a : tensor<?x256xf32>
  }
  return
}

// -----

// Tests that a region sees only its arguments.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-note @below {{required by region isolation constraints}}
  chordal.fused "k" () : () -> () {
    // expected-error @below {{using value defined outside the region}}
    %0 = chordal.scale %x {factor = 1.0} : tensor<?x256xf32>
    chordal.yield
  }
  return
}

// -----

// Tests that yield ends a fused or dispatch op.
func.func @f() {
  // expected-error @below {{expects parent op to be one of 'chordal.fused, chordal.dispatch'}}
  chordal.yield
}

// -----

// Tests that ids are not negative.
func.func @f() {
  // expected-error @below {{must have an id that is not negative}}
  chordal.dispatch -1 kernels([]) device("cpu") rows(tokens) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that a dispatch names a device.
func.func @f() {
  // expected-error @below {{must name a device}}
  chordal.dispatch 0 kernels([]) device("") rows(tokens) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that a dispatch waits for earlier ones.
func.func @f() {
  // expected-error @below {{must come after dispatches in ascending order that precede it, but lists 3}}
  chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) after(1, 3) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that dependencies ascend.
func.func @f() {
  // expected-error @below {{must come after dispatches in ascending order that precede it, but lists 1}}
  chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) after(2, 1) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that rows are of a known kind.
func.func @f() {
  // expected-error @below {{rows are tokens or outputs, not 'others'}}
  chordal.dispatch 0 kernels([]) device("cpu") rows(others) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that there is a slice for each result that is stored.
func.func @f(%s: !chordal.slice) {
  // expected-error @below {{has 1 slices for 0 results that are stored}}
  chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that an arena's size is not negative.
func.func @f() {
  // expected-error @below {{must have a size that is not negative}}
  %a = chordal.arena -1 : !chordal.arena
  return
}

// -----

// Tests that a slice lies in the arena.
func.func @f() {
  %a = chordal.arena 128 : !chordal.arena
  // expected-error @below {{ends at byte 129, but the arena has 128}}
  %s = chordal.slice %a at 64, 65 : !chordal.slice
  return
}

// -----

// Tests that slices are aligned.
func.func @f() {
  %a = chordal.arena 128 : !chordal.arena
  // expected-error @below {{must have an offset that is a multiple of 64, not 32}}
  %s = chordal.slice %a at 32, 8 : !chordal.slice
  return
}

// -----

// Tests that slices have positive places.
func.func @f() {
  %a = chordal.arena 128 : !chordal.arena
  // expected-error @below {{must have an offset and a size that are not negative}}
  %s = chordal.slice %a at -64, 8 : !chordal.slice
  return
}
