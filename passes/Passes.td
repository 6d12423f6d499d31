//===- Passes.td - what the compiler does to a model's graph ----------------------------------===//
//
// Every pass, in the order in which the phases run them. Each says what it needs, what it leaves,
// and shows the IR before and after. What a pass did and what it had to leave it reports as remarks
// (category: the pass; see Remarks.h), for example with `chordal-opt --remarks-filter='.*'`:
//
//   split-attention       passed  split
//   merge-projections     passed  merged          missed  weights-disagree, too-many-weights,
//                                                         weight-comes-later
//   fuse-dequantize-matmul passed fused           missed  dequantize-has-other-readers
//   quantize-activations  passed  quantized       missed  weights-disagree
//   fuse-quantize         passed  fused           missed  norm-per-group
//   fuse-experts          passed  fused           missed  result-has-other-readers, weights-differ
//   fuse-epilogues        passed  fused, fused-rope
//                         missed  result-has-other-readers, weights-differ, operand-comes-later,
//                                 query-not-rotated, key-not-rotated, rope-settings-differ,
//                                 norms-differ
//
//===------------------------------------------------------------------------------------------===//
#ifndef CHORDAL_PASSES_TD
#define CHORDAL_PASSES_TD

include "mlir/Pass/PassBase.td"

//===--- input --------------------------------------------------------------------------------===//

def VerifyInputPass : Pass<"verify-input", "::mlir::ModuleOp"> {
  let summary = "Checks that a module is a model as written.";
  let description = [{
    The end of the phase `input`. There is a step function, no two step functions are for the same
    number of tokens, and nothing has been planned yet: activations are float32, weights are
    dequantised before they are multiplied with, and there is no op of a later phase (`quantize`,
    `fused`, `dispatch`, and those of a schedule). States are used linearly.
  }];
}

//===--- graph --------------------------------------------------------------------------------===//

def SplitAttentionPass : Pass<"split-attention", "::mlir::func::FuncOp"> {
  let summary = "Divides the attention of few tokens by positions.";
  let description = [{
    In steps of few tokens (16 at most), attention has a shard for each head of the KV cache. Where
    these are fewer than 16, the positions are divided too, into parts of equal size for each head
    (Dao et al. 2023, "Flash-Decoding for long-context inference"), and the parts combined, unless
    the context or the attention's window is shorter than 2,048 positions. How many parts there are
    does not depend on the number of workers, so neither does any bit of the result.

    Before:
    ```mlir
    %o = chordal.attention %q, %kv, %p, %s {scale = 0.125}
        : tensor<?x2048xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
    ```

    After:
    ```mlir
    %0 = chordal.attention %q, %kv, %p, %s {scale = 0.125, splits = 4}
        : tensor<?x2048xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
    %o = chordal.attention_combine %0 {splits = 4, head_dim = 64} : tensor<?x8448xf32>
    ```
  }];
  let statistics = [Statistic<"numSplit", "split", "Number of attentions divided">];
}

def MergeProjectionsPass : Pass<"merge-projections", "::mlir::func::FuncOp"> {
  let summary = "Merges the matmuls of one input into one with several results.";
  let description = [{
    Queries, keys and values are projections of the same activations, as are the two inputs of a
    gated unit. One op reads the activations once and has more rows of weights to share among the
    workers. Weights stay separate, so their formats may differ; what must agree is whether they are
    multiplied with quantised activations. Two projections that meet in the same `glu` are merged
    with each other and no third, so that the gate can be fused; at most four matmuls are merged.

    The merged op stands where the first matmul stood; the loading and dequantising of the other
    weights moves before it.

    Before:
    ```mlir
    %0 = chordal.load_weight @blk.0.attn_q.weight : !chordal.quantized<2048x2048, "Q4_K">
    %1 = chordal.dequantize %0 : !chordal.quantized<2048x2048, "Q4_K"> -> tensor<2048x2048xf32>
    %q = chordal.matmul %x, (%1)
        : (tensor<?x2048xf32>, tensor<2048x2048xf32>) -> tensor<?x2048xf32>
    %2 = chordal.load_weight @blk.0.attn_v.weight : !chordal.quantized<256x2048, "Q6_K">
    %3 = chordal.dequantize %2 : !chordal.quantized<256x2048, "Q6_K"> -> tensor<256x2048xf32>
    %v = chordal.matmul %x, (%3)
        : (tensor<?x2048xf32>, tensor<256x2048xf32>) -> tensor<?x256xf32>
    ```

    After:
    ```mlir
    %0 = chordal.load_weight @blk.0.attn_q.weight : !chordal.quantized<2048x2048, "Q4_K">
    %1 = chordal.dequantize %0 : !chordal.quantized<2048x2048, "Q4_K"> -> tensor<2048x2048xf32>
    %2 = chordal.load_weight @blk.0.attn_v.weight : !chordal.quantized<256x2048, "Q6_K">
    %3 = chordal.dequantize %2 : !chordal.quantized<256x2048, "Q6_K"> -> tensor<256x2048xf32>
    %q, %v = chordal.matmul %x, (%1, %3)
        : (tensor<?x2048xf32>, tensor<2048x2048xf32>, tensor<256x2048xf32>)
        -> (tensor<?x2048xf32>, tensor<?x256xf32>)
    ```
  }];
  let statistics = [
    Statistic<"numMerged", "merged", "Number of matmuls merged into another one">,
    Statistic<"numLeft", "left", "Number of matmuls that share an input but were left apart">
  ];
}

