//===- Instantiate.h - the matmul kernels of one instruction-set level ------------------------===//
//
// CHORDAL_DEFINE_FLOATS(level), _BLOCKS, _CODEBOOKS and _SMALL: define the gemv and gemm kernels of
// the formats of a kind, and those of experts, with the traits named `level`; the names are those
// of Kernels.def.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "kernels/experts/Shard.h"
#include "kernels/matmul/Gemm.h"
#include "kernels/matmul/Gemv.h"

#define CHORDAL_DEFINE_MATMUL(name, Body)                                                          \
  void name(const chordal_task_args* args, uint32_t shard);                                        \
  void name(const chordal_task_args* args, uint32_t shard) {                                       \
    computeShard<Body>(args, shard);                                                               \
  }
#define CHORDAL_COMMA ,
#define CHORDAL_DEFINE_FLOAT(level, format)                                                        \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemv##level, FloatGemv<level CHORDAL_COMMA format>)        \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemm##level, FloatGemm<level CHORDAL_COMMA format>)        \
  CHORDAL_DEFINE_EXPERTS(moeMatmul##format##level, FloatGemv<level, format>,                       \
                         FloatGemm<level, format>)
#define CHORDAL_DEFINE_QUANTIZED(level, format)                                                    \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemv##level, Gemv<level CHORDAL_COMMA format>)             \
  CHORDAL_DEFINE_MATMUL(matmul##format##Gemm##level, Gemm<level CHORDAL_COMMA format>)             \
  CHORDAL_DEFINE_EXPERTS(moeMatmul##format##level, Gemv<level, format>, Gemm<level, format>)
/// Formats of floats.
#define CHORDAL_DEFINE_FLOATS(level)                                                               \
  CHORDAL_DEFINE_FLOAT(level, F32)                                                                 \
  CHORDAL_DEFINE_FLOAT(level, F16)                                                                 \
  CHORDAL_DEFINE_FLOAT(level, BF16)
/// Those of quant/Formats.h.
#define CHORDAL_DEFINE_BLOCKS(level)                                                               \
  CHORDAL_DEFINE_QUANTIZED(level, Q4_0)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q4_1)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q5_0)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q5_1)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q8_0)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q2_K)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q3_K)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q4_K)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q5_K)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, Q6_K)
/// Those of quant/Codebooks.h.
#define CHORDAL_DEFINE_CODEBOOKS(level)                                                            \
  CHORDAL_DEFINE_QUANTIZED(level, IQ1_S)                                                           \
  CHORDAL_DEFINE_QUANTIZED(level, IQ1_M)                                                           \
  CHORDAL_DEFINE_QUANTIZED(level, IQ2_XXS)                                                         \
  CHORDAL_DEFINE_QUANTIZED(level, IQ2_XS)                                                          \
  CHORDAL_DEFINE_QUANTIZED(level, IQ2_S)                                                           \
  CHORDAL_DEFINE_QUANTIZED(level, IQ3_XXS)                                                         \
  CHORDAL_DEFINE_QUANTIZED(level, IQ3_S)                                                           \
  CHORDAL_DEFINE_QUANTIZED(level, IQ4_NL)                                                          \
  CHORDAL_DEFINE_QUANTIZED(level, IQ4_XS)
/// Those of quant/Small.h.
#define CHORDAL_DEFINE_SMALL(level)                                                                \
  CHORDAL_DEFINE_QUANTIZED(level, TQ1_0)                                                           \
  CHORDAL_DEFINE_QUANTIZED(level, TQ2_0)                                                           \
  CHORDAL_DEFINE_QUANTIZED(level, MXFP4)                                                           \
  CHORDAL_DEFINE_QUANTIZED(level, NVFP4)
