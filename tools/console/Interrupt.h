//===- Interrupt.h - Ctrl-C -------------------------------------------------------------------===//
//
// Each catches the first signal only; the second has its usual effect and ends the process. One at
// a time.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "runtime/core/Session.h"

namespace chordal {

/// While it lives, Ctrl-C cancels the session.
class InterruptGuard {
public:
  explicit InterruptGuard(Session& session);
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  ~InterruptGuard();
};

/// While it lives, Ctrl-C and a request to terminate only set a flag.
class InterruptFlag {
public:
  InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;
  ~InterruptFlag();
  static bool isSet();
};

} // namespace chordal
