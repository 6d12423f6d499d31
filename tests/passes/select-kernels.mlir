// RUN: chordal-opt %s --form-dispatches --select-kernels=isa=scalar | FileCheck %s
// RUN: chordal-opt %s --form-dispatches --select-kernels=isa=scalar --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not chordal-opt %s --form-dispatches --select-kernels=isa=sse 2>&1 | FileCheck %s --check-prefix=LEVEL

// LEVEL: error: unknown instruction-set level 'sse'

!w = !chordal.quantized<64x256, "Q4_K">
!x = tensor<?x256xf32>
!q = !chordal.quantized<?x256, "Q8">
!y = tensor<?x64xf32>

// Tests the kernel and the parameters of each family: the columns come first.
// CHECK-LABEL: func.func @families
func.func @families(%token: tensor<?xi32>, %position: tensor<?xi32>, %row: tensor<?xi32>, %f: tensor<16xf32>, %e: !w, %n: tensor<256xf32>)
    -> (!x, !q, !q, tensor<?x32xf32>) attributes {chordal.tokens = array<i64: 1, 8>} {
  // CHECK: dispatch 0 kernels(["embed.scalar"]) {{.*}} attributes {parameters = array<i32: 256, 12, 64>}
  // REMARK: remark: [Passed] selected | Category:select-kernels | Function=families | {{.*}}embed.scalar for 8 rows
  %x = chordal.embed %token, %e : tensor<?xi32>, !w -> !x
  // CHECK: dispatch 1 kernels(["norm.scalar"]) {{.*}} attributes {parameters = array<i32: 256, {{.+}}>}
  %0 = chordal.rms_norm %x, %n {epsilon = 1.0e-5} : !x, tensor<256xf32>
  // CHECK: dispatch 2 kernels(["quantize.scalar"]) {{.*}} attributes {parameters = array<i32: 256, {{[0-9]+}}>}
  %1 = chordal.quantize %x : !x -> !q
  // CHECK: dispatch 3 kernels(["gather.scalar"]) {{.*}} rows(outputs) {{.*}} attributes {parameters = array<i32: 256>}
  %2 = chordal.gather_rows %x, %row : !x, tensor<?xi32>
  // CHECK: dispatch 4 kernels(["norm.scalar"]) {{.*}} rows(outputs)
  %3 = chordal.fused "norm_quantize" (%a = %2, %b = %n) : (!x, tensor<256xf32>) -> !q {
    %4 = chordal.rms_norm %a, %b {epsilon = 1.0e-5} : !x, tensor<256xf32>
    %5 = chordal.quantize %4 : !x -> !q
    chordal.yield %5 : !q
  }
  // 1065353216 is 1.0f.
  // CHECK: dispatch 5 kernels(["rope_table.scalar"]) {{.*}} attributes {parameters = array<i32: 16, 1065353216, {{[0-9]+}}>}
  %5 = chordal.rope_table %position, %f : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32>
  return %0, %1, %3, %5 : !x, !q, !q, tensor<?x32xf32>
}

// Tests that a matmul names a kernel for each weight, of its format; rows are the outputs.
// CHECK-LABEL: func.func @formats
func.func @formats(%x: !q, %a: !w, %b: !chordal.quantized<32x256, "Q6_K">) -> (!y, tensor<?x32xf32>) attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0 kernels(["matmul.Q4_K.{{(gemv.)?}}scalar", "matmul.Q6_K.{{(gemv.)?}}scalar"])
  // CHECK-SAME: attributes {parameters = array<i32: 256, 2, {{[0-9]+}}, 0, 64, 32, 0, 0, 0, 0, 0, 0, 0>}
  // REMARK: remark: [Passed] selected | {{.*}} | Function=formats | {{.*}}matmul.Q4_K
  // REMARK: remark: [Passed] selected | {{.*}} | Function=formats | {{.*}}matmul.Q6_K
  %0:2 = chordal.matmul %x, (%a, %b) : (!q, !w, !chordal.quantized<32x256, "Q6_K">) -> (!y, tensor<?x32xf32>)
  return %0#0, %0#1 : !y, tensor<?x32xf32>
}

