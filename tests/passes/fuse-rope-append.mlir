// RUN: chordal-opt %s --fuse-epilogues | FileCheck %s
// RUN: chordal-opt %s --fuse-epilogues --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!kv = !chordal.kv<2 x 32, k = f16, v = f16>
!q = tensor<?x128xf32>
!k = tensor<?x64xf32>
!t = tensor<?x32xf32>

// Tests that rotations and the append become one op that yields the rotated query and the next state.
// CHECK-LABEL: func.func @rope_append
// CHECK-SAME: %[[Q:[^:]+]]: tensor<?x128xf32>, %[[K:[^:]+]]: tensor<?x64xf32>, %[[V:[^:]+]]: tensor<?x64xf32>, %[[T:[^:]+]]: tensor<?x32xf32>, %[[P:[^:]+]]: tensor<?xi32>, %[[S:[^:]+]]: tensor<?xi32>, %[[KV:[^:]+]]: !chordal.kv
func.func @rope_append(%q: !q, %k: !k, %v: !k, %t: !t, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!q, !kv) {
  // CHECK-NEXT: %[[R:.+]]:2 = chordal.fused "rope_append" (%[[A:.+]] = %[[Q]], %[[B:.+]] = %[[K]], %[[C:.+]] = %[[V]], %[[D:.+]] = %[[T]], %[[E:.+]] = %[[P]], %[[F:.+]] = %[[S]], %[[G:.+]] = %[[KV]]) :
  // CHECK-SAME: -> (tensor<?x128xf32>, !chordal.kv<2 x 32, k = f16, v = f16>) {
  // CHECK-NEXT: %[[RQ:.+]] = chordal.rope %[[A]], %[[D]]
  // CHECK-NEXT: %[[RK:.+]] = chordal.rope %[[B]], %[[D]]
  // CHECK-NEXT: %[[N:.+]] = chordal.kv_append %[[G]], %[[RK]], %[[C]], %[[E]], %[[F]]
  // CHECK-NEXT: chordal.yield %[[RQ]], %[[N]]
  // CHECK-NEXT: }
  // CHECK-NEXT: %[[O:.+]] = chordal.attention %[[R]]#0, %[[R]]#1, %[[P]], %[[S]]
  // CHECK-NEXT: return %[[O]], %[[R]]#1
  // REMARK: remark: [Passed] fused-rope | Category:fuse-epilogues | Function=rope_append | {{.*}}fused rotation of query and key and KV append
  %rk = chordal.rope %k, %t {head_dim = 32, style = interleaved} : !k, !t
  %n = chordal.kv_append %kv, %rk, %v, %p, %s : !kv, !k, !k
  %rq = chordal.rope %q, %t {head_dim = 32, style = interleaved} : !q, !t
  %o = chordal.attention %rq, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n : !q, !kv
}

// Tests that norms per head are taken in, with their weights as the last operands.
// CHECK-LABEL: func.func @norms
// CHECK-SAME: %[[WQ:[^:,]+]]: tensor<32xf32>, %[[WK:[^:,]+]]: tensor<32xf32>
func.func @norms(%q: !q, %k: !k, %v: !k, %t: !t, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %wq: tensor<32xf32>, %wk: tensor<32xf32>) -> (!q, !kv) {
  // CHECK-NEXT: chordal.fused "rope_append" (
  // CHECK-SAME: %[[A:[^ ]+]] = %[[WQ]], %[[B:[^ ]+]] = %[[WK]]) :
  // CHECK-NEXT: %[[NQ:.+]] = chordal.rms_norm %{{.+}}, %[[A]]
  // CHECK-NEXT: %[[NK:.+]] = chordal.rms_norm %{{.+}}, %[[B]]
  // CHECK-NEXT: chordal.rope %[[NQ]]
  // CHECK-NEXT: chordal.rope %[[NK]]
  // CHECK-NEXT: chordal.kv_append
  // REMARK: [Passed] fused-rope | {{.*}}Function=norms | {{.*}}fused norms per head, rotation of query and key and KV append
  %nq = chordal.rms_norm %q, %wq {epsilon = 1.0e-6, group = 32} : !q, tensor<32xf32>
  %nk = chordal.rms_norm %k, %wk {epsilon = 1.0e-6, group = 32} : !k, tensor<32xf32>
  %rq = chordal.rope %nq, %t {head_dim = 32, style = half_split} : !q, !t
  %rk = chordal.rope %nk, %t {head_dim = 32, style = half_split} : !k, !t
  %n = chordal.kv_append %kv, %rk, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %rq, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n : !q, !kv
}

// Tests that norms of heads that are not rotated are taken in, here layer norms with a weight for
// each head.
// CHECK-LABEL: func.func @norms_without_rotation
func.func @norms_without_rotation(%q: !q, %k: !k, %v: !k, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %wq: tensor<128xf32>, %wk: tensor<64xf32>) -> (!q, !kv) {
  // CHECK-NEXT: chordal.fused "rope_append" (
  // CHECK-NEXT: chordal.layer_norm
  // CHECK-NEXT: chordal.layer_norm
  // CHECK-NEXT: chordal.kv_append
  // REMARK: [Passed] fused-rope | {{.*}}Function=norms_without_rotation | {{.*}}fused norms per head, KV append
  %nq = chordal.layer_norm %q, %wq {epsilon = 1.0e-6, group = 32} : !q, tensor<128xf32>
  %nk = chordal.layer_norm %k, %wk {epsilon = 1.0e-6, group = 32} : !k, tensor<64xf32>
  %n = chordal.kv_append %kv, %nk, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %nq, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n : !q, !kv
}