def FuseDequantizeMatmulPass : Pass<"fuse-dequantize-matmul", "::mlir::func::FuncOp"> {
  let summary = "Lets matmuls read weights as they are stored.";
  let description = [{
    A `dequantize` that feeds a `matmul` disappears, whatever the format: the kernel decodes blocks
    as it goes, and the float32 matrix never exists. Numbers stay the same.

    Before:
    ```mlir
    %f = chordal.dequantize %w : !chordal.quantized<256x2048, "Q6_K"> -> tensor<256x2048xf32>
    %y = chordal.matmul %x, (%f) : (tensor<?x2048xf32>, tensor<256x2048xf32>) -> tensor<?x256xf32>
    ```

    After:
    ```mlir
    %y = chordal.matmul %x, (%w)
        : (tensor<?x2048xf32>, !chordal.quantized<256x2048, "Q6_K">) -> tensor<?x256xf32>
    ```
  }];
  let statistics = [
    Statistic<"numFused", "fused", "Number of weights that a matmul reads as stored">,
    Statistic<"numKept", "kept", "Number of dequantizes kept for other readers">
  ];
}

def QuantizeActivationsPass : Pass<"quantize-activations", "::mlir::func::FuncOp"> {
  let summary = "Quantises the inputs of matmuls to what their kernels read.";
  let description = [{
    Integer dot products are several times as fast as float32 ones, and matrix units want bfloat16.
    Where the kernels of all weights of a matmul read the same quantised activations (the kernel
    catalogue says which, by format, instruction-set level and number of rows), its input is
    quantised so, once for all readers and where the value is made. This is the one pass that
    changes numbers by more than rounding.

    Before:
    ```mlir
    %y = chordal.matmul %x, (%w)
        : (tensor<?x2048xf32>, !chordal.quantized<256x2048, "Q6_K">) -> tensor<?x256xf32>
    ```

    After:
    ```mlir
    %q = chordal.quantize %x : tensor<?x2048xf32> -> !chordal.quantized<?x2048, "Q8">
    %y = chordal.matmul %q, (%w)
        : (!chordal.quantized<?x2048, "Q8">, !chordal.quantized<256x2048, "Q6_K">)
        -> tensor<?x256xf32>
    ```
  }];
  let options = [Option<"isa", "isa", "std::string", "",
                        "Instruction-set level; empty: that of this machine">];
  let statistics = [
    Statistic<"numQuantized", "quantized", "Number of values quantised">,
    Statistic<"numMatmuls", "matmuls", "Number of matmuls that read quantised activations">
  ];
}

def FuseQuantizePass : Pass<"fuse-quantize", "::mlir::func::FuncOp"> {
  let summary = "Fuses norms and combined attention with the quantisation of their result.";
  let description = [{
    A norm that is quantised writes int8 at once; it writes float32 too only if somebody else reads
    that. Norms per group stay as they are: they belong to `rope_append`. An `attention_combine` is
    fused likewise; the kind is "combine_quantize" then.

    Before:
    ```mlir
    %n = chordal.rms_norm %x, %w {epsilon = 1.0e-5} : tensor<?x2048xf32>, tensor<2048xf32>
    %q = chordal.quantize %n : tensor<?x2048xf32> -> !chordal.quantized<?x2048, "Q8">
    ```

    After:
    ```mlir
    %q = chordal.fused "norm_quantize" (%a = %x, %b = %w)
        : (tensor<?x2048xf32>, tensor<2048xf32>) -> !chordal.quantized<?x2048, "Q8"> {
      %0 = chordal.rms_norm %a, %b {epsilon = 1.0e-5} : tensor<?x2048xf32>, tensor<2048xf32>
      %1 = chordal.quantize %0 : tensor<?x2048xf32> -> !chordal.quantized<?x2048, "Q8">
      chordal.yield %1 : !chordal.quantized<?x2048, "Q8">
    }
    ```

    Yielded are the float32 value, if it has other readers, and then the quantised one.
  }];
  let statistics = [
    Statistic<"numFused", "fused", "Number of ops fused with a quantize">,
    Statistic<"numBoth", "both", "Number of those that yield float32 too">
  ];
}