// Tests that results that meet in an epilogue are computed in pairs, with one function that besides the
// two tiles has one view, of what it writes.
// CHECK-LABEL: func.func @paired
func.func @paired(%x: !q, %a: !w, %b: !w) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0
  // CHECK-SAME: attributes {parameters = array<i32: 256, 2, {{[0-9]+}}, 1, 64, 64, 0, 0, 0, 1, 0, 0, 0>}
  %0 = chordal.fused "matmul_epilogue" (%i = %x, %j = %a, %k = %b) : (!q, !w, !w) -> !y {
    %1:2 = chordal.matmul %i, (%j, %k) : (!q, !w, !w) -> (!y, !y)
    %2 = chordal.glu %1#0, %1#1 {activation = silu} : !y
    chordal.yield %2 : !y
  }
  return %0 : !y
}

// Tests that of two weights one can have an epilogue (a read and a written view) and one none (a
// written view): they are not computed in pairs.
// CHECK-LABEL: func.func @one_of_two
func.func @one_of_two(%x: !q, %a: !w, %b: !w, %h: !y) -> (!y, !y) attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0
  // CHECK-SAME: attributes {parameters = array<i32: 256, 2, {{[0-9]+}}, 0, 64, 64, 0, 0, 0, 2, 3, 0, 0>}
  %0:2 = chordal.fused "matmul_epilogue" (%i = %x, %j = %a, %k = %b, %l = %h) : (!q, !w, !w, !y) -> (!y, !y) {
    %1:2 = chordal.matmul %i, (%j, %k) : (!q, !w, !w) -> (!y, !y)
    %2 = arith.addf %1#0, %l : !y
    chordal.yield %2, %1#1 : !y, !y
  }
  return %0#0, %0#1 : !y, !y
}

// Tests that a vector is read by its chain alone, and that borrowing the shape of another result joins
// nothing.
// CHECK-LABEL: func.func @bias
func.func @bias(%x: !q, %a: !w, %b: !w, %v: tensor<64xf32>) -> (!y, !y) attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0
  // CHECK-SAME: attributes {parameters = array<i32: 256, 2, {{[0-9]+}}, 0, 64, 64, 0, 0, 0, 2, 4, 0, 0>}
  %0:2 = chordal.fused "matmul_epilogue" (%i = %x, %j = %a, %k = %b, %l = %v) : (!q, !w, !w, tensor<64xf32>) -> (!y, !y) {
    %1:2 = chordal.matmul %i, (%j, %k) : (!q, !w, !w) -> (!y, !y)
    %2 = chordal.broadcast %l, %1#0 : tensor<64xf32>, !y
    %3 = arith.addf %1#0, %2 : !y
    %4 = chordal.broadcast %l, %1#0 : tensor<64xf32>, !y
    %5 = arith.mulf %1#1, %4 : !y
    chordal.yield %3, %5 : !y, !y
  }
  return %0#0, %0#1 : !y, !y
}

// Tests that a result yielded twice, and a tile besides what is computed from it, are all written.
// CHECK-LABEL: func.func @twice
func.func @twice(%x: !q, %a: !w) -> (!y, !y, !y) attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0
  // CHECK-SAME: attributes {parameters = array<i32: 256, 1, {{[0-9]+}}, 0, 64, 0, 0, 0, 0, 3, 0, 0, 0>}
  %0:3 = chordal.fused "matmul_epilogue" (%i = %x, %j = %a) : (!q, !w) -> (!y, !y, !y) {
    %1 = chordal.matmul %i, (%j) : (!q, !w) -> !y
    %2 = arith.negf %1 : !y
    chordal.yield %2, %1, %2 : !y, !y, !y
  }
  return %0#0, %0#1, %0#2 : !y, !y, !y
}

// Tests that element-wise code has no kernel, and its columns as parameter.
// CHECK-LABEL: func.func @generated
func.func @generated(%x: !y) -> !y attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0 kernels([]) {{.*}} attributes {parameters = array<i32: 64>}
  %0 = chordal.scale %x {factor = 2.0} : !y
  return %0 : !y
}

