//===- ChordalGraphOps.td - the ops of a model's graph ----------------------------------------===//
//
// What models compute, in the field's terms. All are pure: state is a value too. T is the number of
// rows throughout; element-wise arithmetic besides these is `arith` and `math` on tensors.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_GRAPH_OPS_TD
#define CHORDAL_GRAPH_OPS_TD

include "ir/dialect/ChordalAttributes.td"
include "ir/dialect/ChordalConstraints.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===--- matrices -----------------------------------------------------------------------------===//

def Chordal_EmbedOp : Chordal_Op<"embed", [Pure, InferTypeOpAdaptor]> {
  let summary = "Looks up one row of a matrix for each token.";
  let description = [{
    `token` is tensor<Txi32>, `table` a quantised matrix [V, C]; row t of the result, tensor<TxCxf32>,
    is row token[t] of the table, decoded exactly. A token outside 0..V-1 is an error of the caller.

    ```mlir
    %x = chordal.embed %token, %w : tensor<?xi32>, !chordal.quantized<32000x2048, "Q4_K">
        -> tensor<?x2048xf32>
    ```
  }];
  let arguments = (ins Chordal_Ids:$token, Chordal_Weights:$table);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $token `,` $table attr-dict `:` type($token) `,` qualified(type($table)) `->` type($result)
  }];
}

def Chordal_DequantizeOp : Chordal_Op<"dequantize", [Pure, InferTypeOpAdaptor]> {
  let summary = "Decodes a quantised matrix to float32, exactly.";
  let description = [{
    The result has the shape of the matrix. Weights of rank 2 or 3, or activations.

    ```mlir
    %f = chordal.dequantize %w : !chordal.quantized<4096x2048, "Q4_K"> -> tensor<4096x2048xf32>
    ```
  }];
  let arguments = (ins Chordal_QuantizedType:$x);
  let results = (outs Chordal_Dense:$result);
  let assemblyFormat = "$x attr-dict `:` qualified(type($x)) `->` type($result)";
}

def Chordal_QuantizeOp : Chordal_Op<"quantize", [Pure]> {
  let summary = "Quantises rows of activations.";
  let description = [{
    The number of features must be a multiple of 32. The type `quantized` defines the arithmetic.

    ```mlir
    %q = chordal.quantize %x : tensor<?x2048xf32> -> !chordal.quantized<?x2048, "Q8">
    ```
  }];
  let arguments = (ins Chordal_Rows:$x);
  let results = (outs Chordal_Activations:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` qualified(type($result))";
  let hasVerifier = 1;
}

def Chordal_MatmulOp : Chordal_Op<"matmul", [Pure, InferTypeOpAdaptor]> {
  let summary = "Multiplies activations with the transposes of one or more matrices.";
  let description = [{
    Result i is x * transpose(weights[i]): x is [T, C], weights[i] [R_i, C], result i
    tensor<TxR_ixf32>. x is float32 or Q8; a weight is a quantised matrix or float32 (the result of
    `dequantize`). Formats may differ between the weights of one op.

    ```mlir
    %q, %k = chordal.matmul %x, (%wq, %wk)
        : (tensor<?x2048xf32>, !chordal.quantized<2048x2048, "Q4_K">,
           !chordal.quantized<256x2048, "Q6_K">) -> (tensor<?x2048xf32>, tensor<?x256xf32>)
    ```
  }];
  let arguments = (ins Chordal_MatmulInput:$x, Variadic<Chordal_MatmulWeight>:$weights);
  let results = (outs Variadic<Chordal_Rows>:$results);
  let assemblyFormat = [{
    $x `,` `(` $weights `)` attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===--- norms --------------------------------------------------------------------------------===//

def Chordal_RmsNormOp : Chordal_Op<"rms_norm", [Pure, AllTypesMatch<["x", "result"]>]> {
  let summary = "Divides by the root of the mean square.";
  let description = [{
    Per row, over all features, or over each group of `group` features (a norm per head):
    y = x / sqrt(mean(x^2) + epsilon) * weight. The weight has as many elements as are normalised
    together, or one for each feature of the row; without one it is 1. (Zhang and Sennrich 2019,
    arXiv:1910.07467)

    ```mlir
    %y = chordal.rms_norm %x, %w {epsilon = 1.0e-5} : tensor<?x2048xf32>, tensor<2048xf32>
    %z = chordal.rms_norm %x, %v {epsilon = 1.0e-5, group = 128} : tensor<?x2048xf32>, tensor<128xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$x, Optional<Chordal_Vector>:$weight, F32Attr:$epsilon,
                       OptionalAttr<I64Attr>:$group);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $x (`,` $weight^)? custom<NormSettings>($epsilon, $group) attr-dict `:`
    type($x) (`,` type($weight)^)?
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$x, "::mlir::Value":$weight, "float":$epsilon,
                   CArg<"int64_t", "0">:$group), [{
      build($_builder, $_state, x.getType(), x, weight, $_builder.getF32FloatAttr(epsilon),
            group != 0 ? $_builder.getI64IntegerAttr(group) : ::mlir::IntegerAttr());
    }]>
  ];
  let hasVerifier = 1;
}

