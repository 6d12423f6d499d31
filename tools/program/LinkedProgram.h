//===- LinkedProgram.h - the program that is linked into this file ----------------------------===//
#pragma once

#include "runtime/tbb/LoadedModel.h"
#include "runtime/tbb/ProgramFile.h"
#include "tools/program/Linked.h"

#include <string>

namespace chordal::program {

class LinkedProgram {
public:
  /// `file`: the mapped container; `isa`: the highest level to use, empty: the machine's. Errors: a
  /// container of another program, a machine that lacks what the program was compiled for.
  static Result<LinkedProgram> open(ProgramFile file, const std::string& isa);

  const ProgramFile& file() const { return mapped; }
  const chordal_linked_level& level() const { return *linked; }
  /// The tables of the level.
  Result<Program> tables() const;
  /// The model's metadata, which point into the file's mapping.
  Result<gguf::View> metadata() const;

  /// The program with the kernels and functions that are linked here. `kvType`: what the elements
  /// of the KV cache must be (f16, f32); empty: anything.
  Result<LoadedModel> load(const std::string& kvType = "") const;

private:
  ProgramFile mapped;
  const chordal_linked_level* linked = nullptr;
};

} // namespace chordal::program