// Tests rotation with KV append, and attention: heads are the query's columns by the head's dimension.
// CHECK-LABEL: func.func @attention
func.func @attention(%q: !x, %k: tensor<?x128xf32>, %t: tensor<?x64xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<2 x 64, k = f32, v = f32>)
    -> (!x, !chordal.kv<2 x 64, k = f32, v = f32>) attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0 kernels(["rope_append.F32.scalar"])
  // CHECK-SAME: attributes {parameters = array<i32: 4, 2, 64, 64, 32, 1, {{.+}}>}
  %0:2 = chordal.fused "rope_append" (%a = %q, %b = %k, %c = %t, %d = %p, %e = %s, %f = %kv) : (!x, tensor<?x128xf32>, tensor<?x64xf32>, tensor<?xi32>, tensor<?xi32>, !chordal.kv<2 x 64, k = f32, v = f32>) -> (!x, !chordal.kv<2 x 64, k = f32, v = f32>) {
    %1 = chordal.rope %a, %c {head_dim = 64, style = half_split} : !x, tensor<?x64xf32>
    %2 = chordal.rope %b, %c {head_dim = 64, style = half_split} : tensor<?x128xf32>, tensor<?x64xf32>
    %3 = chordal.kv_append %f, %2, %b, %d, %e : !chordal.kv<2 x 64, k = f32, v = f32>, tensor<?x128xf32>, tensor<?x128xf32>
    chordal.yield %1, %3 : !x, !chordal.kv<2 x 64, k = f32, v = f32>
  }
  // CHECK: dispatch 1 kernels(["attention.F32.scalar"])
  // CHECK-SAME: attributes {parameters = array<i32: 4, 2, 64, 64, {{.+}}>}
  %4 = chordal.attention %0#0, %0#1, %p, %s {scale = 0.125, softcap = 50.0, window = 32} : !x, !chordal.kv<2 x 64, k = f32, v = f32>
  return %4, %0#1 : !x, !chordal.kv<2 x 64, k = f32, v = f32>
}

// Tests divided attention: the number of splits is the last parameter, and what combines them writes
// what its fusion yields: float32, int8 or both.
// CHECK-LABEL: func.func @splits
func.func @splits(%q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<2 x 64, k = f32, v = f32>)
    -> (!x, !chordal.quantized<?x256, "Q8">) attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: dispatch 0 kernels(["attention.F32.scalar"])
  // CHECK-SAME: attributes {parameters = array<i32: 4, 2, 64, 64, {{.+}}, 0, 0, 8>}
  %0 = chordal.attention %q, %kv, %p, %s {scale = 0.125, splits = 8} : !x, !chordal.kv<2 x 64, k = f32, v = f32>
  // CHECK: dispatch 1 kernels(["attention_combine.scalar"])
  // CHECK-SAME: attributes {parameters = array<i32: 4, 64, 8, 1, 0>}
  %1 = chordal.attention_combine %0 {splits = 8, head_dim = 64} : tensor<?x2112xf32>
  // CHECK: dispatch 2 kernels(["attention_combine.scalar"])
  // CHECK-SAME: attributes {parameters = array<i32: 4, 64, 8, 0, 1>}
  %2 = chordal.fused "combine_quantize" (%a = %0) : (tensor<?x2112xf32>) -> !chordal.quantized<?x256, "Q8"> {
    %3 = chordal.attention_combine %a {splits = 8, head_dim = 64} : tensor<?x2112xf32>
    %4 = chordal.quantize %3 : !x -> !chordal.quantized<?x256, "Q8">
    chordal.yield %4 : !chordal.quantized<?x256, "Q8">
  }
  return %1, %2 : !x, !chordal.quantized<?x256, "Q8">
}

// Tests that functions that are no steps are left alone.
// CHECK-LABEL: func.func @no_step
func.func @no_step(%x: !y) -> !y {
  // CHECK-NOT: parameters
  %0 = chordal.scale %x {factor = 2.0} : !y
  return %0 : !y
}
