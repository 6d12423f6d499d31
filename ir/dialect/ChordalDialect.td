//===- ChordalDialect.td - the dialect itself -------------------------------------------------===//
//
// The dialect's name and namespace, and the base class of its ops.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_DIALECT_TD
#define CHORDAL_DIALECT_TD

include "mlir/IR/OpBase.td"

def Chordal_Dialect : Dialect {
  let name = "chordal";
  let cppNamespace = "::chordal::ir";
  let summary = "Language models as graphs over quantised weights, and the plan of running them";
  let description = [{
    Values are two-dimensional and token-major: `tensor<?x2048xf32>` is [rows, features]; a row is a
    token, or an output row after `gather_rows`. Heads are flattened into features: head h occupies
    the features h*D .. h*D+D-1. Weights are symbols that point into a file, state is threaded as
    values.

    Attributes on ops of other dialects: `chordal.model` (a dictionary, on the module) holds what is
    worth keeping of the file's hyper-parameters; `chordal.tokens = array<i64: MIN, MAX>` on a
    function says for which numbers of tokens it is the step function; `chordal.state = @name` on an
    argument of such a function names the storage of that state.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttributes();
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::math::MathDialect"
  ];
}

class Chordal_Op<string mnemonic, list<Trait> traits = []>
    : Op<Chordal_Dialect, mnemonic, traits>;

#endif
