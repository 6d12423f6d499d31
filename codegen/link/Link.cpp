//===- Link.cpp - from generated objects to an executable -------------------------------------===//
//
// The linker takes files: objects go to a temporary folder, which is gone at the end whatever
// happens. A small generated object holds the table that the runtime finds kernels and functions
// by; what the table does not name is not linked.
//
//===------------------------------------------------------------------------------------------===//
#include "codegen/link/Link.h"

#include "codegen/target/Machine.h"
#include "codegen/target/Target.h"

#include "lld/Common/Driver.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

LLD_HAS_DRIVER(elf)

namespace chordal::codegen {
namespace {

/// The symbol of a kernel: its mangled name, by the Itanium C++ ABI, of
/// chordal::kernels::NAME(const chordal_task_args *, uint32_t).
std::string kernelSymbol(const std::string& name) {
  static const std::map<std::string, std::string, std::less<>> symbols = {
#define CHORDAL_KERNEL(isa, symbol, name, ...) {name, #symbol},
#include "kernels/catalogue/Kernels.def"
#undef CHORDAL_KERNEL
  };
  auto found = symbols.find(name);
  if (found == symbols.end())
    return {};
  return "_ZN7chordal7kernels" + std::to_string(found->second.size()) + found->second +
         "EPK17chordal_task_argsj";
}

/// The architecture of the levels, which have the same one.
const Target& targetOf(std::span<const LinkLevel> levels) {
  return codegen::targetOf(kernels::Isa(levels.front().level));
}

/// The object with the table, see tools/program/Linked.h.
Result<std::string> emitTable(std::span<const LinkLevel> levels, uint64_t identity) {
  auto created = createMachine(targetOf(levels).triple);
  if (!created)
    return created.error();
  llvm::TargetMachine* machine = created->get();
  llvm::LLVMContext context;
  llvm::Module module("chordal.table", context);
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());

  auto* pointer = llvm::PointerType::get(context, 0);
  auto* word = llvm::Type::getInt32Ty(context);
  auto* functionType = llvm::FunctionType::get(llvm::Type::getVoidTy(context), false);
  auto number = [&](uint32_t value) { return llvm::ConstantInt::get(word, value); };
  auto array = [&](const std::vector<llvm::Constant*>& elements, llvm::Type* element) {
    auto* type = llvm::ArrayType::get(element, elements.size());
    return new llvm::GlobalVariable(module, type, true, llvm::GlobalValue::PrivateLinkage,
                                    llvm::ConstantArray::get(type, elements));
  };
  auto symbol = [&](const std::string& name) -> llvm::Constant* {
    return llvm::cast<llvm::Constant>(module.getOrInsertFunction(name, functionType).getCallee());
  };
  std::vector<llvm::Constant*> entries;
  auto* entryType = llvm::StructType::get(context, {word, word, word, word, pointer, pointer});
  for (const LinkLevel& level : levels) {
    std::vector<llvm::Constant*> kernels, functions;
    for (const std::string& name : level.kernels) {
      std::string mangled = kernelSymbol(name);
      if (mangled.empty())
        return Error{"there is no kernel '" + name + "'", ErrorCode::Unsupported};
      kernels.push_back(symbol(mangled));
    }
    for (const std::string& name : level.functions)
      functions.push_back(symbol(name));
    entries.push_back(
        llvm::ConstantStruct::get(entryType, {number(level.level), number(uint32_t(kernels.size())),
                                              number(uint32_t(functions.size())), number(0),
                                              array(kernels, pointer), array(functions, pointer)}));
  }
  auto define = [&](const char* name, llvm::Constant* value) {
    new llvm::GlobalVariable(module, value->getType(), true, llvm::GlobalValue::ExternalLinkage,
                             value, name);
  };
  define("chordal_linked_levels",
         llvm::ConstantArray::get(llvm::ArrayType::get(entryType, entries.size()), entries));
  define("chordal_linked_level_count", number(uint32_t(entries.size())));
  define("chordal_linked_identity",
         llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), identity));

  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return Error{"the target '" + machine->getTargetTriple().str() + "' cannot emit objects"};
  passes.run(module);
  return std::string(bytes.data(), bytes.size());
}

/// A folder that goes away with everything in it.
class ScratchFolder {
public:
  Result<void> create() {
    llvm::SmallString<128> made;
    if (std::error_code code = llvm::sys::fs::createUniqueDirectory("chordal-link", made))
      return Error{"cannot create a temporary folder for the linker: " + code.message() +
                       "; TMPDIR names another place",
                   ErrorCode::Io};
    path = std::string(made);
    return {};
  }
  ~ScratchFolder() {
    if (!path.empty())
      llvm::sys::fs::remove_directories(path, /*IgnoreErrors=*/true);
  }
  Result<std::string> write(const std::string& name, std::span<const char> bytes) const {
    std::string file = path + "/" + name;
    std::error_code code;
    llvm::raw_fd_ostream stream(file, code);
    if (!code) {
      stream.write(bytes.data(), bytes.size());
      stream.close();
      code = stream.error();
      stream.clear_error();
    }
    if (code)
      return Error{"cannot write " + file + ": " + code.message(), ErrorCode::Io};
    return file;
  }
  std::string file(const std::string& name) const { return path + "/" + name; }

private:
  std::string path;
};

/// Runs the linker; `arguments` without its name.
Result<std::string> runLinker(std::vector<std::string> arguments, const std::string& output) {
  arguments.insert(arguments.begin(), {"ld.lld", "--threads=1", "--no-warnings", "-o", output});
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result = lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return Error{"the program could not be linked: " + messages};
  auto buffer = llvm::MemoryBuffer::getFile(output);
  if (!buffer)
    return Error{"the linker's output cannot be read: " + buffer.getError().message(),
                 ErrorCode::Io};
  return (*buffer)->getBuffer().str();
}

