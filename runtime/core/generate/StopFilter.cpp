//===- StopFilter.cpp - ends a stream of text at a stop text ----------------------------------===//
#include "runtime/core/generate/StopFilter.h"

#include <algorithm>

namespace chordal::generate {

/// Length of the longest end of `held` that is the beginning of a stop text.
size_t StopFilter::heldLength() const {
  size_t longest = 0;
  for (const std::string& stop : stops) {
    size_t length = std::min(held.size(), stop.size() - 1);
    for (; length > longest; --length)
      if (std::string_view(held).substr(held.size() - length) ==
          std::string_view(stop).substr(0, length)) {
        longest = length;
        break;
      }
  }
  return longest;
}

bool StopFilter::push(std::string_view bytes, std::string& out) {
  if (stops.empty()) {
    out += bytes;
    return false;
  }
  held += bytes;
  // What is held from earlier contains no stop text, but may begin one: it is searched again, which
  // costs no more than the length of a stop text.
  size_t first = std::string::npos;
  for (const std::string& stop : stops)
    first = std::min(first, held.find(stop));
  if (first != std::string::npos) {
    out.append(held, 0, first);
    held.clear();
    return true;
  }
  size_t decided = held.size() - heldLength();
  out.append(held, 0, decided);
  held.erase(0, decided);
  return false;
}

void StopFilter::flush(std::string& out) {
  out += held;
  held.clear();
}

} // namespace chordal::generate
