//===- PreTokenizerTable.cpp - the pre-tokenizers that are known ------------------------------===//
//
// Above each stage stands the regular expression it was written from, as its vocabulary's makers
// published it. To add a pre-tokenizer, write its stages, its row in the table, and its expressions
// in the test, which compares the two.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/PreTokenizer.h"

#include <algorithm>

namespace chordal::text {

namespace {

//===--- sets ---------------------------------------------------------------------------------===//

constexpr ClassSet everything =
    (ClassSet(1) << (static_cast<unsigned>(CharClass::ControlSpace) + 1)) - 1;

constexpr CharRange spaceRange[] = {{' ', ' '}};
constexpr CharRange newlineRanges[] = {{'\n', '\n'}, {'\r', '\r'}};
constexpr CharRange newlineSlashRanges[] = {{'\n', '\n'}, {'\r', '\r'}, {'/', '/'}};
constexpr CharRange digitRange[] = {{'0', '9'}};
constexpr CharRange asciiLetterRanges[] = {{'A', 'Z'}, {'a', 'z'}};
constexpr CharRange upperRange[] = {{'A', 'Z'}};
constexpr CharRange lowerRange[] = {{'a', 'z'}};
constexpr CharRange asciiPunctuationRanges[] = {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}};
constexpr CharRange falconSymbolRanges[] = {{'$', '$'}, {'+', '+'}, {'<', '>'}, {'^', '^'},
                                            {'`', '`'}, {'|', '|'}, {'~', '~'}};
constexpr CharRange defaultSymbolRanges[] = {{'$', '$'}, {'+', '+'}, {'<', '>'},
                                             {'^', '^'}, {'|', '|'}, {'~', '~'}};
constexpr CharRange sentenceMarkRanges[] = {
    {'(', '('},       {'|', '|'},       {'.', '.'},       {',', ','},       {'!', '!'},
    {'?', '?'},       {0x2026, 0x2026}, {0x3002, 0x3002}, {0xFF0C, 0xFF0C}, {0x3001, 0x3001},
    {0x0964, 0x0964}, {0x06D4, 0x06D4}, {0x060C, 0x060C}, {')', ')'}};

constexpr CharSet space{.with = spaceRange};
constexpr CharSet newline{.with = newlineRanges};
constexpr CharSet newlineOrSlash{.with = newlineSlashRanges};
constexpr CharSet anySpace{.classes = whiteSpace};
constexpr CharSet letter{.classes = letters};
constexpr CharSet letterOrMark{.classes = letters | marks};
constexpr CharSet number{.classes = numbers};
constexpr CharSet digit{.with = digitRange};
constexpr CharSet asciiLetter{.with = asciiLetterRanges};
constexpr CharSet asciiPunctuation{.with = asciiPunctuationRanges};
constexpr CharSet punctuationOnly{.classes = punctuation};
constexpr CharSet punctuationOrSymbol{.classes = punctuation | symbols};
/// [^\s\p{L}\p{N}]
constexpr CharSet other{.classes = everything & ~(whiteSpace | letters | numbers)};
/// [^\r\n\p{L}\p{N}]
constexpr CharSet wordPrefix{.classes = everything & ~(letters | numbers),
                             .without = newlineRanges};
/// [^\r\n\p{L}\p{P}\p{S}]
constexpr CharSet plainPrefix{.classes = everything & ~(letters | punctuation | symbols),
                              .without = newlineRanges};
/// Letters that may stand in the upper-case part of a word, and in the lower-case part. Outside
/// ASCII every letter may stand in both, as in the tool that the vectors of these vocabularies come
/// from.
constexpr CharSet upperPart{.classes = letters, .without = lowerRange};
constexpr CharSet lowerPart{.classes = letters, .without = upperRange};
/// [\p{P}\$\+<=>\^~\|`]
constexpr CharSet falconPunctuation{.classes = punctuation, .with = falconSymbolRanges};
/// [\p{P}\$\+<=>\^~\|]
constexpr CharSet defaultPunctuation{.classes = punctuation, .with = defaultSymbolRanges};
/// [^(\s|.,!?…。，、।۔،)]
constexpr CharSet noSentenceMark{.classes = everything & ~whiteSpace,
                                 .without = sentenceMarkRanges};

constexpr CharRange deepseekLetterRanges[] = {
    // clang-format off
    {'a', 'z'}, {'A', 'Z'}, {0xB5, 0xB5}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x1BA},
    {0x1BC, 0x1BF}, {0x1C4, 0x293}, {0x295, 0x2AF}, {0x370, 0x373}, {0x376, 0x377},
    {0x37B, 0x37D}, {0x37F, 0x37F}, {0x386, 0x386}, {0x388, 0x38A}, {0x38C, 0x38C},
    {0x38E, 0x3A1}, {0x3A3, 0x3F5}, {0x3F7, 0x481}, {0x48A, 0x52F}, {0x531, 0x556},
    {0x10A0, 0x10C5}, {0x13A0, 0x13F5}, {0x13F8, 0x13FD}, {0x1C90, 0x1CBA}, {0x1CBD, 0x1CBF},
    {0x1D00, 0x1D2B}, {0x1D6B, 0x1D77}, {0x1D79, 0x1D9A}, {0x1E00, 0x1F15}, {0x1F18, 0x1F1D},
    {0x1F20, 0x1F45}, {0x1F48, 0x1F4D}, {0x1F50, 0x1F57}, {0x1F59, 0x1F59}, {0x1F5B, 0x1F5B},
    {0x1F5D, 0x1F5D}, {0x1F5F, 0x1F7D}, {0x1F80, 0x1FB4}, {0x1FB6, 0x1FBC}, {0x1FBE, 0x1FBE},
    {0x1FC2, 0x1FC4}, {0x1FC6, 0x1FCC}, {0x1FD0, 0x1FD3}, {0x1FD6, 0x1FDB}, {0x1FE0, 0x1FEC},
    {0x1FF2, 0x1FF4}, {0x1FF6, 0x1FFC}, {0x2102, 0x2102}, {0x2107, 0x2107}, {0x210A, 0x2113},
    {0x2115, 0x2115}, {0x2119, 0x211D}, {0x2124, 0x2124}, {0x2126, 0x2126}, {0x2128, 0x2128},
    {0x212A, 0x212D}, {0x212F, 0x2134}, {0x2139, 0x2139}, {0x213C, 0x213F}, {0x2145, 0x2149},
    {0x214E, 0x214E}, {0x2183, 0x2184}, {0x2C00, 0x2C7B}, {0x2C7E, 0x2CE4}, {0x2CEB, 0x2CEE},
    {0x2CF2, 0x2CF3}, {0xA640, 0xA66D}, {0xA680, 0xA69B}, {0xA722, 0xA76F}, {0xA771, 0xA787},
    {0xA78B, 0xA78E}, {0xAB70, 0xABBF}, {0xFB00, 0xFB06}, {0xFB13, 0xFB17}, {0xFF21, 0xFF3A},
    {0xFF41, 0xFF5A}, {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
    {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
    // clang-format on
};
constexpr CharRange deepseekPunctuationRanges[] = {{0x21, 0x2F},     {0x3A, 0x7E},
                                                   {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E},
                                                   {0x2018, 0x201F}, {0x3000, 0x3002}};
constexpr CharRange deepseekAsianRanges[] = {{0x800, 0x9FA5}, {0xAC00, 0xD7FF}};
constexpr CharRange hanKanaRanges[] = {{0x4E00, 0x9FA5}, {0x3040, 0x30FF}};

constexpr CharSet deepseekLetter{.with = deepseekLetterRanges};
constexpr CharSet deepseekPunctuation{.with = deepseekPunctuationRanges};
constexpr CharSet deepseekAsian{.with = deepseekAsianRanges};
constexpr CharSet hanOrKana{.with = hanKanaRanges};

//===--- items --------------------------------------------------------------------------------===//

constexpr Item once(const CharSet& set) {
  return {Item::Set, &set, 1, 1};
}
constexpr Item maybe(const CharSet& set) {
  return {Item::Set, &set, 0, 1};
}
constexpr Item many(const CharSet& set) {
  return {Item::Set, &set, 1, Item::unbounded};
}
constexpr Item anyNumber(const CharSet& set) {
  return {Item::Set, &set, 0, Item::unbounded};
}
constexpr Item upTo3(const CharSet& set) {
  return {Item::Set, &set, 1, 3};
}
constexpr Item three(const CharSet& set) {
  return {Item::Set, &set, 3, 3};
}
constexpr Item contraction{Item::Contraction, nullptr, 1, 1};
constexpr Item anyContraction{Item::AnyContraction, nullptr, 1, 1};
constexpr Item maybeContraction{Item::AnyContraction, nullptr, 0, 1};
constexpr Item beforeSpaceOnly{Item::BeforeSpaceOnly, nullptr, 1, 1};
constexpr Item atEnd{Item::End, nullptr, 1, 1};

//===--- stages -------------------------------------------------------------------------------===//

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
constexpr Alternative gpt2Words[] = {
    {contraction},
    {maybe(space), many(letter)},
    {maybe(space), many(number)},
    {maybe(space), many(other)},
    {many(anySpace), beforeSpaceOnly},
    {many(anySpace)},
};

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*
// |\s*[\r\n]+|\s+(?!\S)|\s+
constexpr Alternative llama3Words[] = {
    {anyContraction},
    {maybe(wordPrefix), many(letter)},
    {upTo3(number)},
    {maybe(space), many(other), anyNumber(newline)},
    {anyNumber(anySpace), many(newline)},
    {many(anySpace), beforeSpaceOnly},
    {many(anySpace)},
};

// The same with \p{N}.
constexpr Alternative qwen2Words[] = {
    {anyContraction},
    {maybe(wordPrefix), many(letter)},
    {once(number)},
    {maybe(space), many(other), anyNumber(newline)},
    {anyNumber(anySpace), many(newline)},
    {many(anySpace), beforeSpaceOnly},
    {many(anySpace)},
};

// [^\r\n\p{L}\p{N}]?[upper]*[lower]+|[^\r\n\p{L}\p{N}]?[upper]+[lower]*|\p{N}
// | ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
constexpr Alternative tekkenWords[] = {
    {maybe(wordPrefix), anyNumber(upperPart), many(lowerPart)},
    {maybe(wordPrefix), many(upperPart), anyNumber(lowerPart)},
    {once(number)},
    {maybe(space), many(other), anyNumber(newlineOrSlash)},
    {anyNumber(anySpace), many(newline)},
    {many(anySpace), beforeSpaceOnly},
    {many(anySpace)},
};

// The same with (?i:'s|'t|'re|'ve|'m|'ll|'d)? after each word and \p{N}{1,3}.
constexpr Alternative gpt4oWords[] = {
    {maybe(wordPrefix), anyNumber(upperPart), many(lowerPart), maybeContraction},
    {maybe(wordPrefix), many(upperPart), anyNumber(lowerPart), maybeContraction},
    {upTo3(number)},
    {maybe(space), many(other), anyNumber(newlineOrSlash)},
    {anyNumber(anySpace), many(newline)},
    {many(anySpace), beforeSpaceOnly},
    {many(anySpace)},
};

// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
// | ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
constexpr Alternative deepseek3Words[] = {
    {once(asciiPunctuation), many(asciiLetter)},
    {maybe(plainPrefix), many(letterOrMark)},
    {maybe(space), many(punctuationOrSymbol), anyNumber(newline)},
    {anyNumber(anySpace), many(newline)},
    {many(anySpace), beforeSpaceOnly},
    {many(anySpace)},
};

constexpr Alternative oneNewline[] = {{once(newline)}};         // [\r\n]
constexpr Alternative oneNumber[] = {{once(number)}};           // \p{N}
constexpr Alternative manyNumbers[] = {{many(number)}};         // \p{N}+
constexpr Alternative threeNumbers[] = {{upTo3(number)}};       // \p{N}{1,3}
constexpr Alternative threeDigits[] = {{three(digit)}};         // [0-9][0-9][0-9]
constexpr Alternative finalSpace[] = {{many(anySpace), atEnd}}; // \s+$
constexpr Alternative hanKanaRun[] = {{many(hanOrKana)}};       // [一-龥぀-ゟ゠-ヿ]+
constexpr Alternative asianRun[] = {{many(deepseekAsian)}};     // [一-龥ࠀ-一가-퟿]+
constexpr Alternative spaceLetters[] = {{maybe(anySpace), many(letter)}};              // \s?\p{L}+
constexpr Alternative spacePunctuation[] = {{maybe(anySpace), many(punctuationOnly)}}; // \s?\p{P}+
constexpr Alternative deepseekLetters[] = {{maybe(anySpace), many(deepseekLetter)}};
constexpr Alternative deepseekMarks[] = {{maybe(anySpace), many(deepseekPunctuation)}};
constexpr Alternative falconMarks[] = {{many(falconPunctuation)}};
constexpr Alternative defaultMarks[] = {{many(defaultPunctuation)}};
constexpr Alternative unmarkedWords[] = {{maybe(space), many(noSentenceMark)}};

constexpr Stage gpt2Stages[] = {gpt2Words};
constexpr Stage starcoderStages[] = {oneNumber, gpt2Words};
constexpr Stage llama3Stages[] = {llama3Words};
constexpr Stage qwen2Stages[] = {qwen2Words};
constexpr Stage tekkenStages[] = {tekkenWords};
constexpr Stage gpt4oStages[] = {gpt4oWords};
constexpr Stage falconStages[] = {falconMarks, gpt2Words, threeDigits};
constexpr Stage defaultStages[] = {defaultMarks, gpt2Words, manyNumbers, threeDigits};
constexpr Stage deepseekStages[] = {oneNewline, deepseekLetters, deepseekMarks,
                                    finalSpace, asianRun,        manyNumbers};
constexpr Stage deepseekCoderStages[] = {oneNewline, spaceLetters, spacePunctuation, asianRun,
                                         oneNumber};
constexpr Stage deepseek3Stages[] = {threeNumbers, hanKanaRun, deepseek3Words};
constexpr Stage poroStages[] = {unmarkedWords};
constexpr Stage vikingStages[] = {unmarkedWords, oneNumber};

//===--- the table ----------------------------------------------------------------------------===//

using Names = std::string_view;
constexpr Names defaultNames[] = {"default"};
constexpr Names gpt2Names[] = {"gpt-2", "phi-2", "mpt", "olmo", "jais"};
constexpr Names llama3Names[] = {"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"};
constexpr Names llama3PlainNames[] = {"dbrx", "smaug-bpe", "glm4", "chatglm-bpe"};
constexpr Names starcoderNames[] = {"starcoder", "refact"};
constexpr Names smollmNames[] = {"smollm", "command-r", "codeshell", "exaone", "minerva-7b"};
constexpr Names qwen2Names[] = {"qwen2", "deepseek-r1-qwen"};
constexpr Names stablelm2Names[] = {"stablelm2"};
constexpr Names tekkenNames[] = {"tekken"};
constexpr Names gpt4oNames[] = {"gpt-4o", "llama4"};
constexpr Names falconNames[] = {"falcon"};
constexpr Names deepseekNames[] = {"deepseek-llm"};
constexpr Names deepseekCoderNames[] = {"deepseek-coder"};
constexpr Names deepseek3Names[] = {"deepseek-v3"};
constexpr Names poroNames[] = {"poro-chat", "bloom", "gpt3-finnish"};
constexpr Names vikingNames[] = {"viking"};

constexpr PreTokenizer table[] = {
    {.names = defaultNames, .stages = defaultStages, .cleanSpaces = true},
    {.names = gpt2Names, .stages = gpt2Stages, .cleanSpaces = true},
    {.names = llama3Names,
     .stages = llama3Stages,
     .wholeWords = true,
     .addBos = true,
     .cleanSpaces = true},
    {.names = llama3PlainNames, .stages = llama3Stages, .cleanSpaces = true},
    {.names = starcoderNames, .stages = starcoderStages, .cleanSpaces = true},
    {.names = smollmNames, .stages = starcoderStages},
    {.names = qwen2Names, .stages = qwen2Stages},
    {.names = stablelm2Names, .stages = qwen2Stages, .cleanSpaces = true},
    {.names = tekkenNames, .stages = tekkenStages, .wholeWords = true, .addBos = true},
    {.names = gpt4oNames, .stages = gpt4oStages},
    {.names = falconNames, .stages = falconStages, .cleanSpaces = true},
    {.names = deepseekNames, .stages = deepseekStages},
    {.names = deepseekCoderNames, .stages = deepseekCoderStages},
    {.names = deepseek3Names, .stages = deepseek3Stages},
    {.names = poroNames, .stages = poroStages},
    {.names = vikingNames, .stages = vikingStages},
};

} // namespace

const PreTokenizer* findPreTokenizer(std::string_view name) {
  if (name.empty())
    name = "default";
  for (const PreTokenizer& candidate : table)
    if (std::ranges::find(candidate.names, name) != candidate.names.end())
      return &candidate;
  return nullptr;
}

std::string preTokenizerNames() {
  std::vector<std::string_view> names;
  for (const PreTokenizer& each : table)
    names.insert(names.end(), each.names.begin(), each.names.end());
  std::ranges::sort(names);
  std::string list;
  for (std::string_view name : names)
    list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

} // namespace chordal::text
