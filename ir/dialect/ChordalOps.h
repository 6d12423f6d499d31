//===- ChordalOps.h - ops of the dialect ------------------------------------------------------===//
//
// All ops; they are defined in Chordal{Symbol,Graph,Schedule}Ops.td.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalAttributes.h"
#include "ir/dialect/ChordalDialect.h"
#include "ir/dialect/ChordalTypes.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "ir/dialect/ChordalOps.h.inc"
