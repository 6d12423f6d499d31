//===- ChordalExpertOps.td - mixtures of experts, and matrices per head -----------------------===//
//
// Ops of models whose matrices are several: a matrix for each expert, of which a router chooses some
// for each token, or a matrix for each head. What belongs to a token's chosen experts is flattened
// into features, as heads are: the k-th chosen one has the features k*R .. k*R+R-1. T is the number
// of rows, E of experts, K of experts that are used for a token.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_EXPERT_OPS_TD
#define CHORDAL_EXPERT_OPS_TD

include "ir/dialect/ChordalAttributes.td"
include "ir/dialect/ChordalConstraints.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Chordal_Gating : Chordal_Enum<"Gating", "how logits become the weights of experts", [
  I32EnumAttrCase<"Softmax", 0, "softmax">,
  I32EnumAttrCase<"Sigmoid", 1, "sigmoid">,
  I32EnumAttrCase<"SoftmaxChosen", 2, "softmax_chosen">
]>;
def Chordal_GatingAttr : EnumAttr<Chordal_Dialect, Chordal_Gating, "gating">;

def Chordal_IdRows : Chordal_Ranked<"isIdRows", "rows of 32-bit integers (tensor<?xNxi32>, N static)">;

/// A matrix per expert or head, as stored or as dequantised.
def Chordal_Matrices : AnyTypeOf<[Chordal_Dense, Chordal_Weights]>;

