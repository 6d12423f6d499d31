//===- ChordalSymbolOps.td - weights, states, constants ---------------------------------------===//
//
// What a model consists of besides its functions, and the ops that refer to it by name.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_SYMBOL_OPS_TD
#define CHORDAL_SYMBOL_OPS_TD

include "ir/dialect/ChordalAttributes.td"
include "ir/dialect/ChordalConstraints.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Chordal_WeightOp : Chordal_Op<"weight", [Symbol]> {
  let summary = "Names a tensor of the model's file.";
  let description = [{
    Its type and where its bytes lie. A matrix has the quantised type of its format; a vector is a
    float32 tensor of rank 1 and is F32 in the file. The bytes themselves never enter the IR.

    ```mlir
    chordal.weight @blk.0.attn_q.weight : !chordal.quantized<2048x2048, "Q4_K">
        = #chordal.span<shard = 0, offset = 1234, bytes = 2359296>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Chordal_Stored>:$type,
                       Chordal_SpanAttr:$span);
  let assemblyFormat = "$sym_name `:` $type `=` qualified($span) attr-dict";
  let hasVerifier = 1;
}

def Chordal_StateOp : Chordal_Op<"state", [Symbol]> {
  let summary = "Names the storage of a state that lives from step to step.";
  let description = [{
    ```mlir
    chordal.state @kv.0 : !chordal.kv<4 x 64, k = f16, v = f16>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Chordal_KvType>:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
}

def Chordal_ConstantOp : Chordal_Op<"constant", [Symbol]> {
  let summary = "Names a small table computed at compile time.";
  let description = [{
    A float32 vector, such as the rotary frequencies. The text of its elements is exact.

    ```mlir
    chordal.constant @rope.0 dense<[1.0, 0.1]> : tensor<2xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ElementsAttr:$value);
  let assemblyFormat = "$sym_name $value attr-dict";
  let hasVerifier = 1;
}

def Chordal_LoadWeightOp : Chordal_Op<"load_weight",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Yields a weight as a value.";
  let description = [{
    The type is that of the `chordal.weight` it names. Nothing is read by it: it is a reference.
  }];
  let arguments = (ins FlatSymbolRefAttr:$name);
  let results = (outs Chordal_Stored:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let builders = [
    OpBuilder<(ins "::chordal::ir::WeightOp":$weight), [{
      build($_builder, $_state, weight.getType(), weight.getSymName());
    }]>
  ];
}

def Chordal_LoadConstantOp : Chordal_Op<"load_constant",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Yields a constant table as a value.";
  let description = [{ The type is that of the `chordal.constant` it names. }];
  let arguments = (ins FlatSymbolRefAttr:$name);
  let results = (outs Chordal_Vector:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let builders = [
    OpBuilder<(ins "::chordal::ir::ConstantOp":$constant), [{
      build($_builder, $_state, constant.getValue().getShapedType(), constant.getSymName());
    }]>
  ];
}

#endif
