// RUN: chordal-opt %s --split-attention | FileCheck %s

// Tests that models of short contexts are left alone, whatever their windows.

!kv = !chordal.kv<4 x 64, k = f16, v = f16>
!x = tensor<?x512xf32>

module attributes {chordal.model = {context_length = 1024 : i64}} {
  // CHECK-LABEL: func.func @short
  func.func @short(%q: !x, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!x, !x) attributes {chordal.tokens = array<i64: 1, 1>} {
    // CHECK-NOT: splits
    %a = chordal.attention %q, %kv, %p, %s {scale = 0.125} : !x, !kv
    %b = chordal.attention %q, %kv, %p, %s {scale = 0.125, window = 4096} : !x, !kv
    return %a, %b : !x, !x
  }
}
