//===- ImportFixture.h - importing small models in tests --------------------------------------===//
//
// Imports a TinyModel and looks at the text of its graph, or at the error.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalOps.h"
#include "ir/import/Import.h"
#include "tests/ir/import/TinyModel.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

namespace chordal::ir {

class Import : public testing::Test {
protected:
  Result<mlir::OwningOpRef<mlir::ModuleOp>> import(const TinyModel& model,
                                                   const ImportOptions& options = {}) {
    std::vector<std::byte> bytes = model.build();
    Result<gguf::View> view = gguf::View::parse(bytes);
    if (!view)
      return view.error();
    return importModel(context, *view, options);
  }

  std::string text(const TinyModel& model, const ImportOptions& options = {}) {
    auto module = import(model, options);
    EXPECT_TRUE(module.ok()) << module.error().message;
    return module.ok() ? print(**module) : std::string();
  }

  static std::string print(mlir::ModuleOp module) {
    std::string result;
    llvm::raw_string_ostream stream(result);
    module.print(stream);
    return result;
  }

  void expectError(const TinyModel& model, std::string_view message,
                   const ImportOptions& options = {}) {
    auto module = import(model, options);
    ASSERT_FALSE(module.ok()) << "expected: " << message;
    EXPECT_NE(module.error().message.find(message), std::string::npos)
        << "message: " << module.error().message << "\nexpected: " << message;
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
};

/// Each of `parts` occurs, after the one before it.
inline void expectInOrder(const std::string& text, std::initializer_list<std::string_view> parts) {
  size_t at = 0;
  for (std::string_view part : parts) {
    size_t found = text.find(part, at);
    ASSERT_NE(found, std::string::npos) << "not found, or not in order: " << part << "\n" << text;
    at = found + part.size();
  }
}

inline const ImportOptions oneStep{.buckets = {1}};

} // namespace chordal::ir
