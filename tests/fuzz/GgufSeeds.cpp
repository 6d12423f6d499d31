//===- GgufSeeds.cpp - writes the inputs that the GGUF fuzzer starts from ---------------------===//
//
// Usage: fuzz_gguf_seeds FOLDER
//
//===------------------------------------------------------------------------------------------===//

#include "tests/ir/gguf/GgufBuilder.h"

#include <cstdio>
#include <filesystem>

using namespace chordal;
using namespace chordal::gguf;

namespace {

GgufBuilder allTypes() {
  GgufBuilder builder;
  builder.set("u8", uint8_t(1)).set("i8", int8_t(-1)).set("u16", uint16_t(2));
  builder.set("i16", int16_t(-2)).set("u32", uint32_t(3)).set("i32", int32_t(-3));
  builder.set("u64", uint64_t(4)).set("i64", int64_t(-4)).set("f32", 5.f).set("f64", 6.);
  builder.set("bool", true).set("string", "text").setStrings("strings", {"a", "", "bcd"});
  builder.setArray("bools", std::vector<bool>{true, false});
  builder.setArray("ints", std::vector<int32_t>{1, 2, 3});
  builder.setArray("floats", std::vector<double>{1, 2});
  return builder;
}

GgufBuilder shard(uint16_t index) {
  GgufBuilder builder;
  builder.set("split.no", index).set("split.count", uint16_t(2));
  builder.set("split.tensors.count", int32_t(2));
  builder.tensorF32("t" + std::to_string(index), {2}, {1, 2});
  return builder;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  std::string folder = argv[1];
  std::filesystem::create_directories(folder);
  bool written = allTypes().write(folder + "/metadata.gguf");
  GgufBuilder tensors;
  tensors.set("general.alignment", uint32_t(8));
  for (const FormatInfo& info : allFormats())
    tensors.tensor(info.name, info.format, {256});
  written &= tensors.write(folder + "/formats.gguf");
  written &= GgufBuilder()
                 .setVersion(2)
                 .setStrings("tokens", std::vector<std::string>(40, "word"))
                 .tensorF32("cube", {2, 2, 2, 2}, std::vector<float>(16, 1.f))
                 .write(folder + "/version2.gguf");

  std::vector<std::byte> first = shard(0).build(), second = shard(1).build();
  ByteWriter both;
  both.u8('S')
      .u8(uint8_t(first.size()))
      .u8(uint8_t(first.size() >> 8))
      .append(first)
      .append(second);
  std::ofstream file(folder + "/shards.bin", std::ios::binary);
  file.write(reinterpret_cast<const char*>(both.data().data()), std::streamsize(both.size()));
  written &= file.good();
  return written ? 0 : 1;
}