def Chordal_RouterOp : Chordal_Op<"router", [Pure, InferTypeOpAdaptor]> {
  let summary = "Chooses the experts of each token and their weights.";
  let description = [{
    logits is [T, E]. Probabilities are p = softmax(logits) over all experts or, with the gating
    `sigmoid`, 1 / (1 + exp(-logits)); with `softmax_chosen` they are the logits themselves. The
    `used` experts of greatest p + bias are chosen, in descending order, of equal ones the lower
    first. (The bias, [E], steers the choice alone.) With `groups`, experts are cut into as many runs
    of equal length, of which only those `groups_used` take part whose two greatest p + bias have the
    greatest sum. The weights are the p of the chosen experts; for `softmax_chosen` their softmax.
    `normalise` divides them by their sum, `scale` multiplies them at last.
    (Shazeer et al. 2017, arXiv:1701.06538; DeepSeek-AI 2024, arXiv:2412.19437)

    The results are the chosen experts, tensor<TxKxi32>, and their weights, tensor<TxKxf32>.

    ```mlir
    %experts, %weights = chordal.router %logits {gating = #chordal<gating softmax>, normalise, used = 2 : i64}
        : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    ```
  }];
  let arguments = (ins Chordal_Rows:$logits, Optional<Chordal_Vector>:$bias, I64Attr:$used,
                       Chordal_GatingAttr:$gating, UnitAttr:$normalise,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale,
                       DefaultValuedAttr<I64Attr, "1">:$groups,
                       DefaultValuedAttr<I64Attr, "1">:$groups_used);
  let results = (outs Chordal_IdRows:$experts, Chordal_Rows:$weights);
  let assemblyFormat = [{
    $logits (`,` $bias^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Chordal_GroupRoutesOp : Chordal_Op<"group_routes", [Pure, InferTypeOpAdaptor]> {
  let summary = "Sorts the pairs of token and chosen expert by expert.";
  let description = [{
    `experts` is [T, K], each in 0..count-1. A pair is numbered t*K + k. The result,
    tensor<Tx(3K+2)xi32>, is read as one run of integers: the number N of experts that any token
    uses; those N experts, ascending; N + 1 offsets, the first 0; then all pairs, expert by expert
    and ascending within one: those of the i-th expert begin at offset i and end before offset i+1.
    What is left of it means nothing (0 in the interpreter).

    ```mlir
    %routes = chordal.group_routes %experts {count = 8 : i64} : (tensor<?x2xi32>) -> tensor<?x8xi32>
    ```
  }];
  let arguments = (ins Chordal_IdRows:$experts, I64Attr:$count);
  let results = (outs Chordal_IdRows:$routes);
  let assemblyFormat = "$experts attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Chordal_MoeMatmulOp : Chordal_Op<"moe_matmul",
    [Pure, InferTypeOpAdaptor, AttrSizedOperandSegments]> {
  let summary = "Multiplies each token's activations with the matrices of its experts.";
  let description = [{
    weights[i] is [E, R_i, C], biases[i], if there are any, [E, R_i] in float32. x is [T, C], the same
    for all experts of a token, or [T, K*C], a part for each. For each pair of `routes` (of
    `group_routes`), of token t and the k-th of its experts, e, the features k*R_i .. k*R_i+R_i-1 of
    row t of result i, tensor<Tx(K*R_i)xf32>, are x[t] (or its k-th part) times the transpose of
    weights[i][e], plus biases[i][e].

    ```mlir
    %g, %u = chordal.moe_matmul %x, %routes, (%wg, %wu)
        : (tensor<?x256xf32>, tensor<?x8xi32>, !chordal.quantized<8x512x256, "Q4_K">,
           !chordal.quantized<8x512x256, "Q4_K">) -> (tensor<?x1024xf32>, tensor<?x1024xf32>)
    ```
  }];
  let arguments = (ins Chordal_MatmulInput:$x, Chordal_IdRows:$routes,
                       Variadic<Chordal_Matrices>:$weights, Variadic<Chordal_Weights>:$biases);
  let results = (outs Variadic<Chordal_Rows>:$results);
  let assemblyFormat = [{
    $x `,` $routes `,` `(` $weights `)` (`bias` `(` $biases^ `)`)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// K: the experts used for a token.
    int64_t getUsed();
    /// Whether all experts of a token read the same features.
    bool hasSharedInput();
  }];
}

def Chordal_MoeCombineOp : Chordal_Op<"moe_combine", [Pure, InferTypeOpAdaptor]> {
  let summary = "Adds up the weighted results of each token's experts.";
  let description = [{
    x is [T, K*R], weights [T, K]; the result, [T, R], is the sum over k of weights[t, k] times the
    k-th part of x[t], in the order of k.

    ```mlir
    %y = chordal.moe_combine %x, %weights : (tensor<?x512xf32>, tensor<?x2xf32>) -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$x, Chordal_Rows:$weights);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$x `,` $weights attr-dict `:` functional-type(operands, results)";
}

//===--- heads --------------------------------------------------------------------------------===//

def Chordal_HeadMatmulOp : Chordal_Op<"head_matmul", [Pure, InferTypeOpAdaptor]> {
  let summary = "Multiplies each head with a matrix of its own.";
  let description = [{
    x is [T, H*C], the matrices [H, R, C]; head h of the result, tensor<Tx(H*R)xf32>, is head h of x
    times the transpose of matrix h.

    ```mlir
    %y = chordal.head_matmul %x, %w
        : (tensor<?x256xf32>, !chordal.quantized<4x128x64, "Q8_0">) -> tensor<?x512xf32>
    ```
  }];
  let arguments = (ins Chordal_MatmulInput:$x, Chordal_Matrices:$weight);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$x `,` $weight attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Chordal_HeadSliceOp : Chordal_Op<"head_slice", [Pure, InferTypeOpAdaptor]> {
  let summary = "Takes some features of each head.";
  let description = [{
    x is [T, H*head_dim]; head h of the result, [T, H*size], has the features begin .. begin+size-1
    of head h of x.

    ```mlir
    %y = chordal.head_slice %x {begin = 64 : i64, head_dim = 96 : i64, size = 32 : i64}
        : (tensor<?x384xf32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$x, I64Attr:$head_dim, I64Attr:$begin, I64Attr:$size);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def Chordal_HeadJoinOp : Chordal_Op<"head_join", [Pure, InferTypeOpAdaptor]> {
  let summary = "Joins the features of each head of two values.";
  let description = [{
    first is [T, heads*A], second [T, heads*B]; head h of the result, [T, heads*(A+B)], has the
    features of head h of the first and then those of head h of the second.

    ```mlir
    %y = chordal.head_join %a, %b {heads = 4 : i64}
        : (tensor<?x128xf32>, tensor<?x256xf32>) -> tensor<?x384xf32>
    ```
  }];
  let arguments = (ins Chordal_Rows:$first, Chordal_Rows:$second, I64Attr:$heads);
  let results = (outs Chordal_Rows:$result);
  let assemblyFormat = "$first `,` $second attr-dict `:` functional-type(operands, results)";
}

#endif
