//===- StopFilterTest.cpp - stop texts in a stream --------------------------------------------===//
#include "runtime/core/generate/StopFilter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace chordal::generate {
namespace {

/// Pushes the pieces until one ends the stream; at the end without a stop text, flushes.
std::string filtered(std::vector<std::string> stops, const std::vector<std::string>& pieces,
                     bool& stopped) {
  StopFilter filter(std::move(stops));
  std::string out;
  stopped = false;
  for (const std::string& piece : pieces)
    if ((stopped = filter.push(piece, out)))
      return out;
  filter.flush(out);
  return out;
}

TEST(StopFilter, passesEverythingWithoutStopTexts) {
  StopFilter filter({});
  std::string out;
  EXPECT_FALSE(filter.push("any", out));
  EXPECT_EQ(out, "any");
}

TEST(StopFilter, stopsWithinOnePiece) {
  bool stopped;
  EXPECT_EQ(filtered({"END"}, {"the END of it"}, stopped), "the ");
  EXPECT_TRUE(stopped);
}

TEST(StopFilter, stopsAcrossPieces) {
  bool stopped;
  EXPECT_EQ(filtered({"END"}, {"the E", "N", "D of it"}, stopped), "the ");
  EXPECT_TRUE(stopped);
}

TEST(StopFilter, holdsBackOnlyWhatMayBeginAStopText) {
  StopFilter filter({"END", "\n\n"});
  std::string out;
  EXPECT_FALSE(filter.push("the E", out));
  EXPECT_EQ(out, "the ");
  EXPECT_FALSE(filter.push("NT", out));
  EXPECT_EQ(out, "the ENT");
  EXPECT_FALSE(filter.push("\n", out));
  EXPECT_EQ(out, "the ENT");
  filter.flush(out);
  EXPECT_EQ(out, "the ENT\n");
}

TEST(StopFilter, restartsInsideAFalseBeginning) {
  bool stopped;
  EXPECT_EQ(filtered({"aab"}, {"a", "a", "a", "b", "c"}, stopped), "a");
  EXPECT_TRUE(stopped);
}

TEST(StopFilter, theFirstOfSeveralStopTextsCounts) {
  bool stopped;
  EXPECT_EQ(filtered({"two", "one"}, {"a one, a two"}, stopped), "a ");
  EXPECT_TRUE(stopped);
}

TEST(StopFilter, agreesWithSearchingTheWholeText) {
  unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 20000; ++round) {
    // One stop text: with several, which of two that overlap is complete first depends on the
    // pieces.
    auto word = [&](size_t length) {
      std::string text;
      for (size_t i = 0; i < length; ++i)
        text += char('a' + random() % 2);
      return text;
    };
    std::string stop = word(1 + random() % 5), text;
    std::vector<std::string> pieces;
    for (size_t i = random() % 12; i > 0; --i)
      text += pieces.emplace_back(word(random() % 4));
    bool stopped;
    std::string out = filtered({stop}, pieces, stopped);
    size_t found = text.find(stop);
    ASSERT_EQ(stopped, found != std::string::npos) << "'" << stop << "' in " << text;
    ASSERT_EQ(out, text.substr(0, found)) << "'" << stop << "' in " << text;
  }
}

} // namespace
} // namespace chordal::generate
