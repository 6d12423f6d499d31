//===- Chordal.h - all of the dialect ---------------------------------------------------------===//
//
// For those who use most of it.
//
//===------------------------------------------------------------------------------------------===//
#pragma once

#include "ir/dialect/ChordalAttributes.h"
#include "ir/dialect/ChordalDialect.h"
#include "ir/dialect/ChordalOps.h"
#include "ir/dialect/ChordalTypes.h"
#include "ir/dialect/StateLinearity.h"
