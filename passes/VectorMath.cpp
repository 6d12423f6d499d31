//===- VectorMath.cpp - float32 vectors in the LLVM dialect -----------------------------------===//

#include "passes/VectorMath.h"
#include "kernels/math/Polynomials.h"

#include <limits>

using namespace mlir;

namespace chordal {

using namespace kernels::polynomials;

VectorMath::VectorMath(OpBuilder& b, Location l)
    : builder(b), location(l), floats(VectorType::get({width}, b.getF32Type())),
      ints(VectorType::get({width}, b.getI32Type())) {}

Value VectorMath::splat(float value) {
  return LLVM::ConstantOp::create(builder, location, floats, DenseElementsAttr::get(floats, value));
}

Value VectorMath::splatInt(int32_t value) {
  return LLVM::ConstantOp::create(builder, location, ints, DenseElementsAttr::get(ints, value));
}

Value VectorMath::firstLanes(Value count) {
  SmallVector<int32_t> lanes;
  for (int32_t i = 0; i < width; ++i)
    lanes.push_back(i);
  Value indices = LLVM::ConstantOp::create(builder, location, ints,
                                           DenseElementsAttr::get(ints, ArrayRef(lanes)));
  Value count32 = LLVM::TruncOp::create(builder, location, builder.getI32Type(), count);
  Value zero = LLVM::ConstantOp::create(builder, location, builder.getI32Type(),
                                        builder.getI32IntegerAttr(0));
  Value undefined = LLVM::PoisonOp::create(builder, location, ints);
  Value single = LLVM::InsertElementOp::create(builder, location, undefined, count32, zero);
  SmallVector<int32_t> zeros(width, 0);
  Value counts = LLVM::ShuffleVectorOp::create(builder, location, single, undefined, zeros);
  return LLVM::ICmpOp::create(builder, location, LLVM::ICmpPredicate::slt, indices, counts);
}

Value VectorMath::load(Value pointer, Value mask) {
  if (!mask)
    return LLVM::LoadOp::create(builder, location, floats, pointer, /*alignment=*/4);
  return LLVM::MaskedLoadOp::create(builder, location, floats, pointer, mask, splat(0.0f),
                                    /*alignment=*/4u);
}

void VectorMath::store(Value vector, Value pointer, Value mask) {
  if (!mask)
    LLVM::StoreOp::create(builder, location, vector, pointer, /*alignment=*/4);
  else
    LLVM::MaskedStoreOp::create(builder, location, vector, pointer, mask, /*alignment=*/4u);
}

Value VectorMath::add(Value a, Value b) {
  return LLVM::FAddOp::create(builder, location, a, b);
}
Value VectorMath::sub(Value a, Value b) {
  return LLVM::FSubOp::create(builder, location, a, b);
}
Value VectorMath::mul(Value a, Value b) {
  return LLVM::FMulOp::create(builder, location, a, b);
}
Value VectorMath::div(Value a, Value b) {
  return LLVM::FDivOp::create(builder, location, a, b);
}
Value VectorMath::negate(Value a) {
  return LLVM::FNegOp::create(builder, location, a);
}

Value VectorMath::compare(LLVM::FCmpPredicate predicate, Value a, Value b) {
  return LLVM::FCmpOp::create(builder, location, predicate, a, b);
}

Value VectorMath::select(Value condition, Value a, Value b) {
  return LLVM::SelectOp::create(builder, location, condition, a, b);
}

Value VectorMath::clamp(Value x, float low, float high) {
  // Ordered comparisons are false for NaN, which therefore stays.
  x = select(compare(LLVM::FCmpPredicate::olt, x, splat(low)), splat(low), x);
  return select(compare(LLVM::FCmpPredicate::ogt, x, splat(high)), splat(high), x);
}

Value VectorMath::polynomial(Value x, ArrayRef<float> coefficients) {
  Value sum = splat(coefficients.back());
  for (float coefficient : llvm::reverse(coefficients.drop_back()))
    sum = add(mul(sum, x), splat(coefficient));
  return sum;
}

Value VectorMath::exp(Value x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2; e^x = 2^n e^r. The magic number rounds to an integer,
  // which then stands in the low bits. ln 2 in two parts keeps r exact (Cody and Waite 1980).
  Value original = x;
  x = clamp(x, expLowest, expHighest);
  Value shifted = add(mul(x, splat(log2e)), splat(roundMagic));
  Value n = sub(shifted, splat(roundMagic));
  Value r = sub(sub(x, mul(n, splat(ln2High))), mul(n, splat(ln2Low)));
  Value curve = polynomial(r, {expE0, expE1, expE2, expE3, expE4});
  Value e = add(add(mul(curve, mul(r, r)), r), splat(1.0f));
  Value bits = LLVM::BitcastOp::create(builder, location, ints, shifted);
  Value exponent = LLVM::ShlOp::create(builder, location, bits, splatInt(23));
  Value scaled = LLVM::AddOp::create(builder, location,
                                     LLVM::BitcastOp::create(builder, location, ints, e), exponent);
  Value result = LLVM::BitcastOp::create(builder, location, floats, scaled);
  // Beyond the range the limit, so that x / (1 + e^-x) ends in 0; and integer arithmetic on a NaN's
  // bits could make a number of it.
  constexpr float infinity = std::numeric_limits<float>::infinity();
  result = select(compare(LLVM::FCmpPredicate::ogt, original, splat(expHighest)), splat(infinity),
                  result);
  return select(compare(LLVM::FCmpPredicate::uno, x, x), x, result);
}

Value VectorMath::tanh(Value x) {
  // tanh x = 1 - 2 / (e^2x + 1), which cancels near 0: there an odd polynomial.
  Value large = sub(splat(1.0f), div(splat(2.0f), add(exp(mul(x, splat(2.0f))), splat(1.0f))));
  Value square = mul(x, x);
  Value small = mul(x, polynomial(square, {1.0f, tanhT0, tanhT1, tanhT2, tanhT3, tanhT4}));
  Value isSmall = compare(LLVM::FCmpPredicate::olt, square, splat(tanhSplit * tanhSplit));
  return select(isSmall, small, large);
}

Value VectorMath::silu(Value x) {
  return div(x, add(splat(1.0f), exp(negate(x))));
}

Value VectorMath::gelu(Value x) {
  // erf(z) = 1 - (a1 t + ... + a5 t^5) e^(-z^2), t = 1 / (1 + p z), z >= 0; odd.
  Value z = mul(x, splat(0.707106781186547524f));
  Value isNegative = compare(LLVM::FCmpPredicate::olt, z, splat(0.0f));
  Value magnitude = select(isNegative, negate(z), z);
  Value t = div(splat(1.0f), add(splat(1.0f), mul(splat(0.3275911f), magnitude)));
  Value series = mul(
      t, polynomial(t, {0.254829592f, -0.284496736f, 1.421413741f, -1.453152027f, 1.061405429f}));
  Value tail = mul(series, exp(negate(mul(magnitude, magnitude)))); // 1 - erf(|z|)
  // For negative x, 1 + erf(z) is the tail itself, without cancellation.
  Value factor = select(isNegative, tail, sub(splat(2.0f), tail));
  return mul(mul(splat(0.5f), x), factor);
}

Value VectorMath::geluTanh(Value x) {
  // (1 + tanh u) / 2 = 1 / (1 + e^-2u)
  Value u = mul(splat(0.797884560802865356f), add(x, mul(splat(0.044715f), mul(x, mul(x, x)))));
  return div(x, add(splat(1.0f), exp(mul(splat(-2.0f), u))));
}

Value VectorMath::relu(Value x) {
  return select(compare(LLVM::FCmpPredicate::olt, x, splat(0.0f)), splat(0.0f), x);
}

} // namespace chordal
