//===- ReadmeTest.cpp - the README lists what runs --------------------------------------------===//
//
// The README's lists of architectures and formats stand between comments that name them; what
// stands there has to be what the registry and the kernel catalogue know. A failure prints the list
// to paste.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/import/Registry.h"
#include "kernels/catalogue/Catalogue.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace chordal {
namespace {

/// The words in backquotes between <!-- NAME --> and <!-- end -->.
std::set<std::string> listed(const std::string& name) {
  std::ifstream file(CHORDAL_TEST_DATA "/../../README.md");
  std::string text(std::istreambuf_iterator<char>(file), {});
  std::set<std::string> words;
  size_t at = text.find("<!-- " + name + " -->");
  size_t end = text.find("<!-- end -->", at);
  if (at == std::string::npos || end == std::string::npos)
    return words;
  for (size_t open = text.find('`', at); open < end; open = text.find('`', open)) {
    size_t close = text.find('`', open + 1);
    words.insert(text.substr(open + 1, close - open - 1));
    open = close + 1;
  }
  return words;
}

std::string pasted(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "`" : ", `") + word + "`";
  return text;
}

TEST(Readme, ListsTheArchitecturesOfTheRegistry) {
  std::set<std::string> known;
  for (const ir::Architecture& architecture : ir::architectures())
    known.insert(std::string(architecture.name));
  EXPECT_EQ(listed("architectures"), known) << "should be: " << pasted(known);
}

TEST(Readme, ListsTheFormatsThatAreMultipliedWith) {
  std::set<std::string> known;
  for (const kernels::KernelInfo& kernel : kernels::catalogue())
    if (kernel.family == kernels::Family::Matmul)
      known.insert(std::string(formatInfo(kernel.format).name));
  EXPECT_EQ(listed("formats"), known) << "should be: " << pasted(known);
}

} // namespace
} // namespace chordal
