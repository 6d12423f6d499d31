//===- VectorMath.h - float32 vectors in the LLVM dialect -------------------------------------===//
//
// Emits arithmetic on vectors of 16 float32, with the kernels' polynomials for the transcendental
// functions: generated code calls no library. NaN passes through every function.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace chordal {

class VectorMath {
public:
  static constexpr int64_t width = 16;

  VectorMath(mlir::OpBuilder& builder, mlir::Location location);

  mlir::Value splat(float value);
  /// The mask of the first `count` (int64) lanes.
  mlir::Value firstLanes(mlir::Value count);
  /// Loads and stores need no alignment beyond that of float; a null mask means all lanes.
  mlir::Value load(mlir::Value pointer, mlir::Value mask);
  void store(mlir::Value vector, mlir::Value pointer, mlir::Value mask);

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value negate(mlir::Value a);

  /// e^x within 2 ulp for x in [-87, 88], saturating beyond.
  mlir::Value exp(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  /// x / (1 + e^-x)
  mlir::Value silu(mlir::Value x);
  /// x / 2 * (1 + erf(x / sqrt 2)), erf within 2e-7 (Abramowitz and Stegun 7.1.26 has 1.5e-7)
  mlir::Value gelu(mlir::Value x);
  /// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  mlir::Value geluTanh(mlir::Value x);
  mlir::Value relu(mlir::Value x);
  /// x clamped to [low, high]; NaN stays NaN.
  mlir::Value clamp(mlir::Value x, float low, float high);

private:
  mlir::Value splatInt(int32_t value);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  mlir::Value compare(mlir::LLVM::FCmpPredicate predicate, mlir::Value a, mlir::Value b);
  /// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<float> coefficients);

  mlir::OpBuilder& builder;
  mlir::Location location;
  mlir::VectorType floats, ints;
};

} // namespace chordal
