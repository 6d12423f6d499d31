//===- Trie.h - all prefixes of a text that are tokens ----------------------------------------===//
//
// Walks a text byte by byte and meets every token that begins where the walk began. The edges lie
// in one hash table, so a trie takes memory in proportion to the bytes of its strings, whatever
// they are.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/text/Vocabulary.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace chordal::text {

class Trie {
public:
  using Node = uint32_t;
  static constexpr Node root = 0;
  static constexpr Node none = ~Node(0);

  /// Empties the trie and makes room for strings of `bytes` bytes together, fewer than 2^30.
  void clear(size_t bytes);

  /// Adds a string that is not empty. Of equal strings the last wins.
  void insert(std::string_view text, TokenId id);

  /// The node behind `node` for the next byte, or none.
  Node step(Node node, unsigned char byte) const;

  /// The token whose text leads to `node`, or noToken.
  TokenId tokenAt(Node node) const { return ids[node]; }

private:
  struct Edge {
    uint64_t key; ///< parent * 256 + byte + 1; 0 where there is no edge
    Node child;
  };
  size_t slotOf(uint64_t key) const;

  std::vector<Edge> edges;
  std::vector<TokenId> ids; ///< of each node
};

} // namespace chordal::text
