//===- ImportTool.cpp - prints the graph of a GGUF file ---------------------------------------===//
//
// chordal-import MODEL [--context N] [--kv f16|f32] [--bucket N]... [--quiet]: imports a model and
// prints the module, for tests and for feeding chordal-opt. The time goes to standard error.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Import.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

namespace cl = llvm::cl;

int main(int argc, char** argv) {
  cl::opt<std::string> path(cl::Positional, cl::Required, cl::desc("MODEL.gguf"));
  cl::opt<unsigned> contextLength("context", cl::desc("positions per sequence"), cl::init(0));
  cl::opt<chordal::ir::KvElement> kv(
      "kv", cl::desc("element type of keys and values"),
      cl::values(clEnumValN(chordal::ir::KvElement::F16, "f16", "half precision"),
                 clEnumValN(chordal::ir::KvElement::F32, "f32", "single precision")),
      cl::init(chordal::ir::KvElement::F16));
  cl::list<unsigned> buckets("bucket", cl::desc("largest token count of a step function"));
  cl::opt<bool> quiet("quiet", cl::desc("print nothing but the time"));
  cl::ParseCommandLineOptions(argc, argv, "prints the graph of a GGUF file\n");

  auto fail = [](const chordal::Error& error) {
    llvm::errs() << "error: " << error.message << "\n";
    return 1;
  };
  chordal::Result<chordal::gguf::View> view = chordal::gguf::View::open(path);
  if (!view)
    return fail(view.error());
  chordal::ir::ImportOptions options;
  options.contextLength = contextLength;
  options.kvElement = kv;
  if (!buckets.empty())
    options.buckets.assign(buckets.begin(), buckets.end());

  mlir::MLIRContext context;
  auto start = std::chrono::steady_clock::now();
  auto module = chordal::ir::importModel(context, *view, options);
  std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  if (!module)
    return fail(module.error());
  llvm::errs() << "imported in " << llvm::format("%.1f", time.count()) << " ms\n";
  if (!quiet)
    (*module)->print(llvm::outs());
  return 0;
}
