//===- ChordalAttributes.cpp - attributes of the dialect --------------------------------------===//
//
// Registration and verification of the attributes.
//
//===------------------------------------------------------------------------------------------===//
#include "ir/dialect/ChordalAttributes.h"

#include "ir/dialect/ChordalDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace chordal::ir;

#include "ir/dialect/ChordalEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/dialect/ChordalAttributes.cpp.inc"

void ChordalDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/dialect/ChordalAttributes.cpp.inc"
      >();
}

LogicalResult SpanAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t shard,
                               int64_t offset, int64_t bytes) {
  if (shard < 0 || offset < 0 || bytes <= 0)
    return emitError()
           << "a span has a shard and an offset that are not negative, and at least one "
              "byte";
  return success();
}
