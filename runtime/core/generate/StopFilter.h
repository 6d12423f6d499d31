//===- StopFilter.h - ends a stream of text at a stop text ------------------------------------===//
//
// A stop text may span several tokens. The filter holds back what could be the beginning of one
// until it is decided, so that no part of a stop text is ever printed.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chordal::generate {

class StopFilter {
public:
  /// Stop texts must not be empty; there may be none.
  explicit StopFilter(std::vector<std::string> stops) : stops(std::move(stops)) {}

  /// Takes the next bytes and appends to `out` what certainly comes before any stop text. True once
  /// a stop text is complete: then `out` has all that came before the first one, and the stream is
  /// over. Of stop texts that begin at the same place any ends it.
  bool push(std::string_view bytes, std::string& out);

  /// The end of the stream without a stop text: appends what was held back.
  void flush(std::string& out);

private:
  size_t heldLength() const;

  std::vector<std::string> stops;
  std::string held;
};

} // namespace chordal::generate
