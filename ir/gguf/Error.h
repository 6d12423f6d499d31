//===- Error.h - errors as values -------------------------------------------------------------===//
//
// Functions that can fail on foreign input return a `Result`: a value or an `Error` that says what
// is wrong, where, and what to do. Nothing here throws, so it serves builds without exceptions too.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace chordal {

/// What sort of error it is, for callers that treat some of them differently.
enum class ErrorCode : uint8_t {
  Failed,      ///< anything not listed below
  Io,          ///< a file cannot be opened, read or mapped
  Malformed,   ///< the input breaks its format's rules
  Missing,     ///< the key, tensor or file asked for does not exist
  WrongType,   ///< it exists, but is of another type
  OutOfRange,  ///< it is of the right sort, but the value does not fit
  Unsupported, ///< well-formed, but beyond what is handled
  Full,        ///< no room is left: of the context, the KV cache, the sequences
  Cancelled,   ///< its caller asked it to stop
};

struct [[nodiscard]] Error {
  std::string message;
  ErrorCode code = ErrorCode::Failed;
};

/// A value of type T or an Error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : state(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// The value; only when ok().
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// The error; only when not ok().
  const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state);
  }
  Error error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state));
  }

private:
  T& value() {
    assert(ok());
    return *std::get_if<0>(&state);
  }
  const T& value() const {
    assert(ok());
    return *std::get_if<0>(&state);
  }

  std::variant<T, Error> state;
};

/// Success or an Error: `return {};` is success.
template <> class [[nodiscard]] Result<void> {
public:
  Result() = default;
  Result(Error error) : failure(std::move(error)), failed(true) {}

  bool ok() const { return !failed; }
  explicit operator bool() const { return ok(); }
  const Error& error() const& {
    assert(failed);
    return failure;
  }
  Error error() && {
    assert(failed);
    return std::move(failure);
  }

private:
  Error failure;
  bool failed = false;
};

} // namespace chordal
