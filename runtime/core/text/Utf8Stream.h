//===- Utf8Stream.h - whole characters from a stream of bytes ---------------------------------===//
//
// A token may end in the middle of a UTF-8 character. The stream holds such bytes back until the
// character is complete, so that a terminal or a JSON string never sees half of one.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chordal::text {

/// Cuts a stream of bytes at character boundaries. Bytes are passed through unchanged and in order;
/// bytes that cannot begin or continue a character are passed on at once.
class Utf8Stream {
public:
  /// Takes `bytes` and appends to `out` everything up to the last character boundary.
  void push(std::string_view bytes, std::string& out);

  /// The end of the stream: appends what is still held back (at most three bytes).
  void flush(std::string& out);

  /// Bytes held back now: 0 to 3.
  size_t pending() const { return held; }

private:
  char buffer[4] = {};
  uint8_t held = 0;
};

} // namespace chordal::text