def Chordal_LayerNormOp : Chordal_Op<"layer_norm", [Pure, AllTypesMatch<["x", "result"]>]> {
  let summary = "Subtracts the mean and divides by the standard deviation.";
  let description = [{
    Per row, over all features or over each group of `group`:
    y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias, where the variance is the mean
    of the squared deviations. The bias is optional. Weight and bias have as many elements as are
    normalised together, or one for each feature of the row. (Ba et al. 2016, arXiv:1607.06450)

    ```mlir
    %y = chordal.layer_norm %x, %w, %b {epsilon = 1.0e-5}
        : tensor<?x768xf32>, tensor<768xf32>, tensor<768xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$x, Chordal_Vector:$weight, Optional<Chordal_Vector>:$bias,
                       F32Attr:$epsilon, OptionalAttr<I64Attr>:$group);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $x `,` $weight (`,` $bias^)? custom<NormSettings>($epsilon, $group) attr-dict `:`
    type($x) `,` type($weight) (`,` type($bias)^)?
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$x, "::mlir::Value":$weight, "::mlir::Value":$bias,
                   "float":$epsilon, CArg<"int64_t", "0">:$group), [{
      build($_builder, $_state, x.getType(), x, weight, bias, $_builder.getF32FloatAttr(epsilon),
            group != 0 ? $_builder.getI64IntegerAttr(group) : ::mlir::IntegerAttr());
    }]>
  ];
  let hasVerifier = 1;
}

//===--- rotary position embedding ------------------------------------------------------------===//

def Chordal_RopeTableOp : Chordal_Op<"rope_table", [Pure, InferTypeOpAdaptor]> {
  let summary = "Computes the rotations of a step's positions.";
  let description = [{
    For frequencies f, tensor<Hxf32>, and row t at position p: [t, 2j] = cos(p * f[j]) * magnitude
    and [t, 2j+1] = sin(p * f[j]) * magnitude. (Su et al. 2021, arXiv:2104.09864)

    ```mlir
    %t = chordal.rope_table %position, %f : (tensor<?xi32>, tensor<32xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Chordal_Ids:$position, Chordal_Vector:$frequencies,
                       DefaultValuedAttr<F32Attr, "1.0f">:$magnitude);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $position `,` $frequencies attr-dict `:` functional-type(operands, results)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$position, "::mlir::Value":$frequencies,
                   CArg<"float", "1.0f">:$magnitude), [{
      build($_builder, $_state, position, frequencies, $_builder.getF32FloatAttr(magnitude));
    }]>
  ];
}

