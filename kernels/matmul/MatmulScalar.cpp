//===- MatmulScalar.cpp - matmul in plain C++ -------------------------------------------------===//
//
// The definition of the family's results: the products of codes are summed exactly within a group
// of weights that share a scale, everything after that is float. Other levels may order and fuse
// the float operations differently.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/experts/Shard.h"
#include "kernels/isa/Scalar.h"
#include "kernels/matmul/Activations.h"
#include "kernels/matmul/Shard.h"
#include "kernels/quant/Codebooks.h"
#include "kernels/quant/Small.h"

namespace chordal::kernels {
namespace {

template <class F> struct QuantizedBody {
  static constexpr Activations activations = Activations::Q8;
  static constexpr uint32_t outputTile = matmulTile;
  static constexpr uint32_t mostRows = gemvRows;
  static constexpr bool needsTile = false;

  static float rowProduct(const uint8_t* weights, const Activation& a, int groups) {
    constexpr int parts = 32 / F::perScale;
    const auto* block = reinterpret_cast<const typename F::Block*>(weights);
    float result = 0;
    for (int unit = 0; unit < groups; unit += 8, block += 8 / F::groups) {
      const int n = groups - unit < 8 ? groups - unit : 8;
      Scales<Scalar, F::perScale> s;
      F::template scales<Scalar>(block, n, s);
      for (int g = 0; g < n; ++g) {
        const Scalar::Bytes codes = F::template codes<Scalar>(block, g);
        const int8_t* q = a.q + 32 * (unit + g);
        for (int part = 0; part < parts; ++part) {
          int dot = 0, sum = 0;
          for (int i = part * F::perScale; i < (part + 1) * F::perScale; ++i) {
            int code = F::isSigned ? int(int8_t(codes.v[i])) : int(codes.v[i]) - F::zero;
            dot += code * q[i];
            sum += q[i];
          }
          const int at = parts * g + part;
          const float scale = s.scale[at / 8].v[at % 8] * a.scale[unit + g];
          result += scale * float(dot);
          if (F::hasMinimum)
            result -= s.minimum[at / 8].v[at % 8] * (a.scale[unit + g] * float(sum));
        }
      }
    }
    return result;
  }

  static void compute(const Tile& tile) {
    for (uint32_t w = 0; w < tile.count; ++w)
      for (uint32_t r = 0; r < tile.rows; ++r)
        outRow(tile, r)[w] =
            rowProduct(tile.weights + w * tile.weightStride,
                       activation(tile.x + r * tile.xStride, tile.columns), int(tile.columns / 32));
  }
};

float toFloat(F32, const uint8_t* p) {
  float v;
  __builtin_memcpy(&v, p, 4);
  return v;
}
float toFloat(F16, const uint8_t* p) {
  return halfToFloat(uint16_t(p[0] | p[1] << 8));
}
float toFloat(BF16, const uint8_t* p) {
  return bfloatToFloat(uint16_t(p[0] | p[1] << 8));
}

template <class F> struct FloatBody {
  static constexpr Activations activations = Activations::F32;
  static constexpr uint32_t outputTile = matmulTile;
  static constexpr uint32_t mostRows = gemvRows;
  static constexpr bool needsTile = false;

  static void compute(const Tile& tile) {
    for (uint32_t w = 0; w < tile.count; ++w) {
      const uint8_t* weights = tile.weights + w * tile.weightStride;
      for (uint32_t r = 0; r < tile.rows; ++r) {
        const float* x = reinterpret_cast<const float*>(tile.x + r * tile.xStride);
        float sum = 0;
        for (uint32_t k = 0; k < tile.columns; ++k)
          sum += toFloat(F(), weights + k * F::bytes) * x[k];
        outRow(tile, r)[w] = sum;
      }
    }
  }
};

} // namespace

#define CHORDAL_DEFINE(format, Body)                                                               \
  void matmul##format##Scalar(const chordal_task_args* args, uint32_t shard);                      \
  void matmul##format##Scalar(const chordal_task_args* args, uint32_t shard) {                     \
    computeShard<Body<format>>(args, shard);                                                       \
  }                                                                                                \
  CHORDAL_DEFINE_EXPERTS(moeMatmul##format##Scalar, Body<format>, Body<format>)
CHORDAL_DEFINE(F32, FloatBody)
CHORDAL_DEFINE(F16, FloatBody)
CHORDAL_DEFINE(BF16, FloatBody)
CHORDAL_DEFINE(Q4_0, QuantizedBody)
CHORDAL_DEFINE(Q4_1, QuantizedBody)
CHORDAL_DEFINE(Q5_0, QuantizedBody)
CHORDAL_DEFINE(Q5_1, QuantizedBody)
CHORDAL_DEFINE(Q8_0, QuantizedBody)
CHORDAL_DEFINE(Q2_K, QuantizedBody)
CHORDAL_DEFINE(Q3_K, QuantizedBody)
CHORDAL_DEFINE(Q4_K, QuantizedBody)
CHORDAL_DEFINE(Q5_K, QuantizedBody)
CHORDAL_DEFINE(Q6_K, QuantizedBody)
CHORDAL_DEFINE(IQ1_S, QuantizedBody)
CHORDAL_DEFINE(IQ1_M, QuantizedBody)
CHORDAL_DEFINE(IQ2_XXS, QuantizedBody)
CHORDAL_DEFINE(IQ2_XS, QuantizedBody)
CHORDAL_DEFINE(IQ2_S, QuantizedBody)
CHORDAL_DEFINE(IQ3_XXS, QuantizedBody)
CHORDAL_DEFINE(IQ3_S, QuantizedBody)
CHORDAL_DEFINE(IQ4_NL, QuantizedBody)
CHORDAL_DEFINE(IQ4_XS, QuantizedBody)
CHORDAL_DEFINE(TQ1_0, QuantizedBody)
CHORDAL_DEFINE(TQ2_0, QuantizedBody)
CHORDAL_DEFINE(MXFP4, QuantizedBody)
CHORDAL_DEFINE(NVFP4, QuantizedBody)

} // namespace chordal::kernels
