//===- VocabularyFromGguf.cpp - a vocabulary from a GGUF file ---------------------------------===//
//
// Keys are those of the GGUF specification. What a file leaves out has the default of its kind of
// vocabulary: SentencePiece files may leave out everything but tokens and scores, and byte-level
// BPE files leave the rule for bos to their pre-tokenizer.
//
//===------------------------------------------------------------------------------------------===//
#include "runtime/core/text/VocabularyFromGguf.h"

#include "ir/gguf/View.h"
#include "runtime/core/text/PreTokenizer.h"

namespace chordal::text {

namespace {

Result<VocabularyKind> readKind(const gguf::View& file) {
  Result<std::string_view> model = file.getString("tokenizer.ggml.model");
  if (!model)
    return model.error();
  if (*model == "llama")
    return VocabularyKind::SentencePiece;
  if (*model == "gpt2")
    return VocabularyKind::ByteLevelBpe;
  if (*model == "t5")
    return VocabularyKind::Unigram;
  if (*model == "bert")
    return VocabularyKind::WordPiece;
  return Error{"tokenizer.ggml.model is \"" + std::string(*model) +
                   "\", which is not a known kind of tokenizer (known: llama, gpt2, t5, bert)",
               ErrorCode::Unsupported};
}

Error lengthError(std::string_view key, uint64_t length, size_t tokens) {
  return Error{std::string(key) + " has " + std::to_string(length) +
                   " elements, but tokenizer.ggml.tokens has " + std::to_string(tokens),
               ErrorCode::Malformed};
}

/// Reads an optional array with one number per token into `values`.
template <typename T>
Result<void> readPerToken(const gguf::View& file, std::string_view key, size_t tokens,
                          std::vector<T>& values) {
  if (!file.has(key))
    return {};
  Result<std::vector<T>> array = file.getArray<T>(key);
  if (!array)
    return array.error();
  if (array->size() != tokens)
    return lengthError(key, array->size(), tokens);
  values = std::move(*array);
  return {};
}

Result<void> readStrings(const gguf::View& file, std::string_view key, size_t limit,
                         std::vector<std::string_view>& strings) {
  Result<gguf::StringArray> array = file.getStrings(key);
  if (!array)
    return array.error();
  if (array->size() > limit)
    return Error{std::string(key) + " has " + std::to_string(array->size()) +
                     " elements; at most " + std::to_string(limit) + " are supported",
                 ErrorCode::Unsupported};
  strings.reserve(array->size());
  for (std::string_view text : *array)
    strings.push_back(text);
  return {};
}

/// A key that holds a token's id; files write "none" as an absent key or as the largest 32-bit
/// number.
Result<void> readId(const gguf::View& file, std::string_view key, size_t tokens, TokenId& id) {
  const gguf::Entry* entry = file.find(key);
  if (!entry)
    return {};
  Result<int64_t> value = file.get<int64_t>(key);
  if (!value)
    return value.error();
  if (*value == -1 || *value == 0xFFFFFFFF) {
    id = noToken;
    return {};
  }
  if (*value < 0 || static_cast<uint64_t>(*value) >= tokens)
    return Error{std::string(key) + " is " + std::to_string(*value) +
                     ", but the vocabulary has only " + std::to_string(tokens) + " tokens",
                 ErrorCode::OutOfRange};
  id = static_cast<TokenId>(*value);
  return {};
}

Result<void> readFlag(const gguf::View& file, std::string_view key, bool& flag) {
  Result<bool> value = file.getBool(key, flag);
  if (!value)
    return value.error();
  flag = *value;
  return {};
}

/// The character map of a unigram vocabulary, an array of bytes, where the file has one.
Result<void> readCharacterMap(const gguf::View& file, std::string_view& map) {
  constexpr std::string_view key = "tokenizer.ggml.precompiled_charsmap";
  const gguf::Entry* entry = file.find(key);
  if (!entry)
    return {};
  if (entry->type != gguf::ValueType::Array ||
      (entry->elementType != gguf::ValueType::U8 && entry->elementType != gguf::ValueType::I8))
    return Error{std::string(key) + " is not an array of bytes (u8 or i8)", ErrorCode::WrongType};
  map = {reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size()};
  return {};
}

} // namespace

Result<Vocabulary> readVocabulary(const gguf::View& file) {
  Vocabulary vocab;
  Result<VocabularyKind> kind = readKind(file);
  if (!kind)
    return kind.error();
  vocab.kind = *kind;

  for (auto [key, text] : {std::pair("tokenizer.ggml.pre", &vocab.preTokenizer),
                           std::pair("general.name", &vocab.modelName)}) {
    Result<std::string_view> value = file.getString(key, "");
    if (!value)
      return value.error();
    *text = *value;
  }

  if (auto done = readStrings(file, "tokenizer.ggml.tokens", maxTokens, vocab.tokens); !done)
    return done.error();
  size_t count = vocab.tokens.size();
  if (count == 0)
    return Error{"tokenizer.ggml.tokens is empty", ErrorCode::Malformed};
  if (auto done = readPerToken(file, "tokenizer.ggml.scores", count, vocab.scores); !done)
    return done.error();
  std::vector<int32_t> types;
  constexpr std::string_view typeKey = "tokenizer.ggml.token_type";
  if (auto done = readPerToken(file, typeKey, count, types); !done)
    return done.error();
  vocab.types.reserve(types.size());
  for (size_t i = 0; i != types.size(); ++i) {
    if (types[i] < 0 || types[i] > static_cast<int32_t>(TokenType::Byte))
      return Error{std::string(typeKey) + "[" + std::to_string(i) + "] is " +
                       std::to_string(types[i]) + "; token types are 0 to 6",
                   ErrorCode::OutOfRange};
    vocab.types.push_back(static_cast<TokenType>(types[i]));
  }

  if (vocab.kind == VocabularyKind::ByteLevelBpe) {
    if (auto done = readStrings(file, "tokenizer.ggml.merges", maxMerges, vocab.merges); !done)
      return done.error();
    if (const PreTokenizer* known = findPreTokenizer(vocab.preTokenizer))
      vocab.addBos = known->addBos;
  } else if (vocab.kind == VocabularyKind::SentencePiece) {
    vocab.addBos = true;
    vocab.addSpacePrefix = true;
    vocab.unk = 0;
    vocab.bos = count > 1 ? 1 : noToken;
    vocab.eos = count > 2 ? 2 : noToken;
  } else if (vocab.kind == VocabularyKind::Unigram) {
    vocab.addEos = true;
    vocab.addSpacePrefix = true;
    vocab.removeExtraWhitespaces = true;
    vocab.pad = 0;
    vocab.eos = count > 1 ? 1 : noToken;
    vocab.unk = count > 2 ? 2 : noToken;
    if (auto done = readCharacterMap(file, vocab.characterMap); !done)
      return done.error();
  } else if (count > 103) { // the ids of the released BERT models
    vocab.unk = 100;
    vocab.bos = 101;
    vocab.sep = 102;
    vocab.mask = 103;
    vocab.pad = 0;
  }

  struct IdKey {
    const char* key;
    TokenId* id;
  };
  // "seperator" is how the specification spells it.
  for (IdKey each : {IdKey{"tokenizer.ggml.bos_token_id", &vocab.bos},
                     IdKey{"tokenizer.ggml.eos_token_id", &vocab.eos},
                     IdKey{"tokenizer.ggml.eot_token_id", &vocab.eot},
                     IdKey{"tokenizer.ggml.eom_token_id", &vocab.eom},
                     IdKey{"tokenizer.ggml.unknown_token_id", &vocab.unk},
                     IdKey{"tokenizer.ggml.seperator_token_id", &vocab.sep},
                     IdKey{"tokenizer.ggml.padding_token_id", &vocab.pad},
                     IdKey{"tokenizer.ggml.cls_token_id", &vocab.cls},
                     IdKey{"tokenizer.ggml.mask_token_id", &vocab.mask}})
    if (auto done = readId(file, each.key, count, *each.id); !done)
      return done.error();

  if (vocab.kind == VocabularyKind::WordPiece) {
    // What BERT puts in front of a text is [CLS]; some files call it bos.
    if (vocab.cls != noToken)
      vocab.bos = vocab.cls;
    vocab.addBos = true;
    vocab.addSep = vocab.sep != noToken;
    if (auto done = readFlag(file, "tokenizer.ggml.normalizer.lowercase", vocab.lowercase); !done)
      return done.error();
    vocab.stripAccents = vocab.lowercase;
  }
  // A default asks for nothing the file does not have.
  if (vocab.bos == noToken)
    vocab.addBos = false;
  if (vocab.eos == noToken)
    vocab.addEos = false;

  struct FlagKey {
    const char* key;
    bool* flag;
  };
  for (FlagKey each :
       {FlagKey{"tokenizer.ggml.add_bos_token", &vocab.addBos},
        FlagKey{"tokenizer.ggml.add_eos_token", &vocab.addEos},
        FlagKey{"tokenizer.ggml.add_sep_token", &vocab.addSep},
        FlagKey{"tokenizer.ggml.add_space_prefix", &vocab.addSpacePrefix},
        FlagKey{"tokenizer.ggml.normalizer.strip_accents", &vocab.stripAccents},
        FlagKey{"tokenizer.ggml.remove_extra_whitespaces", &vocab.removeExtraWhitespaces}})
    if (auto done = readFlag(file, each.key, *each.flag); !done)
      return done.error();

  if (auto done = vocab.finish(); !done)
    return done.error();
  return vocab;
}

} // namespace chordal::text
