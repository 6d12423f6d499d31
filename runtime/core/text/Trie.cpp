//===- Trie.cpp - all prefixes of a text that are tokens --------------------------------------===//
//
// Open addressing with linear probing, at most half full.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Trie.h"

#include <bit>

namespace chordal::text {

void Trie::clear(size_t bytes) {
  edges.assign(std::bit_ceil(2 * bytes + 2), Edge{0, none});
  ids.assign(1, noToken);
}

/// The slot that holds `key`, or the free one where it belongs.
size_t Trie::slotOf(uint64_t key) const {
  size_t mask = edges.size() - 1;
  uint64_t mixed = key * 0x9E3779B97F4A7C15;
  size_t at = static_cast<size_t>(mixed >> 32) & mask;
  while (edges[at].key != 0 && edges[at].key != key)
    at = (at + 1) & mask;
  return at;
}

void Trie::insert(std::string_view text, TokenId id) {
  Node node = root;
  for (char byte : text) {
    uint64_t key = uint64_t(node) * 256 + static_cast<unsigned char>(byte) + 1;
    Edge& edge = edges[slotOf(key)];
    if (edge.key == 0) {
      edge = {key, static_cast<Node>(ids.size())};
      ids.push_back(noToken);
    }
    node = edge.child;
  }
  ids[node] = id;
}

Trie::Node Trie::step(Node node, unsigned char byte) const {
  return edges[slotOf(uint64_t(node) * 256 + byte + 1)].child;
}

} // namespace chordal::text
