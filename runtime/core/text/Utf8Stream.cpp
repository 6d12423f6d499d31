//===- Utf8Stream.cpp - whole characters from a stream of bytes -------------------------------===//
//
// Keeps at most the three bytes of an unfinished character.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/Utf8Stream.h"

#include "runtime/core/text/Unicode.h"

namespace chordal::text {

void Utf8Stream::push(std::string_view bytes, std::string& out) {
  for (char byte : bytes) {
    buffer[held++] = byte;
    std::string_view pendingBytes(buffer, held);
    if (isCharPrefix(pendingBytes)) {
      if (held == sequenceLength(buffer[0]))
        flush(out);
      continue;
    }
    // The new byte does not continue what is held: pass that on, and look at the byte afresh.
    out.append(buffer, held - 1u);
    buffer[0] = byte;
    held = 1;
    if (sequenceLength(byte) == 1)
      flush(out);
  }
}

void Utf8Stream::flush(std::string& out) {
  out.append(buffer, held);
  held = 0;
}

} // namespace chordal::text
