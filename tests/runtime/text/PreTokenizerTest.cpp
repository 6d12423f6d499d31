//===- PreTokenizerTest.cpp - pre-tokenizers against PCRE2 ------------------------------------===//
//
// Tests that each pre-tokenizer cuts random text exactly where its published regular expressions
// do, as PCRE2 understands them, and that cutting takes linear time.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/PreTokenizer.h"

#include <gtest/gtest.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>

using namespace chordal::text;

namespace {

const char* const gpt2 =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const char* const llama3 = R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]))"
                           R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
                           R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const qwen2 = R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]))"
                          R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
                          R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const tekken = R"([^\r\n\p{L}\p{N}]?(?:(?=\p{L})[^a-z])*(?:(?=\p{L})[^A-Z])+)"
                           R"(|[^\r\n\p{L}\p{N}]?(?:(?=\p{L})[^a-z])+(?:(?=\p{L})[^A-Z])*)"
                           R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const gpt4o = R"([^\r\n\p{L}\p{N}]?(?:(?=\p{L})[^a-z])*(?:(?=\p{L})[^A-Z])+)"
                          R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?)"
                          R"(|[^\r\n\p{L}\p{N}]?(?:(?=\p{L})[^a-z])+(?:(?=\p{L})[^A-Z])*)"
                          R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?)"
                          R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const deepseek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)"
    R"(|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* const deepseekAsian = R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)";
const char* const deepseekLetters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A})"
    R"(\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556})"
    R"(\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF})"
    R"(\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D})"
    R"(\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D}\x{1F5F}-\x{1F7D})"
    R"(\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3})"
    R"(\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
    R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D})"
    R"(\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184})"
    R"(\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D})"
    R"(\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF})"
    R"(\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F})"
    R"(\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
    R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
const char* const sentenceMarks =
    R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)";

using Expressions = std::vector<const char*>;

