//===- Settings.cpp - the settings of ops as text ---------------------------------------------===//
//
// One reader and one writer of `{name = value, ...}`, and what each op has in it.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/Settings.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace chordal::ir;

namespace {
/// One entry that an op may have.
struct Setting {
  StringRef name;
  bool required;
  llvm::unique_function<ParseResult(OpAsmParser&)> parse;
  bool seen = false;
};
} // namespace

/// A number of a type that is known; it may be written all the same.
template <typename NumberAttr>
static ParseResult parseNumber(OpAsmParser& parser, Type type, NumberAttr& attribute) {
  if (parser.parseAttribute(attribute, type))
    return failure();
  if (failed(parser.parseOptionalColon()))
    return success();
  SMLoc at = parser.getCurrentLocation();
  Type written;
  if (parser.parseType(written))
    return failure();
  if (written != type)
    return parser.emitError(at) << "expected the type " << type;
  return success();
}

static Setting number(StringRef name, FloatAttr& attribute, bool required = true) {
  return {name, required, [&attribute](OpAsmParser& parser) {
            return parseNumber(parser, parser.getBuilder().getF32Type(), attribute);
          }};
}
static Setting number(StringRef name, IntegerAttr& attribute, bool required = true) {
  return {name, required, [&attribute](OpAsmParser& parser) {
            return parseNumber(parser, parser.getBuilder().getI64Type(), attribute);
          }};
}
template <typename EnumAttr, typename Symbolize>
static Setting word(StringRef name, EnumAttr& attribute, Symbolize symbolize) {
  return {name, true, [name, symbolize, &attribute](OpAsmParser& parser) -> ParseResult {
            SMLoc at = parser.getCurrentLocation();
            StringRef keyword;
            if (parser.parseKeyword(&keyword))
              return failure();
            auto value = symbolize(keyword);
            if (!value)
              return parser.emitError(at) << "'" << keyword << "' is not a value of " << name;
            attribute = EnumAttr::get(parser.getContext(), *value);
            return success();
          }};
}

static ParseResult parseSettings(OpAsmParser& parser, MutableArrayRef<Setting> settings) {
  SMLoc start = parser.getCurrentLocation();
  auto parseOne = [&]() -> ParseResult {
    SMLoc at = parser.getCurrentLocation();
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    Setting* setting = llvm::find_if(settings, [&](Setting& s) { return s.name == name; });
    if (setting == settings.end())
      return parser.emitError(at) << "this op has no setting '" << name << "'";
    if (setting->seen)
      return parser.emitError(at) << "'" << name << "' is set twice";
    setting->seen = true;
    return failure(parser.parseEqual() || setting->parse(parser));
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Braces, parseOne))
    return failure();
  for (const Setting& setting : settings)
    if (setting.required && !setting.seen)
      return parser.emitError(start) << "the setting '" << setting.name << "' is missing";
  return success();
}

static void printSettings(OpAsmPrinter& printer,
                          ArrayRef<std::pair<StringRef, Attribute>> settings) {
  bool first = true;
  printer << "{";
  for (auto [name, attribute] : settings) {
    if (!attribute)
      continue;
    printer << (first ? "" : ", ") << name << " = ";
    first = false;
    if (auto style = dyn_cast<RopeStyleAttr>(attribute))
      printer << stringifyEnum(style.getValue());
    else if (auto activation = dyn_cast<ActivationAttr>(attribute))
      printer << stringifyEnum(activation.getValue());
    else
      printer.printAttributeWithoutType(attribute);
  }
  printer << "}";
}

ParseResult chordal::ir::parseNormSettings(OpAsmParser& parser, FloatAttr& epsilon,
                                           IntegerAttr& group) {
  Setting settings[] = {number("epsilon", epsilon), number("group", group, false)};
  return parseSettings(parser, settings);
}
void chordal::ir::printNormSettings(OpAsmPrinter& printer, Operation*, FloatAttr epsilon,
                                    IntegerAttr group) {
  printSettings(printer, {{"epsilon", epsilon}, {"group", group}});
}

ParseResult chordal::ir::parseRopeSettings(OpAsmParser& parser, IntegerAttr& headDim,
                                           RopeStyleAttr& style) {
  Setting settings[] = {number("head_dim", headDim),
                        word("style", style, [](StringRef s) { return symbolizeRopeStyle(s); })};
  return parseSettings(parser, settings);
}
void chordal::ir::printRopeSettings(OpAsmPrinter& printer, Operation*, IntegerAttr headDim,
                                    RopeStyleAttr style) {
  printSettings(printer, {{"head_dim", headDim}, {"style", style}});
}

ParseResult chordal::ir::parseAttentionSettings(OpAsmParser& parser, FloatAttr& scale,
                                                FloatAttr& softcap, IntegerAttr& window,
                                                IntegerAttr& splits) {
  Setting settings[] = {number("scale", scale), number("softcap", softcap, false),
                        number("window", window, false), number("splits", splits, false)};
  return parseSettings(parser, settings);
}
void chordal::ir::printAttentionSettings(OpAsmPrinter& printer, Operation*, FloatAttr scale,
                                         FloatAttr softcap, IntegerAttr window,
                                         IntegerAttr splits) {
  printSettings(printer,
                {{"scale", scale}, {"softcap", softcap}, {"window", window}, {"splits", splits}});
}

ParseResult chordal::ir::parseCombineSettings(OpAsmParser& parser, IntegerAttr& splits,
                                              IntegerAttr& headDim) {
  Setting settings[] = {number("splits", splits), number("head_dim", headDim)};
  return parseSettings(parser, settings);
}
void chordal::ir::printCombineSettings(OpAsmPrinter& printer, Operation*, IntegerAttr splits,
                                       IntegerAttr headDim) {
  printSettings(printer, {{"splits", splits}, {"head_dim", headDim}});
}

ParseResult chordal::ir::parseActivationSettings(OpAsmParser& parser, ActivationAttr& activation) {
  Setting settings[] = {
      word("activation", activation, [](StringRef s) { return symbolizeActivation(s); })};
  return parseSettings(parser, settings);
}
void chordal::ir::printActivationSettings(OpAsmPrinter& printer, Operation*,
                                          ActivationAttr activation) {
  printSettings(printer, {{"activation", activation}});
}

ParseResult chordal::ir::parseScaleSettings(OpAsmParser& parser, FloatAttr& factor) {
  Setting settings[] = {number("factor", factor)};
  return parseSettings(parser, settings);
}
void chordal::ir::printScaleSettings(OpAsmPrinter& printer, Operation*, FloatAttr factor) {
  printSettings(printer, {{"factor", factor}});
}

ParseResult chordal::ir::parseSoftcapSettings(OpAsmParser& parser, FloatAttr& cap) {
  Setting settings[] = {number("cap", cap)};
  return parseSettings(parser, settings);
}
void chordal::ir::printSoftcapSettings(OpAsmPrinter& printer, Operation*, FloatAttr cap) {
  printSettings(printer, {{"cap", cap}});
}

ParseResult chordal::ir::parseCount(OpAsmParser& parser, IntegerAttr& count) {
  return parser.parseAttribute(count, parser.getBuilder().getI64Type());
}
void chordal::ir::printCount(OpAsmPrinter& printer, Operation*, IntegerAttr count) {
  printer.printAttributeWithoutType(count);
}
