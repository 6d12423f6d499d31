//===- Info.cpp - what a compiled program says of itself --------------------------------------===//
#include "tools/program/Info.h"

#include "kernels/catalogue/Catalogue.h"
#include "tools/console/Console.h"

#include <algorithm>

namespace chordal::program {

namespace {

std::string mebibytes(uint64_t bytes) {
  return fixed(double(bytes) / double(1 << 20), 2) + " MiB";
}

std::string isaText(uint32_t level) {
  return std::string(kernels::isaName(kernels::Isa(level)));
}

uint64_t weightBytes(const Container& weights) {
  uint64_t sum = 0;
  for (size_t i = 0; i < weights.weightCount(); ++i)
    sum += weights.weight(i).size();
  return sum;
}

} // namespace

Result<void> printInfo(const LinkedProgram& program) {
  auto tables = program.tables();
  if (!tables)
    return tables.error();
  auto metadata = program.metadata();
  if (!metadata)
    return metadata.error();
  const Container& container = program.file().program();
  const Container& weights = program.file().weights();
  std::string text;
  auto line = [&](std::string name, const std::string& value) {
    name.resize(14, ' ');
    text += name + value + "\n";
  };
  auto name = metadata->getString("general.name", "");
  auto architecture = metadata->getString("general.architecture", "");
  line("model", name ? std::string(*name) : "");
  line("architecture", architecture ? std::string(*architecture) : "");
  const chordal_shape& model = tables->model;
  line("shape", std::to_string(model.layers) + " layers, embedding " +
                    std::to_string(model.embedding) + ", vocabulary " +
                    std::to_string(model.vocabulary) + ", context " +
                    std::to_string(model.context_length));
  line("program",
       mebibytes(container.size() - (container.weightFile().empty() ? weightBytes(weights) : 0)) +
           " besides the weights");
  line("weights",
       std::to_string(weights.weightCount()) + " tensors, " + mebibytes(weightBytes(weights)) +
           (container.weightFile().empty() ? std::string(" in this file")
                                           : " in " + std::string(container.weightFile())));
  std::string levels;
  for (uint32_t level : container.levels())
    levels += (levels.empty() ? "" : ", ") + isaText(level);
  line("compiled for", levels);
  line("this machine", std::string(kernels::isaName(kernels::hostIsa())) + ", runs " +
                           isaText(program.level().level));
  std::vector<std::string> kernels;
  for (uint32_t kernel : tables->kernelNames)
    kernels.emplace_back(tables->string(kernel));
  std::ranges::sort(kernels);
  line("kernels", std::to_string(kernels.size()) + ", generated functions " +
                      std::to_string(tables->functionNames.size()));
  for (const std::string& kernel : kernels)
    line("", kernel);
  uint64_t block = 0, rings = 0, arena = 0;
  for (const chordal_state& state : tables->states)
    if (state.ring_blocks)
      rings += state.ring_blocks * state.block_bytes;
    else
      block += state.block_bytes;
  for (const chordal_bucket& bucket : tables->buckets)
    arena = std::max(arena, bucket.arena_bytes);
  uint64_t blocks =
      (model.context_length + CHORDAL_KV_BLOCK_POSITIONS - 1) / CHORDAL_KV_BLOCK_POSITIONS;
  line("memory", mebibytes(arena) + " activations, " + mebibytes(block * blocks + rings) +
                     " KV cache when the context is full (" + mebibytes(block) + " for each " +
                     std::to_string(CHORDAL_KV_BLOCK_POSITIONS) + " positions), " +
                     mebibytes(weightBytes(weights)) + " weights (shared, from the page cache)");
  for (const chordal_bucket& bucket : tables->buckets)
    line("", std::to_string(bucket.min_tokens) + " to " + std::to_string(bucket.max_tokens) +
                 " tokens: " + std::to_string(bucket.n_tasks) + " tasks, arena " +
                 mebibytes(bucket.arena_bytes));
  return print(text);
}

Result<void> verify(const LinkedProgram& program) {
  for (const Container* container : {&program.file().program(), &program.file().weights()})
    for (const ContainerSection& section : container->sections())
      if (section.kind != SectionKind::Weights)
        if (auto intact = container->section(section.kind, section.level); !intact)
          return intact.error();
  auto tables = program.tables();
  if (!tables)
    return tables.error();
  const Container& weights = program.file().weights();
  if (auto fit = weights.weights(*tables); !fit)
    return fit.error();
  for (size_t i = 0; i < weights.weightCount(); ++i)
    if (!weights.weightIsIntact(i))
      return Error{weights.name() + ": weight '" +
                       std::string(tables->string(tables->weights[i].name)) +
                       "' is damaged; compile the model again",
                   ErrorCode::Malformed};
  return print("all " + std::to_string(weights.weightCount()) + " weights, " +
               mebibytes(weightBytes(weights)) + ", and the program are intact\n");
}

} // namespace chordal::program
