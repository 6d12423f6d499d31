//===- ChordalAttributes.h - attributes of the dialect ----------------------------------------===//
//
// Spans of files and the enumerations of op settings.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectImplementation.h"

#include "ir/dialect/ChordalEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/dialect/ChordalAttributes.h.inc"
