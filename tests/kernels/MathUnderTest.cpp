//===- MathUnderTest.cpp - the vector functions of a level, callable from a test --------------===//
//
// Compiled once for each level, with CHORDAL_NAME naming the level.
//
//===------------------------------------------------------------------------------------------===//
#include "kernels/math/VectorMath.h"

namespace chordal::kernels::CHORDAL_NAME {

void expAll(const float* x, size_t n, float* out) {
  for (size_t i = 0; i < n; i += lanes)
    store(out + i, exp(load(x + i)));
}

void tanhAll(const float* x, size_t n, float* out) {
  for (size_t i = 0; i < n; i += lanes)
    store(out + i, tanh(load(x + i)));
}

/// Both directions between float and half.
void toHalves(const float* x, size_t n, uint16_t* out) {
  storeHalves(out, x, n);
}
void toFloats(const uint16_t* x, size_t n, float* out) {
  for (size_t i = 0; i < n; i += lanes)
    store(out + i, n - i < lanes ? loadHalvesPartial(x + i, n - i) : loadHalves(x + i));
}

/// Sums of rows of `lanes` floats; `lanes` rows.
int sumRows(const float* x, float* out) {
  Floats rows[lanes];
  for (int i = 0; i < lanes; ++i)
    rows[i] = load(x + i * lanes);
  store(out, sumEach(rows));
  return lanes;
}

} // namespace chordal::kernels::CHORDAL_NAME
