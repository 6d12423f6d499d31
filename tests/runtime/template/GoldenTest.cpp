//===- GoldenTest.cpp - templates against what Jinja made of them -----------------------------===//
//
// Two sets of cases, rendered once with Jinja as the transformers library sets it up: our own small
// templates, and the templates of real models, which are not part of the repository.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/template/Template.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace chordal;
using namespace chordal::jinja;
using Json = nlohmann::ordered_json;

namespace {

std::string readAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Renders with the variables of a JSON object.
Result<std::string> render(const std::string& source, const Json& variables,
                           const std::string& time = "2025-07-04T12:30:45") {
  Result<Template> made = Template::parse(source);
  if (!made)
    return made.error();
  Context context;
  if (Result<void> added = context.addJson(variables.dump()); !added)
    return added.error();
  return made->render(context, Time::parse(time));
}

std::vector<std::filesystem::path> filesIn(const std::filesystem::path& folder,
                                           const std::string& end) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().string().ends_with(end))
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(TemplateGolden, models) {
  std::filesystem::path folder = std::filesystem::path(CHORDAL_SHARED_DATA) / "golden/templates";
  if (*CHORDAL_SHARED_DATA == 0 || !std::filesystem::exists(folder))
    GTEST_SKIP() << "no reference templates (CHORDAL_SHARED_DATA)";
  size_t cases = 0;
  for (const auto& path : filesIn(folder, ".golden.json")) {
    Json golden = Json::parse(readAll(path));
    std::string name = path.filename().string();
    std::string source = readAll(
        folder / (name.substr(0, name.size() - std::string(".golden.json").size()) + ".jinja"));
    for (const Json& test : golden["cases"]) {
      SCOPED_TRACE(name + ", " + test["name"].dump() +
                   ", generation prompt: " + test["add_generation_prompt"].dump());
      Json variables = golden["context"];
      variables["tools"] = nullptr;
      for (const char* key : {"messages", "tools", "add_generation_prompt"})
        if (test.contains(key))
          variables[key] = test[key];
      if (test.value("tools_and_documents_undefined", false)) {
        variables.erase("tools");
        variables.erase("documents");
      }
      Result<std::string> text = render(source, variables, golden["strftime_now"]);
      ++cases;
      if (test.contains("expected")) {
        ASSERT_TRUE(text.ok()) << text.error().message;
        EXPECT_EQ(*text, test["expected"].get<std::string>());
      } else if (std::string error = test["error"]; error.starts_with("TemplateError")) {
        ASSERT_FALSE(text.ok()) << *text;
        EXPECT_EQ(text.error().message.substr(0, error.size()), error);
        EXPECT_EQ(text.error().code, ErrorCode::Failed);
      } else if (!text.ok()) {
        EXPECT_TRUE(text.error().message.starts_with("template:")) << text.error().message;
      }
    }
  }
  EXPECT_GE(cases, 100u);
}

/// All other templates there are parse, and a simple conversation renders, or ends in an error that
/// says where.
TEST(TemplateGolden, othersParse) {
  std::filesystem::path folder =
      std::filesystem::path(CHORDAL_SHARED_DATA) / "golden/templates/extra";
  if (*CHORDAL_SHARED_DATA == 0 || !std::filesystem::exists(folder))
    GTEST_SKIP() << "no reference templates (CHORDAL_SHARED_DATA)";
  Json variables = {{"messages",
                     {{{"role", "user"}, {"content", "Hello"}},
                      {{"role", "assistant"}, {"content", "Hi!"}},
                      {{"role", "user"}, {"content", "How are you?"}}}},
                    {"bos_token", "<s>"},
                    {"eos_token", "</s>"},
                    {"tools", nullptr},
                    {"add_generation_prompt", true}};
  size_t rendered = 0;
  auto paths = filesIn(folder, ".jinja");
  for (const auto& path : paths) {
    SCOPED_TRACE(path.filename().string());
    std::string source = readAll(path);
    Result<Template> made = Template::parse(source);
    EXPECT_TRUE(made.ok()) << made.error().message;
    Result<std::string> text = render(source, variables);
    if (text.ok()) {
      ++rendered;
      EXPECT_NE(text->find("How are you?"), std::string::npos);
    } else {
      EXPECT_TRUE(text.error().message.find("template:") != std::string::npos)
          << text.error().message;
      std::cout << path.filename().string() << ": " << text.error().message << "\n";
    }
  }
  EXPECT_GE(rendered * 10, paths.size() * 8);
}

TEST(TemplateGolden, own) {
  Json golden =
      Json::parse(readAll(std::filesystem::path(CHORDAL_TEST_DATA) / "templates/cases.json"));
  ASSERT_GT(golden["cases"].size(), 100u);
  for (const Json& test : golden["cases"]) {
    SCOPED_TRACE(test["template"].get<std::string>());
    Result<std::string> text = render(test["template"], golden["context"]);
    if (test.contains("expected")) {
      ASSERT_TRUE(text.ok()) << text.error().message;
      EXPECT_EQ(*text, test["expected"].get<std::string>());
    } else {
      EXPECT_FALSE(text.ok()) << "rendered as " << *text << ", but Jinja says " << test["error"];
    }
  }
}

} // namespace