def FuseExpertsPass : Pass<"fuse-experts", "::mlir::func::FuncOp"> {
  let summary = "Fuses the gated unit of each expert.";
  let description = [{
    Two matmuls of the same experts, with one input, whose results meet in a `glu` become one, and
    are fused with it: a worker computes the same tile of both and gates it at once. Their weights
    must be of one type, and the glu their only reader.

    Before:
    ```mlir
    %g = chordal.moe_matmul %x, %routes, (%wg) : (...) -> tensor<?x1024xf32>
    %u = chordal.moe_matmul %x, %routes, (%wu) : (...) -> tensor<?x1024xf32>
    %y = chordal.glu %g, %u {activation = silu} : tensor<?x1024xf32>
    ```
    After:
    ```mlir
    %y = chordal.fused "expert_glu" (%a = %x, %b = %routes, %c = %wg, %d = %wu) : (...) -> tensor<?x1024xf32> {
      %g, %u = chordal.moe_matmul %a, %b, (%c, %d) : (...) -> (tensor<?x1024xf32>, tensor<?x1024xf32>)
      %y = chordal.glu %g, %u {activation = silu} : tensor<?x1024xf32>
      chordal.yield %y : tensor<?x1024xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"numFused", "fused", "Number of gated units fused">
  ];
}

def FuseEpiloguesPass : Pass<"fuse-epilogues", "::mlir::func::FuncOp"> {
  let summary = "Fuses element-wise ops into matmuls, and rotations into the KV append.";
  let description = [{
    What is computed element by element from the result of a matmul is computed while that result
    is still in the cache: residual additions, biases, scales, activations, gates. An op is taken in
    if it is the only reader of a result (or of an op taken in before), and all else it reads is
    there before the matmul or can be moved there (weights and their broadcasts). Results that are
    only read outside are yielded as they are, in order; each value yielded is the end of the chain
    of one result. Ops that combine two results, as `glu` does, need a matmul of exactly two
    weights of equal shape and format, so that one worker has the same tile of both.

    Before:
    ```mlir
    %g, %u = chordal.matmul %x, (%wg, %wu)
        : (!chordal.quantized<?x2048, "Q8">, !chordal.quantized<5632x2048, "Q4_K">,
           !chordal.quantized<5632x2048, "Q4_K">) -> (tensor<?x5632xf32>, tensor<?x5632xf32>)
    %y = chordal.glu %g, %u {activation = silu} : tensor<?x5632xf32>
    ```

    After:
    ```mlir
    %y = chordal.fused "matmul_epilogue" (%a = %x, %b = %wg, %c = %wu)
        : (!chordal.quantized<?x2048, "Q8">, !chordal.quantized<5632x2048, "Q4_K">,
           !chordal.quantized<5632x2048, "Q4_K">) -> tensor<?x5632xf32> {
      %0, %1 = chordal.matmul %a, (%b, %c)
          : (!chordal.quantized<?x2048, "Q8">, !chordal.quantized<5632x2048, "Q4_K">,
             !chordal.quantized<5632x2048, "Q4_K">) -> (tensor<?x5632xf32>, tensor<?x5632xf32>)
      %2 = chordal.glu %0, %1 {activation = silu} : tensor<?x5632xf32>
      chordal.yield %2 : tensor<?x5632xf32>
    }
    ```

    Queries and keys are rotated, normalised per head in some models, and keys stored: one op does
    that for a token.

    Before:
    ```mlir
    %1 = chordal.rope %q, %t {head_dim = 64, style = interleaved} : tensor<?x2048xf32>, tensor<?x64xf32>
    %2 = chordal.rope %k, %t {head_dim = 64, style = interleaved} : tensor<?x256xf32>, tensor<?x64xf32>
    %3 = chordal.kv_append %kv, %2, %v, %position, %sequence
        : !chordal.kv<4 x 64, k = f16, v = f16>, tensor<?x256xf32>, tensor<?x256xf32>
    %4 = chordal.attention %1, %3, %position, %sequence {scale = 0.125}
        : tensor<?x2048xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
    ```

    After:
    ```mlir
    %1, %3 = chordal.fused "rope_append" (%a = %q, %b = %k, %c = %v, %d = %t, %e = %position,
                                          %f = %sequence, %g = %kv)
        : (...) -> (tensor<?x2048xf32>, !chordal.kv<4 x 64, k = f16, v = f16>) {
      %5 = chordal.rope %a, %d {head_dim = 64, style = interleaved} : tensor<?x2048xf32>, tensor<?x64xf32>
      %6 = chordal.rope %b, %d {head_dim = 64, style = interleaved} : tensor<?x256xf32>, tensor<?x64xf32>
      %7 = chordal.kv_append %g, %6, %c, %e, %f : ...
      chordal.yield %5, %7 : tensor<?x2048xf32>, !chordal.kv<4 x 64, k = f16, v = f16>
    }
    %4 = chordal.attention %1, %3, %position, %sequence {scale = 0.125} : ...
    ```

    With norms, the weights of the query's and the key's norm are the last two operands.
  }];
  let statistics = [
    Statistic<"numEpilogues", "epilogues", "Number of matmuls fused with what follows">,
    Statistic<"numElementwise", "elementwise", "Number of element-wise ops fused into matmuls">,
    Statistic<"numRopeAppends", "rope-appends", "Number of rotations fused with a KV append">
  ];
}

def VerifyGraphPass : Pass<"verify-graph", "::mlir::ModuleOp"> {
  let summary = "Checks that it is settled what is computed together.";
  let description = [{
    The end of the phase `graph`. No matmul reads a dequantised value, none has more weights than
    kernels take (four), one that reads quantised activations has only weights of formats that are multiplied with them;
    no value is quantised twice to one format; fusions hold what their kind says; there is no op of a later phase. States are
    used linearly.
  }];
}

//===--- dispatch -----------------------------------------------------------------------------===//

def FormDispatchesPass : Pass<"form-dispatches", "::mlir::func::FuncOp"> {
  let summary = "Makes one dispatch for each kernel call.";
  let description = [{
    Every op and every fusion becomes a dispatch, whose region it moves to; element-wise ops that no
    matmul took in become one dispatch per chain. Dispatches are numbered in order. What is computed
    from gathered rows counts outputs, all else tokens.

    Before:
    ```mlir
    %y = chordal.matmul %x, (%w)
        : (tensor<?x64xf32>, !chordal.quantized<64x64, "F16">) -> tensor<?x64xf32>
    ```

    After:
    ```mlir
    %y = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x, %b = %w)
        : (tensor<?x64xf32>, !chordal.quantized<64x64, "F16">) -> tensor<?x64xf32> {
      %0 = chordal.matmul %a, (%b)
          : (tensor<?x64xf32>, !chordal.quantized<64x64, "F16">) -> tensor<?x64xf32>
      chordal.yield %0 : tensor<?x64xf32>
    }
    ```
  }];
  let statistics = [Statistic<"numDispatches", "dispatches", "Number of dispatches formed">];
  let dependentDialects = ["::chordal::ir::ChordalDialect"];
}

def SelectKernelsPass : Pass<"select-kernels", "::mlir::func::FuncOp"> {
  let summary = "Names the kernel that computes each dispatch.";
  let description = [{
    The catalogue knows the best kernel of a family for the formats of the weights, the
    instruction-set level and the most rows of the bucket. The dispatch gets its name (a matmul one
    for each weight) and `parameters`, the words of the family's parameter struct. Element-wise
    dispatches get no kernel: the kernel phase generates their code. A dispatch that nothing computes
    is an error that names the op.

    Before: `chordal.dispatch 7 kernels([]) ... { chordal.matmul ... "Q4_K" }`

    After: `chordal.dispatch 7 kernels(["matmul.Q4_K.gemv.avx512vnni"]) ...
    attributes {parameters = array<i32: 2048, ...>}`
  }];
  let options = [Option<"isa", "isa", "std::string", "",
                        "Instruction-set level; empty: that of this machine">];
  let statistics = [
    Statistic<"numSelected", "selected", "Number of dispatches with a hand-written kernel">,
    Statistic<"numGenerated", "generated", "Number of dispatches whose code is generated">
  ];
}

def VerifyDispatchPass : Pass<"verify-dispatch", "::mlir::ModuleOp"> {
  let summary = "Checks that every op has somebody who computes it.";
  let description = [{
    The end of the phase `dispatch`. Step functions hold references and dispatches only, numbered
    from 0 in order; each has a kernel of the catalogue for every weight, or element-wise code alone.
  }];
}

//===--- schedule -----------------------------------------------------------------------------===//

def PlanArenaPass : Pass<"plan-arena", "::mlir::func::FuncOp"> {
  let summary = "Gives every intermediate value a place in the arena.";
  let description = [{
    Lifetimes, counted in dispatches, become offsets: values that are never alive together share
    bytes. Rows are planned for the most tokens of the bucket. States live in the KV cache and the
    step's logits belong to the caller; neither gets a slice.

    Before: `%y = chordal.dispatch 3 kernels(["norm.scalar"]) device("cpu") rows(tokens) (...)`

    After:
    ```mlir
    %arena = chordal.arena 16384 : !chordal.arena
    %s = chordal.slice %arena at 8192, 8192 : !chordal.slice
    %y = chordal.dispatch 3 kernels(["norm.scalar"]) device("cpu") rows(tokens) into(%s) (...)
    ```
  }];
  let statistics = [
    Statistic<"numBytes", "bytes", "Bytes of the arenas">,
    Statistic<"numBytesUnshared", "bytes-unshared", "Bytes that the values would need apart">
  ];
  let dependentDialects = ["::chordal::ir::ChordalDialect"];
}

def InsertDependenciesPass : Pass<"insert-dependencies", "::mlir::func::FuncOp"> {
  let summary = "Says which dispatches must have ended before another.";
  let description = [{
    A dispatch waits for the producers of what it reads, and for all who still use the bytes that it
    writes. What follows from other dependencies is left out.

    Before: `chordal.dispatch 3 kernels(["norm.scalar"]) device("cpu") rows(tokens) into(%s) (...)`

    After: `chordal.dispatch 3 kernels(["norm.scalar"]) device("cpu") rows(tokens) into(%s) after(2) (...)`
  }];
  let statistics = [
    Statistic<"numFound", "found", "Number of dependencies found">,
    Statistic<"numKept", "kept", "Number of those that do not follow from others">
  ];
}

def VerifySchedulePass : Pass<"verify-schedule", "::mlir::ModuleOp"> {
  let summary = "Checks that values have places and an order.";
  let description = [{
    The end of the phase `schedule`. Every result that is neither a state nor returned has a slice as
    large as its rows; no dispatch writes bytes that one it does not wait for still uses; whoever
    reads a value waits for its producer.
  }];
}

//===--- kernel -------------------------------------------------------------------------------===//

def LowerElementwisePass : Pass<"lower-elementwise", "::mlir::ModuleOp"> {
  let summary = "Turns element-wise code into LLVM loops.";
  let description = [{
    The epilogues of matmuls and the dispatches without a kernel become functions in the LLVM
    dialect: over rows, over vectors of 16 columns, and the rest of the columns under a mask.
    Exponentials and the like are polynomials. Dispatches that compute the same share a function.

    Before: `chordal.dispatch 5 kernels(["matmul.Q4_K.gemv.scalar"]) ... { matmul; arith.addf }`

    After:
    ```mlir
    llvm.func @elementwise_addf(%views: !llvm.ptr, %rowBegin: i64, ...) { ... }
    chordal.dispatch 5 kernels(["matmul.Q4_K.gemv.scalar"]) ... attributes {functions = [@elementwise_addf], ...}
    ```
  }];
  let statistics = [
    Statistic<"numLowered", "lowered", "Number of pieces of element-wise code">,
    Statistic<"numFunctions", "functions", "Number of functions generated for them">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def VerifyKernelPass : Pass<"verify-kernel", "::mlir::ModuleOp"> {
  let summary = "Checks that all code exists.";
  let description = [{
    The end of the phase `kernel`. Dispatches with element-wise code name a generated function for
    each piece of it, and the functions exist.
  }];
}

//===--- plan ---------------------------------------------------------------------------------===//

def VerifyPlanPass : Pass<"verify-plan", "::mlir::ModuleOp"> {
  let summary = "Checks that the module can be written as a program.";
  let description = [{
    The end of the phase `plan`, after which the tables and the object are emitted. The step
    functions cover 1 to the largest number of tokens without gaps, agree on their states, and return
    the logits that one dispatch computes last.
  }];
}

#endif
