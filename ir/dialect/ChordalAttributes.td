//===- ChordalAttributes.td - attributes of the dialect ---------------------------------------===//
//
// Spans of files, and the enumerations of op settings.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_ATTRIBUTES_TD
#define CHORDAL_ATTRIBUTES_TD

include "ir/dialect/ChordalDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Chordal_SpanAttr : AttrDef<Chordal_Dialect, "Span"> {
  let mnemonic = "span";
  let summary = "a range of bytes of a file";
  let description = [{
    `bytes` bytes from `offset`, counted from the start of the file `shard` of a model.

    Example: `#chordal.span<shard = 0, offset = 1234, bytes = 567>`.
  }];
  let parameters = (ins "int64_t":$shard, "int64_t":$offset, "int64_t":$bytes);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

class Chordal_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::chordal::ir";
  let genSpecializedAttr = 0;
}

def Chordal_RopeStyle : Chordal_Enum<"RopeStyle", "which features form a rotated pair", [
  I32EnumAttrCase<"Interleaved", 0, "interleaved">,
  I32EnumAttrCase<"HalfSplit", 1, "half_split">
]>;
def Chordal_RopeStyleAttr : EnumAttr<Chordal_Dialect, Chordal_RopeStyle, "rope_style">;

def Chordal_Activation : Chordal_Enum<"Activation", "activation function", [
  I32EnumAttrCase<"Silu", 0, "silu">,
  I32EnumAttrCase<"Gelu", 1, "gelu">,
  I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,
  I32EnumAttrCase<"Relu", 3, "relu">,
  I32EnumAttrCase<"ClampedSwiglu", 4, "clamped_swiglu">
]>;
def Chordal_ActivationAttr : EnumAttr<Chordal_Dialect, Chordal_Activation, "activation">;

def Chordal_RowKind : Chordal_Enum<"RowKind", "what the rows of a dispatch are", [
  I32EnumAttrCase<"Tokens", 0, "tokens">,
  I32EnumAttrCase<"Outputs", 1, "outputs">
]>;
def Chordal_RowKindAttr : EnumAttr<Chordal_Dialect, Chordal_RowKind, "row_kind">;

#endif