/// The published expressions of every known pre-tokenizer; each cuts what the one before it left.
const std::map<std::string, Expressions> published = [] {
  std::map<std::string, Expressions> all;
  auto add = [&](std::initializer_list<const char*> names, Expressions expressions) {
    for (const char* name : names)
      all[name] = expressions;
  };
  add({"gpt-2", "phi-2", "mpt", "olmo", "jais"}, {gpt2});
  add({"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "dbrx", "smaug-bpe", "glm4",
       "chatglm-bpe"},
      {llama3});
  add({"qwen2", "deepseek-r1-qwen", "stablelm2"}, {qwen2});
  add({"starcoder", "refact", "smollm", "command-r", "codeshell", "exaone", "minerva-7b"},
      {R"(\p{N})", gpt2});
  add({"tekken"}, {tekken});
  add({"gpt-4o", "llama4"}, {gpt4o});
  add({"falcon"}, {R"([\p{P}\$\+<=>\^~\|`]+)", gpt2, "[0-9][0-9][0-9]"});
  add({"default"}, {R"([\p{P}\$\+<=>\^~\|]+)", gpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"});
  add({"deepseek-llm"},
      {R"([\r\n])", deepseekLetters,
       R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)",
       R"(\s+$)", deepseekAsian, R"(\p{N}+)"});
  add({"deepseek-coder"}, {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", deepseekAsian, R"(\p{N})"});
  add({"deepseek-v3"},
      {R"(\p{N}{1,3})", R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)", deepseek3});
  add({"poro-chat", "bloom", "gpt3-finnish"}, {sentenceMarks});
  add({"viking"}, {sentenceMarks, R"(\p{N})"});
  return all;
}();

/// A compiled expression. `\s` means the property White_Space, which is what vocabularies mean by
/// it.
class Pattern {
public:
  explicit Pattern(std::string expression) {
    auto replaceAll = [&](std::string_view from, std::string_view to) {
      for (size_t at = 0; (at = expression.find(from, at)) != expression.npos; at += to.size())
        expression.replace(at, from.size(), to);
    };
    replaceAll(R"(\s)", R"(\p{White_Space})");
    replaceAll(R"(\S)", R"(\P{White_Space})");
    int error = 0;
    PCRE2_SIZE offset = 0;
    code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                             PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &error, &offset, nullptr));
    EXPECT_TRUE(code) << expression << ": error " << error << " at " << offset;
    match.reset(pcre2_match_data_create(1, nullptr));
  }

  bool matches(std::string_view text) const {
    return pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                       match.get(), nullptr) > 0;
  }

  /// Cuts `piece`: matches and what lies between them.
  void split(std::string_view piece, std::vector<std::string_view>& pieces) const {
    size_t gap = 0;
    auto subject = reinterpret_cast<PCRE2_SPTR>(piece.data());
    while (gap < piece.size() && pcre2_match(code.get(), subject, piece.size(), gap, PCRE2_NOTEMPTY,
                                             match.get(), nullptr) > 0) {
      PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
      if (ends[0] > gap)
        pieces.push_back(piece.substr(gap, ends[0] - gap));
      pieces.push_back(piece.substr(ends[0], ends[1] - ends[0]));
      gap = ends[1];
    }
    if (gap < piece.size())
      pieces.push_back(piece.substr(gap));
  }

private:
  struct Free {
    void operator()(pcre2_code* each) const { pcre2_code_free(each); }
    void operator()(pcre2_match_data* each) const { pcre2_match_data_free(each); }
  };
  std::unique_ptr<pcre2_code, Free> code;
  std::unique_ptr<pcre2_match_data, Free> match;
};

std::vector<std::string> splitByRegex(const std::vector<Pattern>& patterns, std::string_view text) {
  std::vector<std::string_view> pieces;
  if (!text.empty())
    pieces.push_back(text);
  for (const Pattern& pattern : patterns) {
    std::vector<std::string_view> cut;
    for (std::string_view piece : pieces)
      pattern.split(piece, cut);
    pieces.swap(cut);
  }
  return {pieces.begin(), pieces.end()};
}

std::vector<std::string> splitByTable(const PreTokenizer& preTokenizer, std::string_view text) {
  std::vector<uint32_t> ends;
  splitWords(preTokenizer, text, ends);
  std::vector<std::string> words;
  uint32_t begin = 0;
  for (uint32_t end : ends) {
    words.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  EXPECT_EQ(begin, text.size());
  return words;
}

void appendUtf8(char32_t code, std::string& text) {
  if (code < 0x80) {
    text.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    text.push_back(static_cast<char>(0xC0 | code >> 6));
    text.push_back(static_cast<char>(0x80 | (code & 63)));
  } else if (code < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | code >> 12));
    text.push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
    text.push_back(static_cast<char>(0x80 | (code & 63)));
  } else {
    text.push_back(static_cast<char>(0xF0 | code >> 18));
    text.push_back(static_cast<char>(0x80 | (code >> 12 & 63)));
    text.push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
    text.push_back(static_cast<char>(0x80 | (code & 63)));
  }
}

/// Whether PCRE2's Unicode tables, which may be of another version, know of this code point what
/// ours do.
bool sameVersion(char32_t code) {
  static const Pattern unassigned(R"(\p{Cn})");
  std::string text;
  appendUtf8(code, text);
  return unassigned.matches(text) == (classOf(code) == CharClass::Cn);
}

