//===- Fixture.h - runs text on random inputs -------------------------------------------------===//
//
// What the tests of the interpreter share: a module from text, weights in memory, random arrays and
// comparisons in which a NaN fails.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/Chordal.h"
#include "ir/reference/Interpreter.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <random>

namespace chordal::reference {

class ReferenceTest : public testing::Test {
protected:
  ReferenceTest() : seed(std::random_device()()), random(seed) {
    context.loadDialect<ir::ChordalDialect>();
    context.getDiagEngine().registerHandler(
        [](mlir::Diagnostic& diagnostic) { ADD_FAILURE() << diagnostic.str(); });
    RecordProperty("seed", std::to_string(seed));
  }
  void TearDown() override {
    if (HasFailure())
      std::fprintf(stderr, "seed: %u\n", seed);
  }

  /// Parses a module; weights lie in `file`.
  void load(const std::string& text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    interpreter = std::make_unique<Interpreter>(
        *module, std::vector<std::span<const std::byte>>{std::span<const std::byte>(file)});
  }

  /// Runs @f and returns its results.
  std::vector<Datum> run(std::vector<Datum> arguments) {
    auto results = interpreter->call("f", std::move(arguments));
    EXPECT_TRUE(results) << results.error().message;
    return results ? *results : std::vector<Datum>();
  }
  /// The body, which sees the parameters and returns one tensor<...xf32>, on these arguments.
  Floats compute(const std::string& parameters, const std::string& result, const std::string& body,
                 std::vector<Datum> arguments) {
    load(symbols + "func.func @f(" + parameters + ") -> " + result + " {\n" + body +
         "\nreturn %r : " + result + "\n}\n");
    std::vector<Datum> results = run(std::move(arguments));
    return results.empty() ? Floats() : *std::get<SharedFloats>(results[0]);
  }
  /// The message of the error that @f must end in.
  std::string failure(std::vector<Datum> arguments) {
    auto results = interpreter->call("f", std::move(arguments));
    EXPECT_FALSE(results);
    return results ? "" : results.error().message;
  }

  Floats randomFloats(std::vector<size_t> shape, float deviation = 1) {
    Floats values = Floats::from_shape(shape);
    std::normal_distribution<float> distribution(0, deviation);
    for (float& value : values)
      value = distribution(random);
    return values;
  }
  static Ints makeInts(std::vector<int32_t> numbers) {
    Ints values = Ints::from_shape({numbers.size()});
    std::copy(numbers.begin(), numbers.end(), values.begin());
    return values;
  }
  static Datum datum(Floats values) { return std::make_shared<const Floats>(std::move(values)); }
  static Datum datum(Ints values) { return std::make_shared<const Ints>(std::move(values)); }

  /// Appends a weight of F32 elements to the file and declares it.
  void declareWeight(const std::string& name, const std::string& type, const Floats& values) {
    declareWeight(name, type, values.data(), values.size() * 4);
  }
  void declareWeight(const std::string& name, const std::string& type, const void* bytes,
                     size_t count) {
    symbols += "chordal.weight @" + name + " : " + type +
               " = #chordal.span<shard = 0, offset = " + std::to_string(file.size()) +
               ", bytes = " + std::to_string(count) + ">\n";
    const auto* begin = static_cast<const std::byte*>(bytes);
    file.insert(file.end(), begin, begin + count);
  }

  /// Each element within `tolerance` of expected(row, column), relative to 1 + its size.
  template <typename Expected>
  void expectRows(const Floats& actual, size_t rows, size_t columns, Expected expected,
                  double tolerance = 1e-6) {
    ASSERT_EQ(actual.dimension(), 2u);
    ASSERT_EQ(actual.shape(0), rows);
    ASSERT_EQ(actual.shape(1), columns);
    for (size_t t = 0; t < rows; ++t)
      for (size_t c = 0; c < columns; ++c) {
        double value = actual(t, c), wanted = expected(t, c);
        ASSERT_TRUE(std::abs(value - wanted) <= tolerance * (1 + std::abs(wanted)))
            << "at [" << t << ", " << c << "]: " << value << ", but expected " << wanted;
      }
  }

  unsigned seed;
  std::mt19937 random;
  mlir::MLIRContext context;
  std::vector<std::byte> file;
  std::string symbols;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Interpreter> interpreter;
};

} // namespace chordal::reference
