//===- Api.cpp - the C API --------------------------------------------------------------------===//
//
// Checks arguments, translates between C and the classes that do the work, and lets no exception
// out. See runtime/core/chordal.h for what each function promises.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/chordal.h"

#include "kernels/catalogue/Catalogue.h"
#include "runtime/api/OpenModel.h"
#include "runtime/core/generate/ChatTemplate.h"
#include "runtime/core/generate/Generator.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <new>
#include <numeric>
#include <optional>
#include <type_traits>

using namespace chordal;

namespace {

/// What the sessions of a model share.
struct SharedModel {
  explicit SharedModel(LoadedModel loaded) : loaded(std::move(loaded)) {}

  /// Made when it is first needed: models without a vocabulary can be evaluated.
  Result<const text::Tokenizer*> tokenizer() {
    std::call_once(once, [this] {
      Result<text::Tokenizer> made = readTokenizer(loaded.file);
      if (made)
        ready.emplace(*std::move(made));
      else
        failure = made.error();
    });
    if (!ready)
      return failure;
    return &*ready;
  }

  const LoadedModel loaded;
  std::string name, architecture, isa;

private:
  std::once_flag once;
  std::optional<text::Tokenizer> ready;
  Error failure;
};

thread_local std::string lastError;

chordal_status statusOf(ErrorCode code) {
  switch (code) {
  case ErrorCode::Failed:
    return CHORDAL_ERROR_FAILED;
  case ErrorCode::Io:
    return CHORDAL_ERROR_IO;
  case ErrorCode::Malformed:
  case ErrorCode::WrongType:
    return CHORDAL_ERROR_MALFORMED;
  case ErrorCode::Missing:
    return CHORDAL_ERROR_MISSING;
  case ErrorCode::OutOfRange:
    return CHORDAL_ERROR_ARGUMENT;
  case ErrorCode::Unsupported:
    return CHORDAL_ERROR_UNSUPPORTED;
  case ErrorCode::Full:
    return CHORDAL_ERROR_FULL;
  case ErrorCode::Cancelled:
    return CHORDAL_ERROR_CANCELLED;
  }
  return CHORDAL_ERROR_FAILED;
}

chordal_status fail(chordal_status status, const char* message) noexcept {
  try {
    lastError = message;
  } catch (...) {
    lastError.clear();
  }
  return status;
}

/// Runs what may fail or throw.
template <typename Body> chordal_status guarded(Body body) noexcept {
  try {
    Result<void> done = body();
    if (done)
      return CHORDAL_OK;
    return fail(statusOf(done.error().code), done.error().message.c_str());
  } catch (const std::bad_alloc&) {
    return fail(CHORDAL_ERROR_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return fail(CHORDAL_ERROR_FAILED, error.what());
  } catch (...) {
    return fail(CHORDAL_ERROR_FAILED, "unknown exception");
  }
}

Error badArgument(std::string message) {
  return {std::move(message), ErrorCode::OutOfRange};
}

Error isNull(const char* name) {
  return badArgument(std::string(name) + " is null");
}

/// The options that the caller knows of; the rest as in `defaults`. Options of a newer caller that
/// this library does not know are an error unless they are zero.
template <typename T> Result<T> readOptions(const T* given, T defaults) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (!given)
    return defaults;
  if (given->size < sizeof(size_t))
    return badArgument("the size of the options is not set");
  auto* bytes = reinterpret_cast<const unsigned char*>(given);
  if (given->size > sizeof(T) &&
      std::any_of(bytes + sizeof(T), bytes + given->size, [](unsigned char byte) { return byte; }))
    return Error{"an option is set that this version of the library does not know",
                 ErrorCode::Unsupported};
  std::memcpy(&defaults, given, std::min(given->size, sizeof(T)));
  return defaults;
}

std::string textOr(const gguf::View& file, std::string_view key) {
  Result<std::string_view> text = file.getString(key, "");
  return text ? std::string(*text) : "";
}

/// The text of a caller.
Result<std::string_view> readText(const char* text, size_t size, const char* name) {
  if (!text && size != 0)
    return isNull(name);
  return std::string_view(text, size == CHORDAL_ZERO_TERMINATED ? std::strlen(text) : size);
}

Result<void> checkTokens(const int32_t* tokens, size_t count, uint32_t vocabulary) {
  if (!tokens && count != 0)
    return isNull("tokens");
  for (size_t i = 0; i < count; ++i)
    if (tokens[i] < 0 || uint32_t(tokens[i]) >= vocabulary)
      return badArgument("token " + std::to_string(tokens[i]) + " (number " + std::to_string(i) +
                         ") is not in the vocabulary of " + std::to_string(vocabulary));
  return {};
}

/// A text for the caller, with a zero byte.
Result<void> writeText(std::string_view result, char* text, size_t capacity, size_t* size) {
  *size = result.size();
  if (capacity <= result.size())
    return Error{"the text needs room for " + std::to_string(result.size() + 1) + " bytes",
                 ErrorCode::Full};
  if (!text)
    return isNull("text");
  std::memcpy(text, result.data(), result.size());
  text[result.size()] = '\0';
  return {};
}

generate::Options generateOptions(const chordal_generate_options& given) {
  generate::Options options;
  options.sampler = {.temperature = given.temperature,
                     .topK = given.top_k,
                     .topP = given.top_p,
                     .minP = given.min_p,
                     .repeatPenalty = given.repeat_penalty,
                     .repeatLastN = given.repeat_last_n,
                     .seed = given.seed};
  if (given.max_tokens != UINT32_MAX)
    options.count = given.max_tokens;
  options.ignoreEos = given.ignore_eos != 0;
  return options;
}

chordal_generate_options defaultOptions() {
  const sample::SamplerOptions sampler;
  chordal_generate_options options{};
  options.size = sizeof options;
  options.max_tokens = UINT32_MAX;
  options.temperature = sampler.temperature;
  options.top_k = sampler.topK;
  options.top_p = sampler.topP;
  options.min_p = sampler.minP;
  options.repeat_penalty = sampler.repeatPenalty;
  options.repeat_last_n = sampler.repeatLastN;
  return options;
}

} // namespace

