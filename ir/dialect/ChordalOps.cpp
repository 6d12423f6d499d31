//===- ChordalOps.cpp - ops of the dialect, the generated part --------------------------------===//
//
// The definitions that mlir-tblgen makes; what is written by hand is in Chordal*Ops.cpp.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalOps.h"

#include "ir/dialect/Settings.h"

#define GET_OP_CLASSES
#include "ir/dialect/ChordalOps.cpp.inc"
