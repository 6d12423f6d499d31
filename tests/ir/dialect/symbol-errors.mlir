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
