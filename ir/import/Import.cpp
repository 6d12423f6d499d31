//===- Import.cpp - from a GGUF file to the graph ---------------------------------------------===//
//
// Reads the hyper-parameters, finds the architecture and has it build each step function.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Import.h"

#include "ir/import/Builder.h"
#include "ir/import/Registry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <fmt/format.h>

namespace chordal::ir {

namespace {

/// Step functions are compiled and their arenas planned for this many tokens at most.
constexpr uint32_t maxBucket = 1u << 20;

Result<void> checkBuckets(const std::vector<uint32_t>& buckets) {
  uint32_t last = 0;
  for (uint32_t most : buckets) {
    if (most <= last || most > maxBucket)
      return Error{fmt::format("the token counts of step functions must ascend and be between 1 "
                               "and {}, but {} follows {}",
                               maxBucket, most, last),
                   ErrorCode::OutOfRange};
    last = most;
  }
  if (buckets.empty())
    return Error{"no token counts are given for step functions", ErrorCode::OutOfRange};
  return {};
}

Error unknownArchitecture(std::string_view name) {
  std::string message =
      fmt::format("general.architecture is \"{}\", which is not supported; supported are", name);
  for (const Architecture& known : architectures())
    message += fmt::format("{} {}", &known == architectures().data() ? "" : ",", known.name);
  return {std::move(message), ErrorCode::Unsupported};
}

} // namespace

Result<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(mlir::MLIRContext& context, const gguf::View& view, const ImportOptions& options) {
  if (Result<void> checked = checkBuckets(options.buckets); !checked)
    return checked.error();
  Result<std::string_view> name = view.getString("general.architecture");
  if (!name)
    return name.error();
  const Architecture* architecture = findArchitecture(*name);
  if (!architecture)
    return unknownArchitecture(*name);
  Result<HyperParameters> parameters = HyperParameters::read(view);
  if (!parameters)
    return parameters.error();

  context.loadDialect<ChordalDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect>();
  ModelBuilder builder(context, view, *parameters, options);
  uint32_t least = 1;
  for (uint32_t most : options.buckets) {
    builder.step(least, most, architecture->build);
    least = most + 1;
  }
  return builder.finish();
}

} // namespace chordal::ir
