//===- Status.h - how the runtime's core reports failure
//------------------------------------------===//
//
// The core also compiles for targets without exceptions, so every function that can fail returns
// one of these: empty when all went well, else a message that says what, where and what to do.
//
//===----------------------------------------------------------------------------------------------===//
#pragma once

#include <string>
#include <utility>

namespace chordal {

/// Success, or the message of a failure.
class [[nodiscard]] Status {
public:
  /// Success.
  Status() = default;

  /// A failure; `message` must not be empty.
  static Status error(std::string message) {
    Status status;
    status.text = std::move(message);
    return status;
  }

  bool ok() const { return text.empty(); }
  const std::string& message() const { return text; }

private:
  std::string text;
};

} // namespace chordal