def Chordal_RopeOp : Chordal_Op<"rope", [Pure, AllTypesMatch<["x", "result"]>]> {
  let summary = "Rotates pairs of features of each head.";
  let description = [{
    x is [T, heads * head_dim], the table [T, 2H] of `rope_table`, 2H <= head_dim. Of each head the
    first 2H features are rotated: pair j is (2j, 2j+1) if interleaved and (j, j+H) if half_split,
    and becomes (a cos - b sin, a sin + b cos). The rest pass.

    ```mlir
    %y = chordal.rope %x, %t {head_dim = 64, style = interleaved}
        : tensor<?x2048xf32>, tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$x, Chordal_Rows:$table, I64Attr:$head_dim,
                       Chordal_RopeStyleAttr:$style);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $x `,` $table custom<RopeSettings>($head_dim, $style) attr-dict `:` type($x) `,` type($table)
  }];
  let hasVerifier = 1;
}

//===--- attention ----------------------------------------------------------------------------===//

def Chordal_KvAppendOp : Chordal_Op<"kv_append", [Pure, AllTypesMatch<["state", "result"]>,
    Chordal_OnePerRow<"key", "position">, Chordal_OnePerRow<"key", "sequence">]> {
  let summary = "Stores keys and values at positions of sequences.";
  let description = [{
    The result is the state with row t of `key` [T, heads*keyDim] and `value` [T, heads*valueDim]
    stored, rounded to the state's element types, at position[t] of sequence[t]. A state may be
    appended to once: it is updated in place.

    ```mlir
    %1 = chordal.kv_append %0, %k, %v, %position, %sequence
        : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?x256xf32>, tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Chordal_KvType:$state, Chordal_Rows:$key, Chordal_Rows:$value,
                       Chordal_Ids:$position, Chordal_Ids:$sequence);
  let results = (outs Chordal_KvType:$result);
  let assemblyFormat = [{
    $state `,` $key `,` $value `,` $position `,` $sequence attr-dict `:`
    qualified(type($state)) `,` type($key) `,` type($value)
  }];
  let hasVerifier = 1;
}

def Chordal_AttentionOp : Chordal_Op<"attention", [Pure, InferTypeOpAdaptor,
    Chordal_OnePerRow<"query", "position">, Chordal_OnePerRow<"query", "sequence">]> {
  let summary = "Attends to the stored positions of the same sequence.";
  let description = [{
    Row t of `query` [T, queryHeads*keyDim], of sequence s at position p, attends to the positions
    0..p of s, or max(0, p-window+1)..p. Query head h uses head h / (queryHeads / heads) of the
    state. Scores are scale * (q . k), then softcap * tanh(score / softcap) if given; the result
    [T, queryHeads*valueDim] is the mean of the values, weighted by the softmax of the scores. With
    `sinks`, one more score for each query head, of no position and with a value of 0, takes part in
    the softmax, as it is (Xiao et al. 2023, arXiv:2309.17453, as in gpt-oss).

    With `splits`, the positions that a row attends to are divided among so many parts, and the
    result [T, splits*queryHeads*(valueDim+2)] has for each part the sums of the values times
    exp(score - r) of all heads, then for each head r, which is not far from the part's greatest
    score, and the sum of those exponentials, or a negative sum if neither the part nor those
    after it have positions. Which part has which positions is the kernel's choice; each position is
    in one.

    ```mlir
    %o = chordal.attention %q, %kv, %position, %sequence {scale = 0.125, window = 512}
        : tensor<?x2048xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
    ```
  }];
  let arguments = (ins Chordal_Rows:$query, Chordal_KvType:$state, Chordal_Ids:$position,
                       Chordal_Ids:$sequence, Optional<Chordal_Vector>:$sinks, F32Attr:$scale,
                       OptionalAttr<F32Attr>:$softcap, OptionalAttr<I64Attr>:$window,
                       OptionalAttr<I64Attr>:$splits);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $query `,` $state `,` $position `,` $sequence (`,` $sinks^)?
    custom<AttentionSettings>($scale, $softcap, $window, $splits) attr-dict `:`
    type($query) `,` qualified(type($state)) (`,` type($sinks)^)?
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$query, "::mlir::Value":$state, "::mlir::Value":$position,
                   "::mlir::Value":$sequence, "float":$scale,
                   CArg<"std::optional<float>", "std::nullopt">:$softcap,
                   CArg<"std::optional<int64_t>", "std::nullopt">:$window,
                   CArg<"::mlir::Value", "::mlir::Value()">:$sinks), [{
      build($_builder, $_state, query, state, position, sequence, sinks,
            $_builder.getF32FloatAttr(scale),
            softcap ? $_builder.getF32FloatAttr(*softcap) : ::mlir::FloatAttr(),
            window ? $_builder.getI64IntegerAttr(*window) : ::mlir::IntegerAttr(),
            ::mlir::IntegerAttr());
    }]>
  ];
  let hasVerifier = 1;
}

