//===- ChordalOps.td - all of the dialect, for the generator ----------------------------------===//
//
// One translation unit for mlir-tblgen; the definitions are in the files included here.
//
//===------------------------------------------------------------------------------------------===//
include "ir/dialect/ChordalSymbolOps.td"
include "ir/dialect/ChordalGraphOps.td"
include "ir/dialect/ChordalExpertOps.td"
include "ir/dialect/ChordalScheduleOps.td"
