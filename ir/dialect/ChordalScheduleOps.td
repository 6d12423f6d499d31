//===- ChordalScheduleOps.td - the ops of a plan ----------------------------------------------===//
//
// Who computes what, where in memory, and when weights are read.
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_SCHEDULE_OPS_TD
#define CHORDAL_SCHEDULE_OPS_TD

include "ir/dialect/ChordalAttributes.td"
include "ir/dialect/ChordalConstraints.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Chordal_DispatchOp : Chordal_Op<"dispatch", [Pure, IsolatedFromAbove, SingleBlock,
    AttrSizedOperandSegments]> {
  let summary = "One call of a kernel on one device.";
  let description = [{
    The region holds the graph ops that the kernel computes and defines the meaning. `id` is unique
    in the function and ascends. `kernels` is empty until they are selected: one for each weight of a
    matmul, else one, or none where all is generated code. `rows` says what the
    rows of the results count. `slices` are where in the arena the results go that are not states, in
    order; `after` lists the ids of dispatches that must have ended before. `parameters` are the
    kernel's settings, `functions` the generated functions that it calls.

    ```mlir
    %y = chordal.dispatch 7 kernels(["matmul.F16.gemv.scalar"]) device("cpu") rows(tokens) into(%s) after(5, 6)
        (%a = %x, %b = %w) : (tensor<?x64xf32>, !chordal.quantized<64x64, "F16">)
        -> tensor<?x64xf32> attributes {parameters = array<i32: 4, 2>} {
      %0 = chordal.matmul %a, (%b)
          : (tensor<?x64xf32>, !chordal.quantized<64x64, "F16">) -> tensor<?x64xf32>
      chordal.yield %0 : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins
    I64Attr:$id, StrArrayAttr:$kernels, StrAttr:$device, Chordal_RowKindAttr:$rows,
    OptionalAttr<DenseI64ArrayAttr>:$after, OptionalAttr<DenseI32ArrayAttr>:$parameters,
    OptionalAttr<FlatSymbolRefArrayAttr>:$functions,
    Variadic<AnyType>:$inputs, Variadic<Chordal_SliceType>:$slices);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let skipDefaultBuilders = 1;
  let builders = [
    /// The region gets its block, with an argument for each input, and no ops.
    OpBuilder<(ins "::mlir::TypeRange":$results, "int64_t":$id, "::llvm::StringRef":$device,
                   "::chordal::ir::RowKind":$rows, "::mlir::ValueRange":$inputs)>
  ];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block& getBlock() { return getBody().front(); }
    YieldOp getYield();
  }];
}

def Chordal_ArenaOp : Chordal_Op<"arena", [Pure]> {
  let summary = "The memory of a step's intermediate values.";
  let description = [{ `chordal.arena 1048576 : !chordal.arena`: a block of so many bytes. }];
  let arguments = (ins I64Attr:$bytes);
  let results = (outs Chordal_ArenaType:$result);
  let assemblyFormat = "custom<Count>($bytes) attr-dict `:` qualified(type($result))";
  let hasVerifier = 1;
}

def Chordal_SliceOp : Chordal_Op<"slice", [Pure]> {
  let summary = "A range of bytes of the arena.";
  let description = [{
    `chordal.slice %arena at 4096, 1024 : !chordal.slice`: 1024 bytes from offset 4096. The offset is
    a multiple of 64.
  }];
  let arguments = (ins Chordal_ArenaType:$arena, I64Attr:$offset, I64Attr:$bytes);
  let results = (outs Chordal_SliceType:$result);
  let assemblyFormat = [{
    $arena `at` custom<Count>($offset) `,` custom<Count>($bytes) attr-dict `:`
    qualified(type($result))
  }];
  let hasVerifier = 1;
}

def Chordal_PrefetchOp : Chordal_Op<"prefetch",
    [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Starts to read a weight into memory.";
  let description = [{ The event is the end of the read. }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs Chordal_EventType:$result);
  let assemblyFormat = "$weight attr-dict `:` qualified(type($result))";
}

def Chordal_AwaitOp : Chordal_Op<"await"> {
  let summary = "Waits for an event.";
  let description = [{ What follows in the function needs it to have happened. }];
  let arguments = (ins Chordal_EventType:$event);
  let assemblyFormat = "$event attr-dict";
}

def Chordal_ReleaseOp : Chordal_Op<"release", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Gives up the memory of a weight that was read.";
  let description = [{ Nothing after it in the function reads the weight, unless prefetched anew. }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let assemblyFormat = "$weight attr-dict";
}

#endif
