// RUN: chordal-opt %s --quantize-activations=isa=x86-64-v3 | FileCheck %s
// RUN: chordal-opt %s --quantize-activations=isa=amx | FileCheck %s --check-prefix=AMX
// RUN: chordal-opt %s --quantize-activations=isa=x86-64-v3 --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Tests that the input is quantised where it is made, once for all its readers.
// CHECK-LABEL: func.func @once
func.func @once(%x: tensor<?x256xf32>, %a: !chordal.quantized<64x256, "Q4_K">, %b: !chordal.quantized<32x256, "Q6_K">) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>) {
  // CHECK-NEXT: %[[S:.+]] = chordal.scale
  // CHECK-NEXT: %[[Q:.+]] = chordal.quantize %[[S]] : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  // CHECK-NEXT: chordal.matmul %[[Q]], (%{{.+}}, %{{.+}}) : (!chordal.quantized<?x256, "Q8">,
  // CHECK-NEXT: chordal.matmul %[[Q]], (%{{.+}}) : (!chordal.quantized<?x256, "Q8">,
  // REMARK: [[#@LINE+1]]:{{[0-9]+}}: remark: [Passed] quantized | Category:quantize-activations | Function=once | {{.*}}quantised 256 features to Q8 for all matmuls that read them
  %s = chordal.scale %x {factor = 2.0} : tensor<?x256xf32>
  %0, %1 = chordal.matmul %s, (%a, %b) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<32x256, "Q6_K">) -> (tensor<?x64xf32>, tensor<?x32xf32>)
  %2 = chordal.matmul %s, (%a) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  return %0, %1, %2 : tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x64xf32>
}

// Tests that an argument is quantised at the start of the function.
// CHECK-LABEL: func.func @argument
func.func @argument(%x: tensor<?x256xf32>, %a: !chordal.quantized<64x256, "Q8_0">) -> tensor<?x64xf32> {
  // CHECK-NEXT: %[[Q:.+]] = chordal.quantize
  // CHECK-NEXT: chordal.matmul %[[Q]]
  %0 = chordal.matmul %x, (%a) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q8_0">) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// Tests that matmuls with float weights keep float32 activations.
// CHECK-LABEL: func.func @floats
func.func @floats(%x: tensor<?x256xf32>, %a: !chordal.quantized<64x256, "F16">, %b: !chordal.quantized<64x256, "F32">, %c: tensor<64x256xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NOT: chordal.quantize %
  %0 = chordal.matmul %x, (%a) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F16">) -> tensor<?x64xf32>
  %1 = chordal.matmul %x, (%b) : (tensor<?x256xf32>, !chordal.quantized<64x256, "F32">) -> tensor<?x64xf32>
  %2 = chordal.matmul %x, (%c) : (tensor<?x256xf32>, tensor<64x256xf32>) -> tensor<?x64xf32>
  return %0, %1, %2 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that a matmul whose weights disagree is left alone.
// CHECK-LABEL: func.func @disagree
func.func @disagree(%x: tensor<?x256xf32>, %a: !chordal.quantized<64x256, "Q4_K">, %b: !chordal.quantized<64x256, "F16">) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NOT: chordal.quantize %
  // REMARK: [[#@LINE+1]]:{{[0-9]+}}: remark: [Missed] weights-disagree | Category:quantize-activations | Function=disagree | {{.*}}input left as float32, because its weights are of formats that are multiplied with different activations
  %0, %1 = chordal.matmul %x, (%a, %b) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">, !chordal.quantized<64x256, "F16">) -> (tensor<?x64xf32>, tensor<?x64xf32>)
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// Tests that matrix units get bfloat16 for many rows, and experts, which do not run on them, Q8.
// CHECK-LABEL: func.func @many
// AMX-LABEL: func.func @many
func.func @many(%x: tensor<?x256xf32>, %a: !chordal.quantized<64x256, "Q4_K">, %b: !chordal.quantized<4x64x256, "Q4_K">, %c: !chordal.quantized<64x256, "BF16">, %experts: tensor<?x2xi32>) -> (tensor<?x64xf32>, tensor<?x128xf32>, tensor<?x64xf32>) attributes {chordal.tokens = array<i64: 17, 512>} {
  // CHECK: chordal.matmul %{{.+}}, (%{{.+}}) : (!chordal.quantized<?x256, "Q8">
  // CHECK: chordal.matmul %{{.+}}, (%{{.+}}) : (tensor<?x256xf32>
  // AMX-DAG: %[[Q:.+]] = chordal.quantize %{{.+}} : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  // AMX-DAG: %[[B:.+]] = chordal.quantize %{{.+}} : tensor<?x256xf32> -> !chordal.quantized<?x256, "BF16x16">
  // AMX-NOT: chordal.quantize %
  // AMX: chordal.matmul %[[B]], (%{{.+}})
  %0 = chordal.matmul %x, (%a) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  // AMX: chordal.moe_matmul %[[Q]], %{{.+}}
  %routes = chordal.group_routes %experts {count = 4 : i64} : (tensor<?x2xi32>) -> tensor<?x8xi32>
  %1 = chordal.moe_matmul %x, %routes, (%b) : (tensor<?x256xf32>, tensor<?x8xi32>, !chordal.quantized<4x64x256, "Q4_K">) -> tensor<?x128xf32>
  // AMX: chordal.matmul %[[B]], (%{{.+}})
  %2 = chordal.matmul %x, (%c) : (tensor<?x256xf32>, !chordal.quantized<64x256, "BF16">) -> tensor<?x64xf32>
  return %0, %1, %2 : tensor<?x64xf32>, tensor<?x128xf32>, tensor<?x64xf32>
}

// Tests that outputs, of which a prompt has one, are computed as few rows are, whatever the bucket.
// AMX-LABEL: func.func @outputs
func.func @outputs(%x: tensor<?x256xf32>, %row: tensor<?xi32>, %a: !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32> attributes {chordal.tokens = array<i64: 17, 512>} {
  %rows = chordal.gather_rows %x, %row : tensor<?x256xf32>, tensor<?xi32>
  // AMX: chordal.quantize %{{.+}} : tensor<?x256xf32> -> !chordal.quantized<?x256, "Q8">
  %0 = chordal.matmul %rows, (%a) : (tensor<?x256xf32>, !chordal.quantized<64x256, "Q4_K">) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
// REMARK-NOT: [Missed]