// Tests that norms that differ stay outside.
// CHECK-LABEL: func.func @norms_differ
func.func @norms_differ(%q: !q, %k: !k, %v: !k, %t: !t, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv, %w: tensor<32xf32>) -> (!q, !kv) {
  // CHECK-NEXT: chordal.rms_norm
  // CHECK-NEXT: chordal.fused "rope_append"
  // CHECK-NEXT: chordal.rope
  // CHECK-NEXT: chordal.rope
  // CHECK-NEXT: chordal.kv_append
  // REMARK: [Missed] norms-differ | {{.*}}Function=norms_differ | {{.*}}norms per head not fused, because query and key are not normalised alike
  %nq = chordal.rms_norm %q, %w {epsilon = 1.0e-6, group = 32} : !q, tensor<32xf32>
  %rq = chordal.rope %nq, %t {head_dim = 32, style = half_split} : !q, !t
  %rk = chordal.rope %k, %t {head_dim = 32, style = half_split} : !k, !t
  %n = chordal.kv_append %kv, %rk, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %rq, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n : !q, !kv
}

// Tests that rotations of different style are not fused.
// CHECK-LABEL: func.func @styles_differ
func.func @styles_differ(%q: !q, %k: !k, %v: !k, %t: !t, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!q, !kv) {
  // CHECK-NOT: chordal.fused
  // REMARK: [Missed] rope-settings-differ | {{.*}}Function=styles_differ | {{.*}}because query and key are not rotated alike
  %rq = chordal.rope %q, %t {head_dim = 32, style = half_split} : !q, !t
  %rk = chordal.rope %k, %t {head_dim = 32, style = interleaved} : !k, !t
  %n = chordal.kv_append %kv, %rk, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %rq, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n : !q, !kv
}

// Tests that a layer without rotation is left as it is.
// CHECK-LABEL: func.func @no_rope
func.func @no_rope(%q: !q, %k: !k, %v: !k, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!q, !kv) {
  // CHECK-NOT: chordal.fused
  // REMARK: [Missed] query-not-rotated | {{.*}}Function=no_rope
  %n = chordal.kv_append %kv, %k, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %q, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n : !q, !kv
}

// Tests that a key that is not rotated is left as it is.
// CHECK-LABEL: func.func @key_not_rotated
func.func @key_not_rotated(%q: !q, %k: !k, %v: !k, %t: !t, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!q, !kv) {
  // CHECK-NOT: chordal.fused
  // REMARK: [Missed] key-not-rotated | {{.*}}Function=key_not_rotated
  %rq = chordal.rope %q, %t {head_dim = 32, style = half_split} : !q, !t
  %n = chordal.kv_append %kv, %k, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %rq, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n : !q, !kv
}

// Tests that a rotated value that is read elsewhere is not fused.
// CHECK-LABEL: func.func @other_reader
func.func @other_reader(%q: !q, %k: !k, %v: !k, %t: !t, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!q, !kv, !k) {
  // CHECK-NOT: chordal.fused
  // REMARK: [Missed] result-has-other-readers | {{.*}}Function=other_reader
  %rq = chordal.rope %q, %t {head_dim = 32, style = half_split} : !q, !t
  %rk = chordal.rope %k, %t {head_dim = 32, style = half_split} : !k, !t
  %n = chordal.kv_append %kv, %rk, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %rq, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %n, %rk : !q, !kv, !k
}

// Tests that a second attention that reads the same state (as layers without keys of their own do)
// gets the new state, and rotates its query itself.
// CHECK-LABEL: func.func @other_layer
func.func @other_layer(%q: !q, %r: !q, %k: !k, %v: !k, %t: !t, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !kv) -> (!q, !q) {
  // CHECK-NEXT: %[[R:.+]]:2 = chordal.fused "rope_append"
  // CHECK: %[[A:.+]] = chordal.attention %[[R]]#0, %[[R]]#1
  // CHECK-NEXT: %[[Q:.+]] = chordal.rope
  // CHECK-NEXT: %[[B:.+]] = chordal.attention %[[Q]], %[[R]]#1
  // CHECK-NEXT: return %[[A]], %[[B]]
  // REMARK: [Passed] fused-rope | {{.*}}Function=other_layer
  %rq = chordal.rope %q, %t {head_dim = 32, style = half_split} : !q, !t
  %rk = chordal.rope %k, %t {head_dim = 32, style = half_split} : !k, !t
  %n = chordal.kv_append %kv, %rk, %v, %p, %s : !kv, !k, !k
  %o = chordal.attention %rq, %n, %p, %s {scale = 0.125} : !q, !kv
  %rr = chordal.rope %r, %t {head_dim = 32, style = half_split} : !q, !t
  %oo = chordal.attention %rr, %n, %p, %s {scale = 0.125} : !q, !kv
  return %o, %oo : !q, !q
}
// REMARK-NOT: [Missed]
