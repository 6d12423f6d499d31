//===- TemplateSeeds.cpp - first inputs of the fuzzer of chat templates -----------------------===//
//
// Writes each template of the tests' own cases into the folder that is given.
//
//===------------------------------------------------------------------------------------------===//
#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>

int main(int argc, char** argv) {
  std::ifstream file(CHORDAL_TEST_DATA "/templates/cases.json");
  auto cases = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (argc != 2 || !cases.is_object()) {
    std::fprintf(stderr, "usage: %s FOLDER (or templates/cases.json cannot be read)\n", argv[0]);
    return 1;
  }
  int number = 0;
  for (const auto& test : cases["cases"]) {
    std::ofstream seed(std::string(argv[1]) + "/case" + std::to_string(number++), std::ios::binary);
    // With its last byte odd, an input is a template as it stands.
    seed << test["template"].get<std::string>() << '\x01';
  }
  return 0;
}
