//===- Settings.h - the settings of ops as text -----------------------------------------------===//
//
// Ops write their settings as `{epsilon = 1.0e-5, style = half_split}`: without types, which are
// known, and with bare words for enumerations. The generated parsers and printers of the ops call
// the functions declared here.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalAttributes.h"
#include "mlir/IR/OpImplementation.h"

namespace chordal::ir {

mlir::ParseResult parseNormSettings(mlir::OpAsmParser& parser, mlir::FloatAttr& epsilon,
                                    mlir::IntegerAttr& group);
void printNormSettings(mlir::OpAsmPrinter& printer, mlir::Operation* op, mlir::FloatAttr epsilon,
                       mlir::IntegerAttr group);

mlir::ParseResult parseRopeSettings(mlir::OpAsmParser& parser, mlir::IntegerAttr& headDim,
                                    RopeStyleAttr& style);
void printRopeSettings(mlir::OpAsmPrinter& printer, mlir::Operation* op, mlir::IntegerAttr headDim,
                       RopeStyleAttr style);

mlir::ParseResult parseAttentionSettings(mlir::OpAsmParser& parser, mlir::FloatAttr& scale,
                                         mlir::FloatAttr& softcap, mlir::IntegerAttr& window,
                                         mlir::IntegerAttr& splits);
void printAttentionSettings(mlir::OpAsmPrinter& printer, mlir::Operation* op, mlir::FloatAttr scale,
                            mlir::FloatAttr softcap, mlir::IntegerAttr window,
                            mlir::IntegerAttr splits);

mlir::ParseResult parseCombineSettings(mlir::OpAsmParser& parser, mlir::IntegerAttr& splits,
                                       mlir::IntegerAttr& headDim);
void printCombineSettings(mlir::OpAsmPrinter& printer, mlir::Operation* op,
                          mlir::IntegerAttr splits, mlir::IntegerAttr headDim);

mlir::ParseResult parseActivationSettings(mlir::OpAsmParser& parser, ActivationAttr& activation);
void printActivationSettings(mlir::OpAsmPrinter& printer, mlir::Operation* op,
                             ActivationAttr activation);

mlir::ParseResult parseScaleSettings(mlir::OpAsmParser& parser, mlir::FloatAttr& factor);
void printScaleSettings(mlir::OpAsmPrinter& printer, mlir::Operation* op, mlir::FloatAttr factor);

mlir::ParseResult parseSoftcapSettings(mlir::OpAsmParser& parser, mlir::FloatAttr& cap);
void printSoftcapSettings(mlir::OpAsmPrinter& printer, mlir::Operation* op, mlir::FloatAttr cap);

/// A bare 64-bit integer.
mlir::ParseResult parseCount(mlir::OpAsmParser& parser, mlir::IntegerAttr& count);
void printCount(mlir::OpAsmPrinter& printer, mlir::Operation* op, mlir::IntegerAttr count);

} // namespace chordal::ir
