//===- ApiTest.cpp - the C API, of both libraries that have it --------------------------------===//
//
// Each test runs on libchordal with a GGUF file and, where programs can be linked, on a library
// that was compiled from it. What the driver says of the same model is the oracle.
//
//===------------------------------------------------------------------------------------------===//
#include "tests/tools/ApiFixture.h"

#include <cstring>

namespace chordal::test {

INSTANTIATE_TEST_SUITE_P(Libraries, Interface,
                         ::testing::Values(Kind::WithCompiler, Kind::Compiled),
                         [](const auto& kind) {
                           return kind.param == Kind::Compiled ? "Compiled" : "WithCompiler";
                         });

TEST_P(Interface, saysWhatTheModelIs) {
  EXPECT_EQ(api().api_version(), uint32_t(CHORDAL_API_VERSION));
  EXPECT_STREQ(info.architecture, "llama");
  EXPECT_EQ(info.vocabulary, 4096u);
  EXPECT_GT(info.layers, 0u);
  EXPECT_GT(info.embedding, 0u);
  EXPECT_GT(info.context, 0u);
  EXPECT_GT(info.weight_bytes, 10u << 20);
  EXPECT_EQ(info.bos, 1);
  EXPECT_EQ(api().is_end(model, info.eos), 1);
  EXPECT_EQ(api().is_end(model, 300), 0);
  EXPECT_EQ(api().is_end(model, -5), 0);
  EXPECT_NE(std::string(info.isa), "");
  // A caller that knows of less gets no more.
  chordal_info small;
  std::memset(&small, 0x55, sizeof small);
  small.size = offsetof(chordal_info, architecture);
  ASSERT_EQ(api().get_info(model, &small), CHORDAL_OK);
  EXPECT_STREQ(small.name, info.name);
  EXPECT_EQ(small.vocabulary, 0x55555555u);
}

TEST_P(Interface, tokenizesAsTheDriver) {
  const std::string text = "Once upon a time, \"Żółw\" said</s>";
  for (uint32_t flags = 0; flags < 4; ++flags) {
    std::vector<std::string> arguments{"tokenize", tale, "--text", text};
    if (flags & CHORDAL_ADD_SPECIAL)
      arguments.push_back("--add-special");
    if (flags & CHORDAL_PARSE_SPECIAL)
      arguments.push_back("--parse-special");
    size_t count = 0;
    EXPECT_EQ(
        api().tokenize(model, text.c_str(), CHORDAL_ZERO_TERMINATED, flags, nullptr, 0, &count),
        CHORDAL_ERROR_FULL);
    std::vector<int32_t> ids(count);
    ASSERT_EQ(api().tokenize(model, text.data(), text.size(), flags, ids.data(), count, &count),
              CHORDAL_OK);
    std::string list;
    for (int32_t id : ids)
      list += (list.empty() ? "[" : ",") + std::to_string(id);
    EXPECT_EQ(list + "]\n", chordal(arguments).out);
    // Too little room: nothing is written.
    std::vector<int32_t> few(count, -7);
    EXPECT_EQ(api().tokenize(model, text.data(), text.size(), flags, few.data(), count - 1, &count),
              CHORDAL_ERROR_FULL);
    EXPECT_EQ(few, std::vector<int32_t>(count, -7));
    // And back.
    size_t size = 0;
    uint32_t show = CHORDAL_SHOW_SPECIAL;
    EXPECT_EQ(api().detokenize(model, ids.data(), count, show, nullptr, 0, &size),
              CHORDAL_ERROR_FULL);
    std::string back(size + 1, '#');
    ASSERT_EQ(api().detokenize(model, ids.data(), count, show, back.data(), size + 1, &size),
              CHORDAL_OK);
    EXPECT_EQ(back[size], '\0');
    back.resize(size);
    EXPECT_NE(back.find("Once upon a time, \"Żółw\" said</s>"), std::string::npos) << back;
    EXPECT_EQ(api().detokenize(model, ids.data(), count, show, back.data(), size, &size),
              CHORDAL_ERROR_FULL);
  }
}

TEST_P(Interface, generatesTheTextOfTheDriver) {
  const std::string prompt = "Once upon a time";
  std::vector<int32_t> ids = tokens(prompt);
  Collected greedily;
  chordal_generate_options options = greedy(40);
  chordal_end end = -1;
  ASSERT_EQ(
      api().generate(session, ids.data(), ids.size(), &options, Collected::take, &greedily, &end),
      CHORDAL_OK)
      << api().last_error();
  EXPECT_EQ(end, CHORDAL_END_COUNT);
  EXPECT_EQ(greedily.ids.size(), 40u);
  EXPECT_EQ(api().session_length(session), ids.size() + 39);
  EXPECT_EQ(greedily.text, chordal({"run", tale, "-p", prompt, "-n", "40", "--temp", "0"}).out);

  // Sampled, from a fresh start.
  ASSERT_EQ(api().session_truncate(session, 0), CHORDAL_OK) << api().last_error();
  api().generate_defaults(&options, sizeof options);
  options.max_tokens = 40;
  options.seed = 11;
  options.top_k = 20;
  options.repeat_penalty = 1.2f;
  Collected sampled;
  ASSERT_EQ(
      api().generate(session, ids.data(), ids.size(), &options, Collected::take, &sampled, nullptr),
      CHORDAL_OK)
      << api().last_error();
  EXPECT_EQ(sampled.text, chordal({"run", tale, "-p", prompt, "-n", "40", "--seed", "11", "--top-k",
                                   "20", "--repeat-penalty", "1.2"})
                              .out);

  // Without a prompt: behind BOS alone.
  ASSERT_EQ(api().session_truncate(session, 0), CHORDAL_OK);
  Collected fromNothing;
  options = greedy(8);
  ASSERT_EQ(api().generate(session, &info.bos, 1, &options, Collected::take, &fromNothing, nullptr),
            CHORDAL_OK);
  EXPECT_EQ(fromNothing.text, chordal({"run", tale, "-p", "", "-n", "8", "--temp", "0"}).out);
}

TEST_P(Interface, saysWhyAndWhereATextEnds) {
  std::vector<int32_t> ids = tokens("Once upon a time");
  auto run = [&](const chordal_generate_options& options, Collected& collected) {
    EXPECT_EQ(api().session_truncate(session, 0), CHORDAL_OK);
    chordal_end end = -1;
    EXPECT_EQ(api().generate(session, ids.data(), ids.size(), &options, Collected::take, &collected,
                             &end),
              CHORDAL_OK)
        << api().last_error();
    return end;
  };
  chordal_generate_options options = greedy(120);
  const char* stops[] = {"never", "east in the pal"};
  options.stops = stops;
  options.stop_count = 2;
  Collected stopped;
  EXPECT_EQ(run(options, stopped), CHORDAL_END_STOP);
  EXPECT_EQ(stopped.text.substr(stopped.text.find("there")), "there was a great f");

  // A stop text that begins and is not completed: what was held back comes at the end.
  const char* begun[] = {"great feast in the palace, and so"};
  options.stops = begun;
  options.stop_count = 1;
  options.max_tokens = 8;
  Collected held;
  EXPECT_EQ(run(options, held), CHORDAL_END_COUNT);
  EXPECT_EQ(held.text.substr(held.text.find("there")),
            chordal({"run", tale, "-p", "Once upon a time", "-n", "8", "--temp", "0"})
                .out.substr(held.text.find("there")));

  Collected few;
  few.limit = 3;
  EXPECT_EQ(run(greedy(120), few), CHORDAL_END_CALLBACK);
  EXPECT_EQ(few.ids.size(), 3u);
  Collected none;
  EXPECT_EQ(run(greedy(0), none), CHORDAL_END_COUNT);
  EXPECT_TRUE(none.ids.empty());

  chordal_session_options small{};
  small.size = sizeof small;
  small.context = 16;
  chordal_session* other = nullptr;
  ASSERT_EQ(api().session_open(model, &small, &other), CHORDAL_OK) << api().last_error();
  options = greedy(UINT32_MAX);
  options.ignore_eos = 1;
  chordal_end end = -1;
  EXPECT_EQ(api().generate(other, ids.data(), ids.size(), &options, nullptr, nullptr, &end),
            CHORDAL_OK);
  EXPECT_EQ(end, CHORDAL_END_CONTEXT);
  EXPECT_EQ(api().session_length(other), 16u);
  EXPECT_EQ(api().generate(other, ids.data(), ids.size(), &options, nullptr, nullptr, &end),
            CHORDAL_ERROR_FULL);
  api().session_close(other);
}

TEST_P(Interface, logitsAreThoseOfTheDriverBitForBit) {
  TemporaryFolder folder;
  std::vector<int32_t> ids = tokens("Once upon a time there was");
  std::string list;
  for (int32_t id : ids)
    list += std::to_string(id) + " ";
  for (const char* isa : {"x86-64-v2", "x86-64-v3", "avx512vnni"}) {
    chordal_open_options options{};
    options.size = sizeof options;
    options.isa = isa;
    chordal_model* opened = nullptr;
    chordal_status status = api().open(path(), &options, &opened);
    if (status == CHORDAL_ERROR_UNSUPPORTED &&
        std::strstr(api().last_error(), "this machine has not"))
      continue;
    ASSERT_EQ(status, CHORDAL_OK) << api().last_error();
    chordal_session* evaluating = nullptr;
    ASSERT_EQ(api().session_open(opened, nullptr, &evaluating), CHORDAL_OK);
    std::vector<float> logits(ids.size() * info.vocabulary);
    ASSERT_EQ(api().evaluate(evaluating, ids.data(), ids.size(), ids.size(), logits.data()),
              CHORDAL_OK)
        << api().last_error();
    EXPECT_EQ(api().session_length(evaluating), ids.size());
    Outcome outcome = chordal(
        {"logits", tale, "--tokens", list, "--isa", isa, "-o", folder.file("expected.npy")});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    Matrix expected = readNpy(folder.file("expected.npy"));
    EXPECT_EQ(logits, expected.values) << isa;
    // The last row alone, behind the others.
    ASSERT_EQ(api().session_truncate(evaluating, ids.size() - 1), CHORDAL_OK);
    std::vector<float> last(info.vocabulary);
    ASSERT_EQ(api().evaluate(evaluating, &ids.back(), 1, 1, last.data()), CHORDAL_OK);
    EXPECT_EQ(api().evaluate(evaluating, ids.data(), 2, 0, nullptr), CHORDAL_OK);
    api().session_close(evaluating);
    api().close(opened);
  }
}

TEST_P(Interface, refusesWrongArguments) {
  std::vector<int32_t> ids = tokens("Once");
  auto expectError = [&](chordal_status status, chordal_status expected, const char* part) {
    EXPECT_EQ(status, expected) << part;
    EXPECT_NE(std::string(api().last_error()).find(part), std::string::npos)
        << "'" << api().last_error() << "' lacks '" << part << "'";
  };
  constexpr chordal_status argument = CHORDAL_ERROR_ARGUMENT;
  chordal_model* opened = nullptr;
  chordal_session* other = nullptr;
  size_t size = 0;
  int32_t id = 1;
  float logit = 0;

  expectError(api().open(path(), nullptr, nullptr), argument, "model is null");
  expectError(api().open("", nullptr, &opened), argument, "path");
  expectError(api().open("/nowhere/model.gguf", nullptr, &opened), CHORDAL_ERROR_MISSING,
              "/nowhere/model.gguf");
  chordal_open_options open{};
  expectError(api().open(path(), &open, &opened), argument, "size");
  open.size = sizeof open;
  open.isa = "vax";
  expectError(api().open(path(), &open, &opened), argument, "vax");
  open.isa = nullptr;
  open.kv_type = "q8";
  expectError(api().open(path(), &open, &opened), argument, "q8");
  EXPECT_EQ(opened, nullptr);

  expectError(api().get_info(nullptr, &info), argument, "model is null");
  expectError(api().get_info(model, nullptr), argument, "info is null");
  expectError(api().tokenize(nullptr, "a", 1, 0, &id, 1, &size), argument, "model is null");
  expectError(api().tokenize(model, nullptr, 1, 0, &id, 1, &size), argument, "text is null");
  expectError(api().tokenize(model, "a", 1, 0, nullptr, 1, &size), argument, "tokens is null");
  expectError(api().tokenize(model, "a", 1, 0, &id, 1, nullptr), argument, "count is null");
  expectError(api().tokenize(model, "a", 1, 64, &id, 1, &size), argument, "flags");
  expectError(api().detokenize(model, nullptr, 1, 0, nullptr, 0, &size), argument,
              "tokens is null");
  id = 4096;
  expectError(api().detokenize(model, &id, 1, 0, nullptr, 0, &size), argument, "4096");
  expectError(api().render(model, nullptr, nullptr, 0, &size), argument, "variables is null");
  expectError(api().render(model, "{}", nullptr, 0, &size), CHORDAL_ERROR_MISSING, "template");

  expectError(api().session_open(nullptr, nullptr, &other), argument, "model is null");
  expectError(api().session_open(model, nullptr, nullptr), argument, "session is null");
  chordal_session_options wide{};
  wide.size = sizeof wide;
  wide.context = 1u << 30;
  expectError(api().session_open(model, &wide, &other), argument, "context");
  wide.context = 0;
  wide.threads = 5000;
  expectError(api().session_open(model, &wide, &other), argument, "threads");
  EXPECT_EQ(other, nullptr);
  EXPECT_EQ(api().session_length(nullptr), 0u);
  expectError(api().session_truncate(nullptr, 0), argument, "session is null");
  expectError(api().session_truncate(session, 1), argument, "fewer than 1");

  expectError(api().evaluate(nullptr, &id, 1, 0, nullptr), argument, "session is null");
  expectError(api().evaluate(session, nullptr, 1, 0, nullptr), argument, "tokens is null");
  expectError(api().evaluate(session, &id, 1, 0, nullptr), argument, "token 4096");
  id = -1;
  expectError(api().evaluate(session, &id, 1, 0, nullptr), argument, "token -1");
  id = 1;
  expectError(api().evaluate(session, &id, 1, 2, &logit), argument, "logits of 2");
  expectError(api().evaluate(session, &id, 1, 1, nullptr), argument, "logits is null");
  expectError(api().evaluate(session, std::vector<int32_t>(info.context + 1, 1).data(),
                             info.context + 1, 0, nullptr),
              CHORDAL_ERROR_FULL, "context");

  expectError(api().generate(nullptr, &id, 1, nullptr, nullptr, nullptr, nullptr), argument,
              "session is null");
  expectError(api().generate(session, nullptr, 1, nullptr, nullptr, nullptr, nullptr), argument,
              "tokens is null");
  expectError(api().generate(session, &id, 0, nullptr, nullptr, nullptr, nullptr), argument,
              "no tokens");
  chordal_generate_options options = greedy(1);
  options.temperature = -1;
  expectError(api().generate(session, &id, 1, &options, nullptr, nullptr, nullptr), argument,
              "temperature");
  options = greedy(1);
  options.stop_count = 1;
  expectError(api().generate(session, &id, 1, &options, nullptr, nullptr, nullptr), argument,
              "stop text is null");
  const char* empty = "";
  options.stops = &empty;
  expectError(api().generate(session, &id, 1, &options, nullptr, nullptr, nullptr), argument,
              "empty");
  // None of this has left a trace.
  EXPECT_EQ(api().session_length(session), 0u);
  api().close(nullptr);
  api().session_close(nullptr);
  api().cancel(nullptr);
  api().generate_defaults(nullptr, 8);
}

TEST_P(Interface, optionsMayBeOfAnotherVersion) {
  int32_t id = 1;
  struct {
    chordal_generate_options known;
    uint64_t added = 0;
  } newer;
  api().generate_defaults(&newer.known, sizeof newer);
  EXPECT_EQ(newer.known.size, sizeof newer);
  EXPECT_EQ(newer.known.top_k, 40u);
  newer.known.max_tokens = 2;
  EXPECT_EQ(api().generate(session, &id, 1, &newer.known, nullptr, nullptr, nullptr), CHORDAL_OK)
      << api().last_error();
  newer.added = 1;
  EXPECT_EQ(api().generate(session, &id, 1, &newer.known, nullptr, nullptr, nullptr),
            CHORDAL_ERROR_UNSUPPORTED);
  // An older caller, whose options end before the temperature.
  chordal_generate_options older;
  std::memset(&older, 0x7f, sizeof older);
  older.size = offsetof(chordal_generate_options, temperature);
  older.max_tokens = 2;
  Collected collected;
  EXPECT_EQ(api().generate(session, &id, 1, &older, Collected::take, &collected, nullptr),
            CHORDAL_OK)
      << api().last_error();
  EXPECT_LE(collected.ids.size(), 2u);
}

TEST_P(Interface, rendersTheChatTemplate) {
  TemporaryFolder folder;
  if (GetParam() == Kind::Compiled)
    GTEST_SKIP() << "one library is enough: the code is the same";
  const std::string source = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}"
                             "\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
  std::string speaking = folder.write("speaking.gguf", withTemplate(tale, source));
  chordal_model* opened = nullptr;
  ASSERT_EQ(api().open(speaking.c_str(), nullptr, &opened), CHORDAL_OK) << api().last_error();
  chordal_info said{};
  said.size = sizeof said;
  EXPECT_EQ(api().get_info(opened, &said), CHORDAL_OK);
  EXPECT_EQ(said.has_template, 1);
  EXPECT_EQ(info.has_template, 0);
  const char* json =
      R"({"messages":[{"role":"user","content":"Hi"}],"add_generation_prompt":true})";
  char text[64];
  size_t size = 0;
  EXPECT_EQ(api().render(opened, json, text, sizeof text, &size), CHORDAL_OK) << api().last_error();
  EXPECT_EQ(std::string(text, size), "<s><user>Hi\n<assistant>");
  EXPECT_EQ(std::string(text, size), chordal({"template", speaking, "--context", "-"}, json).out);
  EXPECT_EQ(api().render(opened, "[]", text, sizeof text, &size), CHORDAL_ERROR_MALFORMED);
  EXPECT_EQ(api().render(opened, json, text, 5, &size), CHORDAL_ERROR_FULL);
  api().close(opened);
}

