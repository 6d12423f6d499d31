// RUN: chordal-opt %s --split-attention | FileCheck %s
// RUN: chordal-opt %s --split-attention > %t.once && chordal-opt %t.once --split-attention | diff %t.once -
// RUN: chordal-opt %s --split-attention --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!kv4 = !chordal.kv<4 x 64, k = f16, v = f16>
!x = tensor<?x512xf32>

// Tests that four heads get four parts each, whose values may have another dimension than keys.
// CHECK-LABEL: func.func @four_heads
// CHECK-SAME: %[[Q:[^:]+]]: tensor<?x512xf32>
func.func @four_heads(%q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<4 x 64 / 32, k = f16, v = f16>) -> tensor<?x256xf32> attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NEXT: %[[A:.+]] = chordal.attention %[[Q]], {{.+}} {scale = 1.250000e-01, splits = 4} : tensor<?x512xf32>
  // CHECK-NEXT: %[[C:.+]] = chordal.attention_combine %[[A]] {splits = 4, head_dim = 32} : tensor<?x1088xf32>
  // CHECK-NEXT: return %[[C]] : tensor<?x256xf32>
  // REMARK: remark: [Passed] split | Category:split-attention | Function=four_heads | {{.*}}divided positions into 4 parts for each of 4 heads of the cache
  %o = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !chordal.kv<4 x 64 / 32, k = f16, v = f16>
  return %o : tensor<?x256xf32>
}

// Tests that short windows are left whole.
// CHECK-LABEL: func.func @windows
func.func @windows(%q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv4) -> (!x, !x) attributes {chordal.tokens = array<i64: 2, 16>} {
  // CHECK: window = 2048, splits = 4
  // CHECK-NEXT: attention_combine
  // CHECK-NEXT: window = 2047} :
  // CHECK-NEXT: return
  %a = chordal.attention %q, %kv, %p, %s {scale = 0.125, window = 2048} : !x, !kv4
  %b = chordal.attention %q, %kv, %p, %s {scale = 0.125, window = 2047} : !x, !kv4
  return %a, %b : !x, !x
}

// Tests that steps of many tokens and models with as many heads as shards are wanted are left alone.
// CHECK-LABEL: func.func @many_tokens
func.func @many_tokens(%q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv4) -> !x attributes {chordal.tokens = array<i64: 17, 512>} {
  // CHECK-NOT: splits
  %o = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !kv4
  return %o : !x
}
// CHECK-LABEL: func.func @many_heads
func.func @many_heads(%q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !chordal.kv<16 x 32, k = f16, v = f16>) -> !x attributes {chordal.tokens = array<i64: 1, 1>} {
  // CHECK-NOT: splits
  %o = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !chordal.kv<16 x 32, k = f16, v = f16>
  return %o : !x
}
