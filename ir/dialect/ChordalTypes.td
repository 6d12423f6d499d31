//===- ChordalTypes.td - types of the dialect -------------------------------------------------===//
//
// Quantised matrices, the state of a layer, and the handles that a schedule passes around.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_TYPES_TD
#define CHORDAL_TYPES_TD

include "ir/dialect/ChordalDialect.td"
include "mlir/IR/AttrTypeBase.td"

class Chordal_Type<string name, string mnemonicName> : TypeDef<Chordal_Dialect, name> {
  let mnemonic = mnemonicName;
}

def Chordal_QuantizedType : Chordal_Type<"Quantized", "quantized"> {
  let summary = "matrix stored in blocks of a format";
  let description = [{
    A matrix [rows, columns], or several of them [experts, rows, columns], stored row by row in
    blocks of a tensor format. Weight matrices of any format have this type, F32, F16 and BF16 too.
    A row is a whole number of blocks.

    The format `Q8` is that of activations and not found in files. A row of n features, n a multiple
    of 32, is int8 q[n] in -127..127, one float32 scale per 32 features, and the int16 sum of q per
    16. A value is scale * q; scale = amax / 127 and q = round-half-even(x / scale), 0 if amax is 0.
    Its number of rows may be dynamic.

    The format `BF16x16` is one of activations too, of rows interleaved for matrix units; its
    values are x rounded to bfloat16, half to even. `BF16x16x2` adds to each the rest of x, rounded
    to bfloat16 too.

    `layout` names how the blocks lie in memory: `rows`, as in the file, is the default and not
    printed; others are layouts packed for a kernel.

    Examples: `!chordal.quantized<4096x2048, "Q4_K">`, `!chordal.quantized<?x2048, "Q8">`,
    `!chordal.quantized<4096x2048, "Q4_K", "x8">`.
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$shape,
    StringRefParameter<"name of the format">:$format,
    StringRefParameter<"name of the layout">:$layout);
  let skipDefaultBuilders = 1;
  let builders = [
    TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$shape, "::llvm::StringRef":$format,
                     CArg<"::llvm::StringRef", "\"rows\"">:$layout), [{
      return $_get($_ctxt, shape, format, layout);
    }]>,
    TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$shape, "::chordal::Format":$format,
                     CArg<"::llvm::StringRef", "\"rows\"">:$layout), [{
      return $_get($_ctxt, shape, ::llvm::StringRef(::chordal::formatInfo(format).name), layout);
    }]>
  ];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The formats of activations; no file has them.
    static constexpr ::llvm::StringLiteral q8Format = "Q8", bfloatFormat = "BF16x16",
                                               twoBfloatsFormat = "BF16x16x2";
    /// The layout of files.
    static constexpr ::llvm::StringLiteral fileLayout = "rows";

    static bool isActivationFormat(::llvm::StringRef format) {
      return format == q8Format || format == bfloatFormat || format == twoBfloatsFormat;
    }
    bool isActivation() const { return isActivationFormat(getFormat()); }
    /// The row of the format table; null for activations.
    const ::chordal::FormatInfo* getFormatInfo() const;
    int64_t getRank() const { return getShape().size(); }
    /// Rows of one matrix (of one expert).
    int64_t getRows() const { return getShape()[getShape().size() - 2]; }
    /// Features: the length of a row.
    int64_t getColumns() const { return getShape().back(); }
    /// Bytes of the whole in its file; for weights only.
    int64_t getByteSize() const;
    /// The same matrix in another layout.
    QuantizedType withLayout(::llvm::StringRef layout) const {
      return get(getContext(), getShape(), getFormat(), layout);
    }
  }];
}

def Chordal_KvType : Chordal_Type<"Kv", "kv"> {
  let summary = "keys and values of one layer";
  let description = [{
    The KV cache of one layer, of all sequences: for each position of a sequence `heads` keys of
    `keyDim` elements and as many values of `valueDim` elements, rounded to f16 or kept as f32.

    Examples: `!chordal.kv<4 x 64, k = f16, v = f16>`; with keys of 192 and values of 128 elements
    `!chordal.kv<4 x 192 / 128, k = f32, v = f32>`.
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$keyDim, "int64_t":$valueDim,
                        "::mlir::Type":$keyType, "::mlir::Type":$valueType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Chordal_EventType : Chordal_Type<"Event", "event"> {
  let summary = "something that will have happened: the end of a read";
}

def Chordal_ArenaType : Chordal_Type<"Arena", "arena"> {
  let summary = "one block of memory that holds all intermediate values of a step";
}

def Chordal_SliceType : Chordal_Type<"Slice", "slice"> {
  let summary = "a range of bytes of an arena";
}

#endif