TEST_P(Interface, refusesDamagedFiles) {
  TemporaryFolder folder;
  chordal_model* opened = nullptr;
  if (GetParam() == Kind::WithCompiler) {
    std::string bytes = readAll(tale);
    std::string cut = folder.write("cut.gguf", bytes.substr(0, bytes.size() / 2));
    EXPECT_EQ(api().open(cut.c_str(), nullptr, &opened), CHORDAL_ERROR_MALFORMED);
    std::string garbage = folder.write("garbage", "this is no model at all, whatever it is called");
    EXPECT_EQ(api().open(garbage.c_str(), nullptr, &opened), CHORDAL_ERROR_MALFORMED);
    EXPECT_EQ(api().open(nullptr, nullptr, &opened), CHORDAL_ERROR_ARGUMENT);
    EXPECT_NE(std::string(api().last_error()).find("no program of its own"), std::string::npos);
    return;
  }
  // A library whose vocabulary was changed still loads, but does not open itself.
  std::string bytes = readAll(taleLibrary());
  size_t place = bytes.rfind("general.architecture");
  ASSERT_NE(place, std::string::npos);
  bytes[place] ^= 1;
  Api damaged(folder.write("libdamaged.so", bytes));
  ASSERT_NE(damaged.library, nullptr) << ::dlerror();
  EXPECT_EQ(damaged.open(nullptr, nullptr, &opened), CHORDAL_ERROR_MALFORMED);
  EXPECT_NE(std::string(damaged.last_error()).find("libdamaged.so"), std::string::npos)
      << damaged.last_error();
  Api stripped(folder.write("libstripped.so", bytes.substr(0, bytes.size() - 64)));
  ASSERT_NE(stripped.library, nullptr) << ::dlerror();
  EXPECT_EQ(stripped.open(nullptr, nullptr, &opened), CHORDAL_ERROR_MALFORMED);
  // Models that need a compiler, programs of others.
  EXPECT_EQ(api().open(tale.c_str(), nullptr, &opened), CHORDAL_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(api().last_error()).find("no compiler"), std::string::npos);
  std::string other = folder.file("other");
  Outcome compiled = chordal(
      {"compile", data("models/llama-q4_k_m/model.gguf"), "-o", other, "--target", "x86-64-v2"});
  ASSERT_EQ(compiled.code, 0) << compiled.err;
  EXPECT_EQ(api().open(other.c_str(), nullptr, &opened), CHORDAL_ERROR_UNSUPPORTED);
  EXPECT_NE(std::string(api().last_error()).find("only for its own"), std::string::npos);
  EXPECT_EQ(opened, nullptr);
}

} // namespace chordal::test
