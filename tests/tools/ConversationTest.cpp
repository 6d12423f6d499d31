//===- ConversationTest.cpp - conversations on a terminal -------------------------------------===//
//
// `chordal run` and compiled programs on a pseudo-terminal, as someone who types sees them.
//
//===------------------------------------------------------------------------------------------===//
#include "tests/tools/Command.h"
#include "tests/tools/Terminal.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <sstream>

namespace chordal::test {
namespace {

const std::string silent = data("fairytale-q4_k_m.gguf"); // has no template

constexpr const char* ctrlC = "\x03";
constexpr const char* ctrlD = "\x04";

enum class Kind { Driver, Program };

class Conversation : public ::testing::TestWithParam<Kind> {
protected:
  void SetUp() override {
    if (GetParam() == Kind::Program &&
        !std::filesystem::exists(std::string(CHORDAL_BUNDLE) + "/chordal.map"))
      GTEST_SKIP() << "this build has no bundle to link executables from (no static oneTBB)";
  }

  /// What a command line begins with to run this model.
  std::vector<std::string> commandFor(const std::string& model) {
    if (GetParam() == Kind::Driver)
      return {CHORDAL_DRIVER, "run", model};
    std::string program = folder.file("program");
    Outcome compiled = chordal({"compile", model, "-o", program});
    EXPECT_EQ(compiled.code, 0) << compiled.err;
    return {program};
  }

