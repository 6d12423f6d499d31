//===- GgufFuzzer.cpp - fuzzes the GGUF view --------------------------------------------------===//
//
// Parses the input as a GGUF file, or as two shards, and then uses all of what was accepted:
// whatever the view lets through must be safe to read.
//
//===------------------------------------------------------------------------------------------===//

#include "ir/gguf/Decode.h"
#include "ir/gguf/View.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

using namespace chordal;
using namespace chordal::gguf;

namespace {

uint64_t sink = 0;

void require(bool condition) {
  if (!condition)
    std::abort();
}

void useMetadata(const View& view) {
  for (const Entry& entry : view.entries()) {
    require(view.find(entry.key) == &entry);
    for (std::byte byte : entry.bytes)
      sink += uint8_t(byte);
    // Exactly one family of getters accepts a key, unless its value does not fit.
    int accepted =
        view.getString(entry.key).ok() + view.getStrings(entry.key).ok() +
        view.getBool(entry.key).ok() + view.get<double>(entry.key).ok() +
        (view.get<int64_t>(entry.key).ok() || view.getU64(entry.key).ok()) +
        view.getArray<bool>(entry.key).ok() + view.getArray<double>(entry.key).ok() +
        (view.getArray<int64_t>(entry.key).ok() || view.getArray<uint64_t>(entry.key).ok());
    require(accepted <= 1);
    sink += view.get<int8_t>(entry.key).ok() + view.getF32(entry.key).ok() +
            view.getArray<uint8_t>(entry.key).ok() + view.getArray<float>(entry.key).ok();
    if (Result<StringArray> strings = view.getStrings(entry.key); strings.ok()) {
      size_t index = 0;
      for (std::string_view text : *strings) {
        for (char c : text)
          sink += uint8_t(c);
        std::string_view again = (*strings)[index++];
        require(again.data() == text.data() && again.size() == text.size());
      }
      require(index == strings->size());
    }
  }
}

void useTensors(const View& view) {
  for (const Tensor& tensor : view.tensors()) {
    require(view.findTensor(tensor.name) == &tensor);
    require(tensor.shard < view.shardCount());
    require(tensor.data.data() == view.shardBytes(tensor.shard).data() + tensor.offset);
    require(tensor.rowBytes() * tensor.rows() == tensor.data.size());
    for (std::byte byte : tensor.data)
      sink += uint8_t(byte);
    if (!canDecode(tensor.format))
      continue;
    std::vector<float> row(tensor.rowLength());
    decodeRow(tensor.format, tensor.data.data(), row.size(), row.data());
    decodeRow(tensor.format, tensor.data.data() + tensor.data.size() - tensor.rowBytes(),
              row.size(), row.data());
  }
}

void use(const Result<View>& view) {
  if (!view.ok()) {
    require(!view.error().message.empty() && view.error().message.size() < 2000);
    return;
  }
  useMetadata(*view);
  useTensors(*view);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  if (size > 3 && data[0] == 'S') {
    // Two shards: the length of the first in two bytes, then both. Copies, so that a read beyond
    // the first is seen.
    size_t length = std::min<size_t>(data[1] | size_t(data[2]) << 8, size - 3);
    std::vector<std::byte> first(bytes.begin() + 3, bytes.begin() + 3 + length);
    std::vector<std::byte> second(bytes.begin() + 3 + length, bytes.end());
    first.shrink_to_fit();
    second.shrink_to_fit();
    std::span<const std::byte> shards[] = {first, second};
    use(View::parseShards(shards));
    return 0;
  }
  use(View::parse(bytes));
  return 0;
}
