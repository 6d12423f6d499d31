//===- Instantiate.h - the matmul kernels of one instruction-set level ------------------------===//
//
// CHORDAL_DEFINE_FLOAT(level, format), CHORDAL_DEFINE_QUANTIZED(level, format): define the gemv and
// gemm kernels of a format, and those of experts, with the traits named `level`; the names are
// those of Kernels.def. CHORDAL_BLOCKS(define, level) and so on do it for all formats of a kind.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/experts/Shard.h"
#include "kernels/matmul/Gemm.h"
#include "kernels/matmul/Gemv.h"

#define CHORDAL_DEFINE_MATMUL(name, ...)                                                           \
  void name(const chordal_task_args* args, uint32_t shard);                                        \
  void name(const chordal_task_args* args, uint32_t shard) {                                       \
    computeShard<__VA_ARGS__>(args, shard);                                                        \
  }
#define CHORDAL_DEFINE_FLOAT(level, format)                                                        \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemv##level, FloatGemv<level, format>)                     \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemm##level, FloatGemm<level, format>)                     \
  CHORDAL_DEFINE_EXPERTS(moeMatmul##format##level, FloatGemv<level, format>,                       \
                         FloatGemm<level, format>)
#define CHORDAL_DEFINE_QUANTIZED(level, format)                                                    \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemv##level, Gemv<level, format>)                          \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemm##level,                                               \
                        FewOrMany<Gemv<level, format>, Gemm<level, format>>)                       \
  CHORDAL_DEFINE_EXPERTS(moeMatmul##format##level, Gemv<level, format>, Gemm<level, format>)

// The formats of each kind: define(level, format).
// clang-format off

/// Of floats.
#define CHORDAL_FLOATS(define, level)                                                              \
  define(level, F32)                                                                               \
  define(level, F16)                                                                               \
  define(level, BF16)
/// Of quant/Formats.h.
#define CHORDAL_BLOCKS(define, level)                                                              \
  define(level, Q4_0)                                                                              \
  define(level, Q4_1)                                                                              \
  define(level, Q5_0)                                                                              \
  define(level, Q5_1)                                                                              \
  define(level, Q8_0)                                                                              \
  define(level, Q2_K)                                                                              \
  define(level, Q3_K)                                                                              \
  define(level, Q4_K)                                                                              \
  define(level, Q5_K)                                                                              \
  define(level, Q6_K)
/// Of quant/Codebooks.h.
#define CHORDAL_CODEBOOKS(define, level)                                                           \
  define(level, IQ1_S)                                                                             \
  define(level, IQ1_M)                                                                             \
  define(level, IQ2_XXS)                                                                           \
  define(level, IQ2_XS)                                                                            \
  define(level, IQ2_S)                                                                             \
  define(level, IQ3_XXS)                                                                           \
  define(level, IQ3_S)                                                                             \
  define(level, IQ4_NL)                                                                            \
  define(level, IQ4_XS)
/// Of quant/Small.h.
#define CHORDAL_SMALL(define, level)                                                               \
  define(level, TQ1_0)                                                                             \
  define(level, TQ2_0)                                                                             \
  define(level, MXFP4)                                                                             \
  define(level, NVFP4)