  static Terminal start(std::vector<std::string> command, std::vector<std::string> more) {
    std::vector<std::string> arguments(command.begin() + 1, command.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Terminal(command.front(), arguments);
  }

  /// What the model says after the text that a template gives for these messages.
  std::string answerTo(const std::string& chatTemplate, const nlohmann::json& messages,
                       const std::string& count) {
    nlohmann::json variables = {{"messages", messages}, {"add_generation_prompt", true},
                                {"tools", nullptr},     {"documents", nullptr},
                                {"bos_token", "<s>"},   {"eos_token", "</s>"}};
    Outcome rendered = chordal({"template", chatTemplate, "--context", "-"}, variables.dump());
    EXPECT_EQ(rendered.code, 0) << rendered.err;
    std::string text = rendered.out;
    if (text.starts_with("<s>"))
      text.erase(0, 3); // which 'run' adds by itself
    return chordal({"run", silent, "-p", text, "-n", count, "--temp", "0"}).out;
  }

  TemporaryFolder folder;
};

INSTANTIATE_TEST_SUITE_P(Commands, Conversation, ::testing::Values(Kind::Driver, Kind::Program),
                         [](const auto& kind) {
                           return kind.param == Kind::Driver ? "Driver" : "Program";
                         });

constexpr const char* simple =
    "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}";

TEST_P(Conversation, withoutAPromptTheTemplateOfTheModelLeads) {
  std::string file = folder.write("template.jinja", simple);
  Terminal terminal = start(commandFor(folder.write("speaking.gguf", withTemplate(silent, simple))),
                            {"--temp", "0", "-n", "30"});
  terminal.waitFor("> ");
  terminal.send("Tell me a tale.\n");
  terminal.waitFor("Tell me a tale.\n"); // the echo
  nlohmann::json messages = {{{"role", "user"}, {"content", "Tell me a tale."}}};
  std::string first = terminal.waitFor("\n> ");
  EXPECT_EQ(first, answerTo(file, messages, "30"));
  EXPECT_FALSE(first.empty());
  // The second turn has the first in it. An empty line is no turn.
  terminal.send("\n");
  terminal.waitFor("> ");
  terminal.send("And then?\n");
  terminal.waitFor("And then?\n");
  messages.push_back({{"role", "assistant"}, {"content", first}});
  messages.push_back({{"role", "user"}, {"content", "And then?"}});
  EXPECT_EQ(terminal.waitFor("\n> "), answerTo(file, messages, "30"));
  terminal.send(ctrlD);
  EXPECT_EQ(terminal.finish(), 0) << terminal.shown();
  EXPECT_NE(terminal.shown().find("decode:"), std::string::npos) << terminal.shown();
}

TEST_P(Conversation, aGivenTemplateReachesTheModel) {
  std::string file = folder.write("template.jinja", simple);
  const std::string shared = CHORDAL_SHARED_DATA;
  if (!shared.empty())
    file = shared + "/golden/templates/Qwen-Qwen2.5-7B-Instruct.jinja";
  Terminal terminal = start(commandFor(silent), {"--chat", "--template", file, "--system",
                                                 "Be brief.", "--temp", "0", "-n", "12"});
  terminal.waitFor("> ");
  terminal.send("Who are you?\n");
  terminal.waitFor("Who are you?\n");
  EXPECT_EQ(terminal.waitFor("\n> "), answerTo(file,
                                               {{{"role", "system"}, {"content", "Be brief."}},
                                                {{"role", "user"}, {"content", "Who are you?"}}},
                                               "12"));
  terminal.send(ctrlD);
  EXPECT_EQ(terminal.finish(), 0) << terminal.shown();
}

TEST_P(Conversation, ctrlCEndsTheAnswerAndNotTheConversation) {
  // The slowest level: its answer takes long enough to be interrupted.
  Terminal terminal = start(commandFor(folder.write("speaking.gguf", withTemplate(silent, simple))),
                            {"--temp", "0", "--isa", "x86-64-v2", "-t", "1"});
  terminal.waitFor("> ");
  terminal.send("Tell me a long tale.\n");
  terminal.waitFor("Tell me a long tale.\n");
  terminal.waitFor(" "); // it has begun
  terminal.send(ctrlC);
  terminal.waitFor("interrupted\n");
  terminal.waitFor("> ");
  terminal.send("Another one.\n");
  terminal.waitFor("Another one.\n");
  terminal.waitFor(" ");
  terminal.send(ctrlC);
  terminal.waitFor("interrupted\n");
  terminal.waitFor("> ");
  terminal.send(ctrlD);
  EXPECT_EQ(terminal.finish(), 0) << terminal.shown();
}

TEST_P(Conversation, atThePromptCtrlCEndsTheProgram) {
  Terminal terminal = start(commandFor(silent), {});
  terminal.waitFor("> ");
  terminal.send(ctrlC);
  EXPECT_EQ(terminal.finish(), 128 + 2) << terminal.shown();
}

TEST_P(Conversation, withoutATemplateItContinuesEachLine) {
  Terminal terminal = start(commandFor(silent), {"--temp", "0", "-n", "20"});
  for (std::string text : {"Once upon a time", "The king said"}) {
    terminal.waitFor("> ");
    terminal.send(text + "\n");
    terminal.waitFor(text + "\n");
    std::string expected = chordal({"run", silent, "-p", text, "-n", "20", "--temp", "0"}).out;
    EXPECT_EQ(terminal.waitFor("\n> ").substr(0, expected.size()), expected);
    terminal.send("\n"); // nothing to continue: asks again
  }
  terminal.waitFor("> ");
  terminal.send(ctrlD);
  EXPECT_EQ(terminal.finish(), 0) << terminal.shown();
}

TEST_P(Conversation, turnsMayComeFromAPipe) {
  std::string file = folder.write("template.jinja", simple);
  std::vector<std::string> command = commandFor(silent);
  std::vector<std::string> arguments(command.begin() + 1, command.end());
  arguments.insert(arguments.end(),
                   {"--chat", "--template", file, "--temp", "0", "-n", "10", "-p", "Hello"});
  Outcome outcome = runProgram(command.front(), arguments, "Who is there?\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  nlohmann::json messages = {{{"role", "user"}, {"content", "Hello"}}};
  std::string first = answerTo(file, messages, "10");
  messages.push_back({{"role", "assistant"}, {"content", first}});
  messages.push_back({{"role", "user"}, {"content", "Who is there?"}});
  EXPECT_EQ(outcome.out, first + "\n" + answerTo(file, messages, "10") + "\n");
  // There must be a template, and what does not go together is refused.
  arguments.assign(command.begin() + 1, command.end());
  arguments.insert(arguments.end(), {"--chat"});
  outcome = runProgram(command.front(), arguments, "Hello\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("--template"), std::string::npos) << outcome.err;
  for (std::vector<std::string> misuse : {std::vector<std::string>{"--chat", "--logprobs"},
                                          {"--chat", "--file", "x"},
                                          {"--chat", "--ignore-eos"},
                                          {"--system", "x"},
                                          {"--template", "x"},
                                          {"--stop", ""},
                                          {"--file", "x", "-p", "y"},
                                          {"--kv-type", "q8"}}) {
    arguments.assign(command.begin() + 1, command.end());
    arguments.insert(arguments.end(), misuse.begin(), misuse.end());
    outcome = runProgram(command.front(), arguments, "Hello\n");
    EXPECT_EQ(outcome.code, 2) << misuse.front() << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_P(Conversation, printsLogprobsAsTheOther) {
  std::vector<std::string> command = commandFor(silent);
  std::vector<std::string> arguments(command.begin() + 1, command.end());
  arguments.insert(arguments.end(), {"-p", "Once", "-n", "5", "--temp", "0", "--logprobs"});
  Outcome outcome = runProgram(command.front(), arguments);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            chordal({"run", silent, "-p", "Once", "-n", "5", "--temp", "0", "--logprobs"}).out);
  std::istringstream lines(outcome.out);
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_EQ(nlohmann::json::parse(line).at("top").size(), 5u);
  EXPECT_EQ(count, 5u);
}

/// The long options that a help text lists.
std::set<std::string> optionsOf(const std::string& help) {
  std::set<std::string> found;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    size_t at = line.find("--");
    // Those that begin a line, not those that an explanation names.
    if (at == line.npos || line.find_first_not_of(" ") != (line[at - 1] == ',' ? at - 3 : at))
      continue;
    found.insert(line.substr(at, line.find_first_of(" ,=", at) - at));
  }
  return found;
}

TEST_P(Conversation, programsHaveTheOptionsOfRun) {
  if (GetParam() == Kind::Driver)
    GTEST_SKIP() << "is what programs are compared with";
  Outcome own = runProgram(commandFor(silent).front(), {"--help"});
  std::set<std::string> of = optionsOf(own.out);
  std::set<std::string> wanted = optionsOf(chordal({"run", "--help"}).out);
  EXPECT_GT(wanted.size(), 20u);
  // A tool for those who have the driver, which runs programs, too.
  wanted.erase("--trace");
  for (const std::string& option : wanted)
    EXPECT_TRUE(of.contains(option)) << option << " is not in\n" << own.out;
}

} // namespace
} // namespace chordal::test
