//===- Api.h - the C API of a library that is loaded at run time ------------------------------===//
#pragma once

#include "runtime/core/chordal.h"

#include <string>

#include <dlfcn.h>

namespace chordal::test {

/// The functions of one library; several can be in a process.
struct Api {
  void* library;

  explicit Api(const std::string& path) : library(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!library)
      return;
#define CHORDAL_FIND(name)                                                                         \
  name = reinterpret_cast<decltype(name)>(::dlsym(library, "chordal_" #name))
    CHORDAL_FIND(api_version);
    CHORDAL_FIND(last_error);
    CHORDAL_FIND(open);
    CHORDAL_FIND(close);
    CHORDAL_FIND(get_info);
    CHORDAL_FIND(tokenize);
    CHORDAL_FIND(detokenize);
    CHORDAL_FIND(is_end);
    CHORDAL_FIND(render);
    CHORDAL_FIND(session_open);
    CHORDAL_FIND(session_close);
    CHORDAL_FIND(session_length);
    CHORDAL_FIND(session_truncate);
    CHORDAL_FIND(evaluate);
    CHORDAL_FIND(generate_defaults);
    CHORDAL_FIND(generate);
    CHORDAL_FIND(cancel);
#undef CHORDAL_FIND
  }
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  decltype(&chordal_api_version) api_version = nullptr;
  decltype(&chordal_last_error) last_error = nullptr;
  decltype(&chordal_open) open = nullptr;
  decltype(&chordal_close) close = nullptr;
  decltype(&chordal_get_info) get_info = nullptr;
  decltype(&chordal_tokenize) tokenize = nullptr;
  decltype(&chordal_detokenize) detokenize = nullptr;
  decltype(&chordal_is_end) is_end = nullptr;
  decltype(&chordal_render) render = nullptr;
  decltype(&chordal_session_open) session_open = nullptr;
  decltype(&chordal_session_close) session_close = nullptr;
  decltype(&chordal_session_length) session_length = nullptr;
  decltype(&chordal_session_truncate) session_truncate = nullptr;
  decltype(&chordal_evaluate) evaluate = nullptr;
  decltype(&chordal_generate_defaults) generate_defaults = nullptr;
  decltype(&chordal_generate) generate = nullptr;
  decltype(&chordal_cancel) cancel = nullptr;
};

} // namespace chordal::test