def Chordal_AttentionCombineOp : Chordal_Op<"attention_combine", [Pure, InferTypeOpAdaptor]> {
  let summary = "Makes one attention of its parts.";
  let description = [{
    `partial` [T, splits*heads*(head_dim+2)] is the result of an `attention` with `splits`; the
    result [T, heads*head_dim] is what that attention without splits would give: the sums of its
    parts, each times exp(r - greatest r), divided by the sums of exponentials, likewise.

    ```mlir
    %o = chordal.attention_combine %p {splits = 8, head_dim = 64} : tensor<?x16896xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$partial, I64Attr:$splits, I64Attr:$head_dim);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $partial custom<CombineSettings>($splits, $head_dim) attr-dict `:` type($partial)
  }];
}

//===--- element-wise and rows ----------------------------------------------------------------===//

def Chordal_GluOp : Chordal_Op<"glu", [Pure, AllTypesMatch<["gate", "up", "result"]>]> {
  let summary = "Gates one value with the activation of another.";
  let description = [{
    y = activation(gate) * up. silu(x) = x / (1 + exp(-x)); gelu(x) = x/2 (1 + erf(x / sqrt 2));
    gelu_tanh(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); relu(x) = max(x, 0).
    (Shazeer 2020, arXiv:2002.05202) With clamped_swiglu, for g = min(gate, 7) and
    u = clamp(up, -7, 7), y = g / (1 + exp(-1.702 g)) * (u + 1): gpt-oss's.

    ```mlir
    %y = chordal.glu %gate, %up {activation = silu} : tensor<?x5632xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$gate, Chordal_Rows:$up, Chordal_ActivationAttr:$activation);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = [{
    $gate `,` $up custom<ActivationSettings>($activation) attr-dict `:` type($gate)
  }];
}

def Chordal_ActivateOp : Chordal_Op<"activate", [Pure, AllTypesMatch<["x", "result"]>]> {
  let summary = "Applies an activation function.";
  let description = [{ y = activation(x), with the functions of `glu` but clamped_swiglu. }];
  let arguments = (ins Chordal_Rows:$x, Chordal_ActivationAttr:$activation);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$x custom<ActivationSettings>($activation) attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def Chordal_ScaleOp : Chordal_Op<"scale", [Pure, AllTypesMatch<["x", "result"]>]> {
  let summary = "Multiplies with a constant.";
  let description = [{ y = factor * x. }];
  let arguments = (ins Chordal_Rows:$x, F32Attr:$factor);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$x custom<ScaleSettings>($factor) attr-dict `:` type($x)";
  let builders = [
    OpBuilder<(ins "::mlir::Value":$x, "float":$factor), [{
      build($_builder, $_state, x, $_builder.getF32FloatAttr(factor));
    }]>
  ];
}

def Chordal_SoftcapOp : Chordal_Op<"softcap", [Pure, AllTypesMatch<["x", "result"]>]> {
  let summary = "Limits values softly.";
  let description = [{ y = cap * tanh(x / cap); the cap is positive. }];
  let arguments = (ins Chordal_Rows:$x, F32Attr:$cap);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$x custom<SoftcapSettings>($cap) attr-dict `:` type($x)";
  let builders = [
    OpBuilder<(ins "::mlir::Value":$x, "float":$cap), [{
      build($_builder, $_state, x, $_builder.getF32FloatAttr(cap));
    }]>
  ];
  let hasVerifier = 1;
}

def Chordal_BroadcastOp : Chordal_Op<"broadcast", [Pure, AllTypesMatch<["like", "result"]>]> {
  let summary = "Repeats a vector for every row.";
  let description = [{
    A vector of C elements becomes [T, C], with T and C those of `like`, whose elements are not read.

    ```mlir
    %y = chordal.broadcast %bias, %x : tensor<2048xf32>, tensor<?x2048xf32>
    ```
  }];
  let arguments = (ins Chordal_Vector:$vector, Chordal_Rows:$like);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$vector `,` $like attr-dict `:` type($vector) `,` type($like)";
  let hasVerifier = 1;
}

def Chordal_GatherRowsOp : Chordal_Op<"gather_rows", [Pure, InferTypeOpAdaptor]> {
  let summary = "Picks rows by index.";
  let description = [{
    Row i of the result is row index[i] of x, which is [T, C] or one integer per row.

    ```mlir
    %y = chordal.gather_rows %x, %output_row : tensor<?x2048xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins Chordal_Gatherable:$x, Chordal_Ids:$index);
  let results = (outs Chordal_Gatherable:$result);
  let assemblyFormat = "$x `,` $index attr-dict `:` type($x) `,` type($index)";
}

//===--- fusion -------------------------------------------------------------------------------===//

def Chordal_FusedOp : Chordal_Op<"fused", [Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "Ops that are computed together.";
  let description = [{
    The region holds the ops and defines the meaning; `kind` names the shape of the fusion for
    kernel selection: `norm_quantize`, `matmul_epilogue`, `rope_append`, `expert_glu`. The region sees only its
    arguments, one for each operand, and yields the results.

    ```mlir
    %y = chordal.fused "matmul_epilogue" (%a = %x, %b = %w, %c = %r)
        : (tensor<?x64xf32>, !chordal.quantized<64x64, "F16">, tensor<?x64xf32>)
        -> tensor<?x64xf32> {
      %0 = chordal.matmul %a, (%b)
          : (tensor<?x64xf32>, !chordal.quantized<64x64, "F16">) -> tensor<?x64xf32>
      %1 = arith.addf %0, %c : tensor<?x64xf32>
      chordal.yield %1 : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$kind, Variadic<AnyType>:$inputs);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let skipDefaultBuilders = 1;
  let builders = [
    /// The region gets its block, with an argument for each input, and no ops.
    OpBuilder<(ins "::mlir::TypeRange":$results, "::llvm::StringRef":$kind,
                   "::mlir::ValueRange":$inputs)>
  ];
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block& getBlock() { return getBody().front(); }
    YieldOp getYield();
  }];
}

def Chordal_YieldOp : Chordal_Op<"yield", [Pure, Terminator,
    ParentOneOf<["::chordal::ir::FusedOp", "::chordal::ir::DispatchOp"]>]> {
  let summary = "Yields the results of a fusion or a dispatch.";
  let description = [{ The types are those of the enclosing op's results. }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` qualified(type($values)))?";
}

#endif