/// Text of the kinds of characters that the expressions tell apart, and some of any kind.
std::string randomText(std::mt19937_64& random) {
  static const std::u32string_view pools[] = {
      U" ",
      U"\n\r\t\v\f\u0085\u00A0\u2003\u2028\u3000\u180E",
      U"abcxyz",
      U"ABCXYZ",
      U"stmdrevl'STMDREVL",
      U"0123456789",
      U"\u0664\u00B2\u2167\u4E00\u3007",
      U"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
      U"\u00E9\u00C9\u00DF\u01C5\u02B0\u03A9\u0434\u0531\u0561",
      U"\u0301\u0903\u20DD\u200D",
      U"\u4E2D\u6587\u3042\u30AB\uAC00\u0E01\u0915\u9FA6",
      U"\u2026\u201C\u2019\u3002\uFF0C\uFF5E\u060C\u0964",
      U"\U0001F600\u20AC\u00A9\u2260",
      U"\u0001\u001F\u007F"};
  std::string text;
  size_t length = random() % 24;
  for (size_t i = 0; i != length; ++i) {
    size_t choice = random() % (std::size(pools) + 1);
    size_t run = random() % 4 == 0 ? 1 + random() % 5 : 1;
    for (size_t j = 0; j != run; ++j) {
      char32_t code = 0;
      if (choice < std::size(pools))
        code = pools[choice][random() % pools[choice].size()];
      else
        do
          code = static_cast<char32_t>(random() % (random() % 2 ? 0x3000 : 0x110000));
        while ((code >= 0xD800 && code < 0xE000) || !sameVersion(code));
      appendUtf8(code, text);
    }
  }
  return text;
}

std::string show(const std::vector<std::string>& words) {
  std::ostringstream out;
  for (const std::string& word : words)
    out << '[' << ::testing::PrintToString(word) << ']';
  return out.str();
}

std::vector<std::string> knownNames() {
  std::vector<std::string> names;
  std::istringstream list(preTokenizerNames());
  for (std::string name; list >> name;)
    names.push_back(name.ends_with(',') ? name.substr(0, name.size() - 1) : name);
  return names;
}

std::map<Expressions, std::string> oneNameOfEach() {
  std::map<Expressions, std::string> names;
  for (const auto& [name, expressions] : published)
    names[expressions] = name;
  return names;
}

} // namespace

TEST(PreTokenizer, EveryKnownNameHasItsExpressions) {
  std::set<std::string> tested;
  for (const auto& [name, expressions] : published)
    tested.insert(name);
  auto names = knownNames();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), tested);
  EXPECT_EQ(findPreTokenizer(""), findPreTokenizer("default"));
  EXPECT_EQ(findPreTokenizer("llama"), nullptr);
}

TEST(PreTokenizer, CutsWhereTheExpressionsCut) {
  uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (const auto& [expressions, name] : oneNameOfEach()) {
    const PreTokenizer* preTokenizer = findPreTokenizer(name);
    ASSERT_TRUE(preTokenizer) << name;
    std::vector<Pattern> patterns(expressions.begin(), expressions.end());
    for (int i = 0; i != 3000; ++i) {
      std::string text = randomText(random);
      ASSERT_EQ(show(splitByTable(*preTokenizer, text)), show(splitByRegex(patterns, text)))
          << name << " cuts " << ::testing::PrintToString(text);
    }
  }
}

TEST(PreTokenizer, KeepsBytesThatAreNoUtf8) {
  std::mt19937_64 random(1);
  for (const std::string& name : knownNames())
    for (int i = 0; i != 200; ++i) {
      std::string bytes(random() % 32, '\0');
      for (char& byte : bytes)
        byte = static_cast<char>(random());
      splitByTable(*findPreTokenizer(name), bytes); // checks that the words cover the text
    }
}

TEST(PreTokenizer, TakesLinearTime) {
  // Texts that make a careless matcher quadratic: long runs that an alternative begins to match and
  // then fails on. A quadratic one needs minutes.
  const std::string units[] = {" ", "\n ", " x", "A",      "\u00C9", "\u00C9A", "a",    "'",
                               "1", "\t",  ".",  "\u4E2D", "(",      "\r\n",    "\xFF", "\u0301"};
  for (const auto& [expressions, name] : oneNameOfEach())
    for (const std::string& unit : units) {
      std::string text;
      while (text.size() < 300000)
        text += unit;
      text += "x";
      auto start = std::chrono::steady_clock::now();
      splitByTable(*findPreTokenizer(name), text);
      std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      ASSERT_LT(taken.count(), 5.0) << name << " on a run of " << ::testing::PrintToString(unit);
    }
}
