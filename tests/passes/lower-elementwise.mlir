// RUN: chordal-opt %s --form-dispatches --lower-elementwise | FileCheck %s

!x = tensor<?x64xf32>
!w = !chordal.quantized<64x64, "F16">

// Tests that equal code is one function, be it an epilogue or a dispatch of its own, and that what
// differs in an attribute, in the order of operands or in what is read is another one.
// CHECK-LABEL: func.func @share
func.func @share(%x: !x, %y: !x, %w: !w, %v: tensor<64xf32>) -> (!x, !x, !x, !x, !x, !x, !x) {
  // CHECK: dispatch 0 {{.*}} attributes {functions = [@elementwise_scale]}
  %0 = chordal.scale %x {factor = 2.0} : !x
  // CHECK: dispatch 1 {{.*}} attributes {functions = [@elementwise_scale]}
  %1 = chordal.scale %y {factor = 2.0} : !x
  // CHECK: dispatch 2 {{.*}} attributes {functions = [@elementwise_scale.1]}
  %2 = chordal.scale %y {factor = 3.0} : !x
  // CHECK: dispatch 3 {{.*}} attributes {functions = [@elementwise_subf]}
  %3 = arith.subf %x, %y : !x
  // An epilogue's first view is its tile, which is read first too.
  // CHECK: dispatch 4 {{.*}} attributes {functions = [@elementwise_subf.1]}
  %4 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w, %c = %y) : (!x, !w, !x) -> !x {
    %8 = chordal.matmul %a, (%b) : (!x, !w) -> !x
    %9 = arith.subf %8, %c : !x
    chordal.yield %9 : !x
  }
  // CHECK: dispatch 5 {{.*}} attributes {functions = [@elementwise_subf.2]}
  %5 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w, %c = %y) : (!x, !w, !x) -> !x {
    %8 = chordal.matmul %a, (%b) : (!x, !w) -> !x
    %9 = arith.subf %c, %8 : !x
    chordal.yield %9 : !x
  }
  // A broadcast has no name: it is how a view is read.
  // CHECK: dispatch 6 {{.*}} attributes {functions = [@elementwise_addf]}
  %6 = chordal.broadcast %v, %x : tensor<64xf32>, !x
  %7 = arith.addf %6, %y : !x
  return %0, %1, %2, %3, %4, %5, %7 : !x, !x, !x, !x, !x, !x, !x
}

// Tests the names of a chain, and that each weight with its own epilogue has its own function; a result
// without one is copied.
// CHECK-LABEL: func.func @chain
func.func @chain(%x: !x, %w: !w) -> (!x, !x) {
  // CHECK: dispatch 0 {{.*}} attributes {functions = [@elementwise_softcap_negf, @elementwise]}
  %0:2 = chordal.fused "matmul_epilogue" (%a = %x, %b = %w) : (!x, !w) -> (!x, !x) {
    %1:2 = chordal.matmul %a, (%b, %b) : (!x, !w, !w) -> (!x, !x)
    %2 = chordal.softcap %1#0 {cap = 30.0} : !x
    %3 = arith.negf %2 : !x
    chordal.yield %3, %1#1 : !x, !x
  }
  return %0#0, %0#1 : !x, !x
}

// Tests that what is not element-wise names no function.
// CHECK-LABEL: func.func @none
// CHECK-NOT: functions
func.func @none(%x: !x, %w: !w) -> !x {
  %0 = chordal.matmul %x, (%w) : (!x, !w) -> !x
  return %0 : !x
}

// Tests the shape of a function: it loads data and strides of its views, here one read and one written,
// then goes over rows, vectors of 16 columns, and the rest under a mask.
// CHECK-LABEL: llvm.func @elementwise_scale(
// CHECK-SAME: %[[VIEWS:.+]]: !llvm.ptr, %[[R0:.+]]: i64, %[[R1:.+]]: i64, %[[C0:.+]]: i64, %[[C1:.+]]: i64)
// CHECK-COUNT-2: llvm.load %{{.+}} : !llvm.ptr -> !llvm.ptr{{[[:space:]].*[[:space:]].*}}llvm.getelementptr
// CHECK: llvm.br ^[[ROWS:.+]](%[[R0]] : i64)
// CHECK: ^[[ROWS]](%[[R:.+]]: i64):
// CHECK: llvm.icmp "ult" %[[R]], %[[R1]]
// CHECK: llvm.br ^[[COLUMNS:.+]](%[[C0]] : i64)
// CHECK: ^[[COLUMNS]](%[[C:.+]]: i64):
// CHECK: llvm.icmp "ule" %{{.+}}, %[[C1]]
// CHECK: llvm.load %{{.+}} {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK: llvm.fmul
// CHECK: llvm.store %{{.+}}, %{{.+}} {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
// CHECK: llvm.intr.masked.load
// CHECK: llvm.fmul
// CHECK: llvm.intr.masked.store
// CHECK: llvm.return
// CHECK-NOT: llvm.call
