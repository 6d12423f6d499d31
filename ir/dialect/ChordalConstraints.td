//===- ChordalConstraints.td - what operands may be -------------------------------------------===//
//
// The kinds of values that ops take, in the words that error messages use.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_CONSTRAINTS_TD
#define CHORDAL_CONSTRAINTS_TD

include "ir/dialect/ChordalTypes.td"

class Chordal_Ranked<string condition, string summary>
    : Type<CPred<"::chordal::ir::" # condition # "($_self)">, summary, "::mlir::RankedTensorType">;

def Chordal_Rows : Chordal_Ranked<"isRows",
  "rows of features (tensor<?xFEATURESxf32>, features static)">;
def Chordal_Vector : Chordal_Ranked<"isVector", "a vector of static size (tensor<Nxf32>)">;
def Chordal_Ids : Chordal_Ranked<"isIds", "one 32-bit integer per row (tensor<?xi32>)">;
def Chordal_Gatherable : Chordal_Ranked<"isGatherable",
  "rows of features or one 32-bit integer per row">;
def Chordal_Dense : Chordal_Ranked<"isDense", "a float32 tensor of rank 2 or 3">;

def Chordal_Activations : Type<CPred<"::chordal::ir::isActivations($_self)">,
  "quantised activations (!chordal.quantized<?xFEATURES, \"Q8\">, \"BF16x16\" or \"BF16x16x2\")", "::chordal::ir::QuantizedType">;
def Chordal_Weights : Type<CPred<"::chordal::ir::isWeights($_self)">,
  "a quantised weight matrix", "::chordal::ir::QuantizedType">;

/// What multiplies: activations as float32 or quantised.
def Chordal_MatmulInput : AnyTypeOf<[Chordal_Rows, Chordal_Activations]>;
/// What it is multiplied with: a matrix as stored, or as dequantised.
def Chordal_MatmulWeight : AnyTypeOf<[Chordal_Rows, Chordal_Weights]>;
/// What a weight symbol can be.
def Chordal_Stored : AnyTypeOf<[Chordal_Vector, Chordal_Weights]>;

/// `ids` has one element per row of `rows`; its type need not be written.
class Chordal_OnePerRow<string rows, string ids>
    : TypesMatchWith<"'" # ids # "' has one 32-bit integer per row of '" # rows # "'", rows, ids,
                     "::chordal::ir::idsOfRows($_self)">;

#endif