struct chordal_model {
  std::shared_ptr<SharedModel> shared;
};

struct chordal_session {
  std::shared_ptr<SharedModel> model;
  std::unique_ptr<Session> session; // after the model, which it uses
  SequenceId sequence = 0;
  std::atomic<bool> busy{false};
  std::atomic<size_t> length{0}; ///< at the end of the last call
};

/// Runs what works in a session; one at a time.
template <typename Body>
static chordal_status inSession(chordal_session* session, Body body) noexcept {
  if (!session)
    return fail(CHORDAL_ERROR_ARGUMENT, "session is null");
  if (session->busy.exchange(true, std::memory_order_acquire))
    return fail(CHORDAL_ERROR_BUSY, "the session is at work in another call");
  chordal_status status = guarded([&] { return body(*session->session); });
  if (status == CHORDAL_ERROR_CANCELLED)
    session->session->clearCancel();
  session->length.store(session->session->positions(session->sequence), std::memory_order_relaxed);
  session->busy.store(false, std::memory_order_release);
  return status;
}

extern "C" {

uint32_t chordal_api_version(void) {
  return CHORDAL_API_VERSION;
}

const char* chordal_last_error(void) {
  return lastError.c_str();
}

chordal_status chordal_open(const char* path, const chordal_open_options* options,
                            chordal_model** model) {
  return guarded([&]() -> Result<void> {
    if (!model)
      return isNull("model");
    *model = nullptr;
    auto known = readOptions(options, chordal_open_options{});
    if (!known)
      return known.error();
    api::OpenOptions open;
    open.isa = known->isa ? known->isa : "";
    open.kvType = known->kv_type ? known->kv_type : "";
    open.context = known->context;
    if (!open.kvType.empty() && open.kvType != "f16" && open.kvType != "f32")
      return badArgument("kv_type '" + open.kvType + "' is neither f16 nor f32");
    if (path && !*path)
      return badArgument("path is empty");
    auto loaded = api::openModel(path ? path : "", open);
    if (!loaded)
      return loaded.error();
    auto shared = std::make_shared<SharedModel>(*std::move(loaded));
    shared->name = textOr(shared->loaded.file, "general.name");
    shared->architecture = textOr(shared->loaded.file, "general.architecture");
    shared->isa = kernels::isaName(kernels::Isa(shared->loaded.level));
    *model = new chordal_model{std::move(shared)};
    return {};
  });
}

void chordal_close(chordal_model* model) {
  delete model;
}

chordal_status chordal_get_info(const chordal_model* model, chordal_info* info) {
  return guarded([&]() -> Result<void> {
    if (!model)
      return isNull("model");
    if (!info)
      return isNull("info");
    if (info->size < sizeof info->size)
      return badArgument("the size of the info is not set");
    const LoadedModel& loaded = model->shared->loaded;
    chordal_info known{};
    known.size = info->size;
    known.name = model->shared->name.c_str();
    known.architecture = model->shared->architecture.c_str();
    known.isa = model->shared->isa.c_str();
    known.vocabulary = loaded.program.model.vocabulary;
    known.context = loaded.program.model.context_length;
    known.embedding = loaded.program.model.embedding;
    known.layers = loaded.program.model.layers;
    for (auto weight : loaded.weights)
      known.weight_bytes += weight.size();
    auto tokenizer = model->shared->tokenizer();
    known.bos = tokenizer ? (*tokenizer)->vocabulary().bos : text::noToken;
    known.eos = tokenizer ? (*tokenizer)->vocabulary().eos : text::noToken;
    known.has_template = generate::hasTemplate(loaded.file);
    std::memcpy(info, &known, std::min(info->size, sizeof known));
    return {};
  });
}

chordal_status chordal_tokenize(const chordal_model* model, const char* text, size_t size,
                                uint32_t flags, int32_t* tokens, size_t capacity, size_t* count) {
  return guarded([&]() -> Result<void> {
    if (!model)
      return isNull("model");
    if (!count)
      return isNull("count");
    if (!tokens && capacity != 0)
      return isNull("tokens");
    if (flags & ~uint32_t(CHORDAL_ADD_SPECIAL | CHORDAL_PARSE_SPECIAL))
      return badArgument("unknown flags");
    auto given = readText(text, size, "text");
    if (!given)
      return given.error();
    auto tokenizer = model->shared->tokenizer();
    if (!tokenizer)
      return tokenizer.error();
    std::vector<text::TokenId> ids;
    if (Result<void> done = (*tokenizer)
                                ->encode(*given,
                                         {.addSpecial = (flags & CHORDAL_ADD_SPECIAL) != 0,
                                          .parseSpecial = (flags & CHORDAL_PARSE_SPECIAL) != 0},
                                         ids);
        !done)
      return done;
    *count = ids.size();
    if (ids.size() > capacity)
      return Error{"the text has " + std::to_string(ids.size()) + " tokens", ErrorCode::Full};
    std::copy(ids.begin(), ids.end(), tokens);
    return {};
  });
}

chordal_status chordal_detokenize(const chordal_model* model, const int32_t* tokens, size_t count,
                                  uint32_t flags, char* text, size_t capacity, size_t* size) {
  return guarded([&]() -> Result<void> {
    if (!model)
      return isNull("model");
    if (!size)
      return isNull("size");
    if (flags & ~uint32_t(CHORDAL_SHOW_SPECIAL))
      return badArgument("unknown flags");
    auto tokenizer = model->shared->tokenizer();
    if (!tokenizer)
      return tokenizer.error();
    if (Result<void> good = checkTokens(tokens, count, uint32_t((*tokenizer)->vocabulary().size()));
        !good)
      return good;
    std::string bytes;
    (*tokenizer)
        ->decode(std::span(tokens, count), {.showSpecial = (flags & CHORDAL_SHOW_SPECIAL) != 0},
                 bytes);
    return writeText(bytes, text, capacity, size);
  });
}

int32_t chordal_is_end(const chordal_model* model, int32_t token) {
  bool ends = false;
  (void)guarded([&]() -> Result<void> {
    if (!model)
      return isNull("model");
    auto tokenizer = model->shared->tokenizer();
    if (!tokenizer)
      return tokenizer.error();
    ends = (*tokenizer)->vocabulary().isEndOfGeneration(token);
    return {};
  });
  return ends;
}

chordal_status chordal_render(const chordal_model* model, const char* variables, char* text,
                              size_t capacity, size_t* size) {
  return guarded([&]() -> Result<void> {
    if (!model)
      return isNull("model");
    if (!variables)
      return isNull("variables");
    if (!size)
      return isNull("size");
    auto chatTemplate = generate::modelTemplate(model->shared->loaded.file);
    if (!chatTemplate)
      return chatTemplate.error();
    auto tokenizer = model->shared->tokenizer();
    if (!tokenizer)
      return tokenizer.error();
    auto rendered = generate::render(*chatTemplate, variables, &(*tokenizer)->vocabulary());
    if (!rendered)
      return rendered.error();
    return writeText(*rendered, text, capacity, size);
  });
}

chordal_status chordal_session_open(chordal_model* model, const chordal_session_options* options,
                                    chordal_session** session) {
  return guarded([&]() -> Result<void> {
    if (!model)
      return isNull("model");
    if (!session)
      return isNull("session");
    *session = nullptr;
    auto known = readOptions(options, chordal_session_options{});
    if (!known)
      return known.error();
    if (known->threads > 1024)
      return badArgument("more than 1024 threads are asked for");
    SessionOptions memory;
    memory.contextLength = known->context;
    memory.microBatch = known->ubatch;
    auto made = model->shared->loaded.createSession(memory, {known->threads, nullptr});
    if (!made)
      return made.error();
    auto opened = std::make_unique<chordal_session>();
    opened->model = model->shared;
    opened->session = *std::move(made);
    auto sequence = opened->session->createSequence();
    if (!sequence)
      return sequence.error();
    opened->sequence = *sequence;
    *session = opened.release();
    return {};
  });
}

void chordal_session_close(chordal_session* session) {
  delete session;
}

size_t chordal_session_length(const chordal_session* session) {
  return session ? session->length.load(std::memory_order_relaxed) : 0;
}

chordal_status chordal_session_truncate(chordal_session* session, size_t length) {
  return inSession(session, [&](Session& inner) -> Result<void> {
    size_t present = inner.positions(session->sequence);
    if (length > present)
      return badArgument("the session has " + std::to_string(present) + " tokens, fewer than " +
                         std::to_string(length));
    if (inner.retainable(session->sequence, uint32_t(length)) != length)
      return Error{"this model's memory (sliding windows) reaches not far enough back to cut the "
                   "session to " +
                   std::to_string(length) + " tokens; cut it to 0 and evaluate them again"};
    return inner.truncate(session->sequence, uint32_t(length));
  });
}

chordal_status chordal_evaluate(chordal_session* session, const int32_t* tokens, size_t count,
                                size_t rows, float* logits) {
  return inSession(session, [&](Session& inner) -> Result<void> {
    if (Result<void> good = checkTokens(tokens, count, inner.vocabulary()); !good)
      return good;
    if (rows > count)
      return badArgument("logits of " + std::to_string(rows) +
                         " tokens are wanted, but there are " + std::to_string(count));
    if (rows != 0 && !logits)
      return isNull("logits");
    if (count > inner.contextLength()) // so that rows have indices
      return Error{std::to_string(count) + " tokens do not fit a context of " +
                       std::to_string(inner.contextLength()),
                   ErrorCode::Full};
    std::vector<int32_t> wanted(rows);
    std::iota(wanted.begin(), wanted.end(), int32_t(count - rows));
    return inner.prefill(session->sequence, std::span(tokens, count), wanted, logits);
  });
}

void chordal_generate_defaults(chordal_generate_options* options, size_t size) {
  if (!options)
    return;
  chordal_generate_options known = defaultOptions();
  known.size = size;
  std::memset(options, 0, size);
  std::memcpy(options, &known, std::min(size, sizeof known));
}

chordal_status chordal_generate(chordal_session* session, const int32_t* prompt, size_t count,
                                const chordal_generate_options* options, chordal_callback callback,
                                void* user, chordal_end* end) {
  return inSession(session, [&](Session& inner) -> Result<void> {
    auto known = readOptions(options, defaultOptions());
    if (!known)
      return known.error();
    if (Result<void> good = checkTokens(prompt, count, inner.vocabulary()); !good)
      return good;
    if (count == 0)
      return badArgument("the prompt has no tokens");
    generate::Options settings = generateOptions(*known);
    for (size_t i = 0; i < known->stop_count; ++i) {
      if (!known->stops || !known->stops[i])
        return isNull("a stop text");
      settings.stops.emplace_back(known->stops[i]);
    }
    auto tokenizer = session->model->tokenizer();
    if (!tokenizer)
      return tokenizer.error();
    generate::Generator generator(inner, **tokenizer);
    if (Result<void> ready = generator.init(std::move(settings)); !ready)
      return Error{ready.error().message, ErrorCode::OutOfRange};

    const text::Vocabulary& vocabulary = (*tokenizer)->vocabulary();
    // Behind nothing but BOS, the space that begins texts is no part of the text.
    bool atStart =
        vocabulary.addSpacePrefix && inner.positions(session->sequence) == 0 &&
        std::all_of(prompt, prompt + count, [&](int32_t token) {
          return vocabulary.contains(token) && vocabulary.typeOf(token) == text::TokenType::Control;
        });
    if (Result<void> done = generator.prefill(session->sequence, std::span(prompt, count)); !done)
      return done;
    std::string text;
    auto ended = generator.generate(
        session->sequence,
        [&](const generate::Token& token) -> Result<bool> {
          if (!callback)
            return true;
          text = token.text; // with a zero byte behind it
          chordal_token told{sizeof told, token.id, text.c_str(), text.size()};
          return callback(user, &told) == 0;
        },
        atStart);
    if (!ended)
      return ended.error();
    if (*ended == generate::End::Cancelled)
      return Error{"cancelled", ErrorCode::Cancelled};
    if (!end)
      return {};
    switch (*ended) {
    case generate::End::Count:
      *end = CHORDAL_END_COUNT;
      break;
    case generate::End::Token:
      *end = CHORDAL_END_TOKEN;
      break;
    case generate::End::StopText:
      *end = CHORDAL_END_STOP;
      break;
    case generate::End::ContextFull:
      *end = CHORDAL_END_CONTEXT;
      break;
    case generate::End::Receiver:
    case generate::End::Cancelled:
      *end = CHORDAL_END_CALLBACK;
      break;
    }
    return {};
  });
}

void chordal_cancel(chordal_session* session) {
  if (session)
    session->session->cancel();
}

} // extern "C"
