//===- Elementwise.cpp - ops of arith and math ------------------------------------------------===//
//
// On float32 tensors of one shape. Arithmetic is that of float32; functions are computed in float64
// and rounded.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/reference/Evaluator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace chordal::reference {

using Unary = double (*)(double);
using Binary = float (*)(float, float);

static Unary unaryFunction(Operation* op) {
  return llvm::TypeSwitch<Operation*, Unary>(op)
      .Case([](arith::NegFOp) -> Unary { return [](double x) { return -x; }; })
      .Case([](math::AbsFOp) -> Unary { return [](double x) { return std::fabs(x); }; })
      .Case([](math::CeilOp) -> Unary { return [](double x) { return std::ceil(x); }; })
      .Case([](math::FloorOp) -> Unary { return [](double x) { return std::floor(x); }; })
      .Case([](math::RoundEvenOp) -> Unary { return [](double x) { return std::nearbyint(x); }; })
      .Case([](math::CosOp) -> Unary { return [](double x) { return std::cos(x); }; })
      .Case([](math::SinOp) -> Unary { return [](double x) { return std::sin(x); }; })
      .Case([](math::ErfOp) -> Unary { return [](double x) { return std::erf(x); }; })
      .Case([](math::ExpOp) -> Unary { return [](double x) { return std::exp(x); }; })
      .Case([](math::Exp2Op) -> Unary { return [](double x) { return std::exp2(x); }; })
      .Case([](math::ExpM1Op) -> Unary { return [](double x) { return std::expm1(x); }; })
      .Case([](math::LogOp) -> Unary { return [](double x) { return std::log(x); }; })
      .Case([](math::Log1pOp) -> Unary { return [](double x) { return std::log1p(x); }; })
      .Case([](math::Log2Op) -> Unary { return [](double x) { return std::log2(x); }; })
      .Case([](math::SqrtOp) -> Unary { return [](double x) { return std::sqrt(x); }; })
      .Case([](math::RsqrtOp) -> Unary { return [](double x) { return 1 / std::sqrt(x); }; })
      .Case([](math::TanhOp) -> Unary { return [](double x) { return std::tanh(x); }; })
      .Default([](Operation*) -> Unary { return nullptr; });
}

/// Smaller or larger; a NaN wins (`propagate`) or loses.
template <bool larger, bool propagate> static float choose(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) == propagate ? a : b;
  if (a == b) // zeros of different sign
    return std::signbit(a) == larger ? b : a;
  return (a > b) == larger ? a : b;
}

static Binary binaryFunction(Operation* op) {
  return llvm::TypeSwitch<Operation*, Binary>(op)
      .Case([](arith::AddFOp) -> Binary { return [](float a, float b) { return a + b; }; })
      .Case([](arith::SubFOp) -> Binary { return [](float a, float b) { return a - b; }; })
      .Case([](arith::MulFOp) -> Binary { return [](float a, float b) { return a * b; }; })
      .Case([](arith::DivFOp) -> Binary { return [](float a, float b) { return a / b; }; })
      .Case([](arith::MaximumFOp) -> Binary { return choose<true, true>; })
      .Case([](arith::MinimumFOp) -> Binary { return choose<false, true>; })
      .Case([](arith::MaxNumFOp) -> Binary { return choose<true, false>; })
      .Case([](arith::MinNumFOp) -> Binary { return choose<false, false>; })
      .Case([](math::PowFOp) -> Binary {
        return [](float a, float b) { return float(std::pow(double(a), double(b))); };
      })
      .Default([](Operation*) -> Binary { return nullptr; });
}

Result<SharedFloats> evaluateElementwise(Operation* op, const std::vector<SharedFloats>& operands) {
  Error unknown{"the interpreter does not know this op", ErrorCode::Unsupported};
  if (operands.empty())
    return unknown;
  Floats result = Floats::from_shape(operands[0]->shape());
  for (const SharedFloats& operand : operands)
    if (operand->shape() != result.shape())
      return Error{"the operands have different numbers of rows", ErrorCode::Malformed};
  size_t size = result.size();
  const float* a = operands[0]->data();
  if (Unary function = operands.size() == 1 ? unaryFunction(op) : nullptr) {
    for (size_t i = 0; i < size; ++i)
      result.data()[i] = float(function(double(a[i])));
  } else if (Binary binary = operands.size() == 2 ? binaryFunction(op) : nullptr) {
    const float* b = operands[1]->data();
    for (size_t i = 0; i < size; ++i)
      result.data()[i] = binary(a[i], b[i]);
  } else if (isa<math::FmaOp>(op)) {
    const float *b = operands[1]->data(), *c = operands[2]->data();
    for (size_t i = 0; i < size; ++i)
      result.data()[i] = std::fma(a[i], b[i], c[i]);
  } else {
    return unknown;
  }
  return SharedFloats(std::make_shared<const Floats>(std::move(result)));
}

} // namespace chordal::reference