Result<std::vector<std::string>> writeObjects(std::span<const LinkLevel> levels, uint64_t identity,
                                              ScratchFolder& folder) {
  if (Result<void> made = folder.create(); !made)
    return made.error();
  auto table = emitTable(levels, identity);
  if (!table)
    return table.error();
  std::vector<std::string> files;
  auto write = [&](const std::string& name, std::span<const char> bytes) -> Result<void> {
    auto file = folder.write(name, bytes);
    if (!file)
      return file.error();
    files.push_back(*file);
    return {};
  };
  if (Result<void> done = write("table.o", *table); !done)
    return done.error();
  for (const LinkLevel& level : levels)
    if (!level.object.empty())
      if (Result<void> done = write("level" + std::to_string(level.level) + ".o", level.object);
          !done)
        return done.error();
  return files;
}

Result<void> checkBundle(const std::string& file, const std::string& bundle) {
  if (llvm::sys::fs::exists(file))
    return {};
  return Error{"what programs are linked from is not in " + bundle +
                   "; 'cmake --build build --target chordal_bundle' makes it (for aarch64: "
                   "chordal_aarch64), or says what it lacks",
               ErrorCode::Missing};
}

void add(std::vector<std::string>& arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
}

/// Adds the archives in a folder, in the same order everywhere: the same bytes come out.
Result<void> addArchives(std::vector<std::string>& arguments, const std::string& folder) {
  std::error_code code;
  std::vector<std::string> archives;
  for (llvm::sys::fs::directory_iterator entry(folder, code), end; entry != end && !code;
       entry.increment(code))
    if (llvm::StringRef(entry->path()).ends_with(".a"))
      archives.push_back(entry->path());
  if (code)
    return Error{"cannot read " + folder + ": " + code.message(), ErrorCode::Io};
  std::sort(archives.begin(), archives.end());
  add(arguments, archives);
  return {};
}

} // namespace

LinkLevel linkLevel(uint32_t level, const Program& program, std::span<const char> object) {
  LinkLevel linked;
  linked.level = level;
  for (uint32_t name : program.kernelNames)
    linked.kernels.emplace_back(program.string(name));
  for (uint32_t name : program.functionNames)
    linked.functions.emplace_back(program.string(name));
  linked.object = object;
  return linked;
}

Result<std::string> linkExecutable(std::span<const LinkLevel> levels, uint64_t identity,
                                   const std::string& bundle) {
  const std::string fixed = bundle + "/static";
  if (Result<void> there = checkBundle(fixed + "/crt1.o", bundle); !there)
    return there.error();
  ScratchFolder folder;
  auto objects = writeObjects(levels, identity, folder);
  if (!objects)
    return objects.error();
  std::vector<std::string> arguments = {"-static", "--gc-sections", "--strip-all",
                                        "--build-id=none", "--icf=safe"};
  // Start files, objects, archives in a group because they refer to one another.
  add(arguments, {fixed + "/crt1.o", bundle + "/crti.o", fixed + "/crtbeginT.o"});
  add(arguments, *objects);
  add(arguments, {"--start-group"});
  for (const std::string& path : {bundle, fixed})
    if (Result<void> done = addArchives(arguments, path); !done)
      return done.error();
  add(arguments, {"--end-group", fixed + "/crtend.o", bundle + "/crtn.o"});
  return runLinker(std::move(arguments), folder.file("program"));
}

Result<std::string> linkLibrary(std::span<const LinkLevel> levels, uint64_t identity,
                                const std::string& bundle, const std::string& name) {
  const std::string shared = bundle + "/shared";
  if (Result<void> there = checkBundle(shared + "/libc.so.6", bundle); !there)
    return there.error();
  ScratchFolder folder;
  auto objects = writeObjects(levels, identity, folder);
  if (!objects)
    return objects.error();
  // Nothing of other libraries in the process stands in for what is in here, and the other way
  // round. It stays mapped (nodelete) because oneTBB's threads outlive what they work for.
  std::vector<std::string> arguments = {"-shared",
                                        "-soname",
                                        name,
                                        "-Bsymbolic",
                                        "--gc-sections",
                                        "--strip-all",
                                        "--build-id=none",
                                        "--icf=safe",
                                        "--eh-frame-hdr",
                                        "--hash-style=gnu",
                                        "--version-script=" + bundle + "/chordal.map"};
  for (const char* flag :
       {"nodelete", "now", "relro", "noexecstack", "defs", "nodynamic-undefined-weak"})
    add(arguments, {"-z", flag});
  add(arguments, {bundle + "/crti.o", shared + "/crtbeginS.o"});
  add(arguments, *objects);
  add(arguments,
      {"--whole-archive", bundle + "/libchordal_api.a", "--no-whole-archive", "--start-group"});
  for (const std::string& path : {bundle, shared})
    if (Result<void> done = addArchives(arguments, path); !done)
      return done.error();
  add(arguments, {"--end-group", "--as-needed"});
  for (std::string_view file :
       {std::string_view("libc.so.6"), std::string_view("libm.so.6"), targetOf(levels).loader})
    add(arguments, {shared + "/" + std::string(file)});
  add(arguments, {shared + "/crtendS.o", bundle + "/crtn.o"});
  return runLinker(std::move(arguments), folder.file("library"));
}

Result<std::string> linkObject(std::span<const LinkLevel> levels, uint64_t identity) {
  ScratchFolder folder;
  auto objects = writeObjects(levels, identity, folder);
  if (!objects)
    return objects.error();
  objects->insert(objects->begin(), "-r");
  return runLinker(std::move(*objects), folder.file("program.o"));
}

} // namespace chordal::codegen
