//===- Weights.cpp - the weights of a module, decoded -----------------------------------------===//
//
// A layout other than the file's own is how a kernel wants its weight in memory; the values are
// those of the file, which is what is read here.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/reference/Weights.h"

#include "ir/gguf/Decode.h"

#include <oneapi/tbb/parallel_for.h>

namespace chordal::reference {

Result<Weights::Stored> Weights::find(llvm::StringRef name) {
  auto weight = module.lookupSymbol<ir::WeightOp>(name);
  if (!weight)
    return Error{"there is no weight '" + name.str() + "'", ErrorCode::Missing};
  Stored stored{Format::F32, {}, {}, 0};
  size_t count = 1;
  if (auto quantized = llvm::dyn_cast<ir::QuantizedType>(weight.getType())) {
    stored.format = quantized.getFormatInfo()->format;
    stored.shape.assign(quantized.getShape().begin(), quantized.getShape().end());
  } else {
    auto vector = llvm::cast<mlir::RankedTensorType>(weight.getType());
    stored.shape.assign(vector.getShape().begin(), vector.getShape().end());
  }
  if (!canDecode(stored.format))
    return Error{"weight '" + name.str() + "': the format " +
                     std::string(formatInfo(stored.format).name) + " cannot be decoded",
                 ErrorCode::Unsupported};
  for (size_t size : stored.shape)
    count *= size;
  const FormatInfo& info = formatInfo(stored.format);
  stored.rowBytes = stored.shape.back() / info.weightsPerBlock * info.bytesPerBlock;
  size_t bytes = count / info.weightsPerBlock * info.bytesPerBlock;
  uint64_t shard = weight.getSpan().getShard(), offset = weight.getSpan().getOffset();
  if (shard >= shards.size() || offset > shards[shard].size() ||
      bytes > shards[shard].size() - offset)
    return Error{"weight '" + name.str() + "': shard " + std::to_string(shard) + " has no " +
                     std::to_string(bytes) + " bytes at " + std::to_string(offset),
                 ErrorCode::OutOfRange};
  stored.bytes = shards[shard].subspan(offset, bytes);
  return stored;
}

Result<std::shared_ptr<const Floats>> Weights::decoded(llvm::StringRef name) {
  if (auto known = cache.lookup(name))
    return known;
  Result<Stored> stored = find(name);
  if (!stored)
    return stored.error();
  auto values = std::make_shared<Floats>(Floats::from_shape(stored->shape));
  size_t columns = stored->shape.back();
  tbb::parallel_for(size_t(0), values->size() / columns, [&](size_t row) {
    decodeRow(stored->format, stored->bytes.data() + row * stored->rowBytes, columns,
              values->data() + row * columns);
  });
  cache[name] = values;
  return std::shared_ptr<const Floats>(values);
}

Result<Floats> Weights::decodedRows(llvm::StringRef name, const Ints& rows) {
  Result<Stored> stored = find(name);
  if (!stored)
    return stored.error();
  size_t columns = stored->shape.back();
  Floats values = makeRows(rows.size(), columns);
  for (size_t i = 0; i < rows.size(); ++i) {
    int64_t row = rows.data()[i];
    if (row < 0 || size_t(row) >= stored->shape[0])
      return Error{"weight '" + name.str() + "' has " + std::to_string(stored->shape[0]) +
                       " rows, so none for token " + std::to_string(row),
                   ErrorCode::OutOfRange};
    decodeRow(stored->format, stored->bytes.data() + size_t(row) * stored->rowBytes, columns,
              values.data() + i * columns);
  }
  return values;
}

} // namespace chordal::reference
