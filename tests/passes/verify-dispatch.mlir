// RUN: chordal-opt %s --verify-dispatch --split-input-file --verify-diagnostics

!x = tensor<?x64xf32>

// Tests a function that nothing is wrong with.
func.func @right(%x: !x) -> !x {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x attributes {parameters = array<i32: 64>} {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}

// Tests that dispatches are numbered from 0.
func.func @number(%x: !x) -> !x {
  // expected-error @below {{'chordal.dispatch' op should be number 0}}
  %0 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x attributes {parameters = array<i32: 64>} {
    %1 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}

// Tests that no op is left outside; all of them are reported.
func.func @outside(%x: !x) -> !x {
  // expected-error @below {{'chordal.scale' op is in no dispatch}}
  %0 = chordal.scale %x {factor = 2.0} : !x
  // expected-error @below {{'arith.negf' op is in no dispatch}}
  %1 = arith.negf %0 : !x
  return %1 : !x
}

// Tests that kernels are chosen.
func.func @unchosen(%x: !x) -> !chordal.quantized<?x64, "Q8"> {
  // expected-error @below {{'chordal.dispatch' op needs 1 kernels, but names 0}}
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !chordal.quantized<?x64, "Q8"> {
    %1 = chordal.quantize %a : !x -> !chordal.quantized<?x64, "Q8">
    chordal.yield %1 : !chordal.quantized<?x64, "Q8">
  }
  return %0 : !chordal.quantized<?x64, "Q8">
}

// Tests that a matmul has a kernel for each weight.
func.func @too_few(%x: !x, %w: !chordal.quantized<64x64, "F16">) -> (!x, !x) {
  // expected-error @below {{'chordal.dispatch' op needs 2 kernels, but names 1}}
  %0:2 = chordal.dispatch 0 kernels(["quantize.scalar"]) device("cpu") rows(tokens) (%a = %x, %b = %w) : (!x, !chordal.quantized<64x64, "F16">) -> (!x, !x) {
    %1:2 = chordal.matmul %a, (%b, %b) : (!x, !chordal.quantized<64x64, "F16">, !chordal.quantized<64x64, "F16">) -> (!x, !x)
    chordal.yield %1#0, %1#1 : !x, !x
  }
  return %0#0, %0#1 : !x, !x
}

// Tests that kernels exist.
func.func @unknown(%x: !x) -> !chordal.quantized<?x64, "Q8"> {
  // expected-error @below {{'chordal.dispatch' op names the kernel 'quantize.mmx', which is not in the catalogue}}
  %0 = chordal.dispatch 0 kernels(["quantize.mmx"]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !chordal.quantized<?x64, "Q8"> {
    %1 = chordal.quantize %a : !x -> !chordal.quantized<?x64, "Q8">
    chordal.yield %1 : !chordal.quantized<?x64, "Q8">
  }
  return %0 : !chordal.quantized<?x64, "Q8">
}

// Tests that a kernel computes what the region says.
func.func @other_family(%x: !x) -> !chordal.quantized<?x64, "Q8"> {
  // expected-error @below {{'chordal.dispatch' op names the kernel 'embed.scalar', which computes something else}}
  %0 = chordal.dispatch 0 kernels(["embed.scalar"]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !chordal.quantized<?x64, "Q8"> {
    %1 = chordal.quantize %a : !x -> !chordal.quantized<?x64, "Q8">
    chordal.yield %1 : !chordal.quantized<?x64, "Q8">
  }
  return %0 : !chordal.quantized<?x64, "Q8">
}

// Tests that a kernel has parameters, and as many as it reads.
func.func @parameters(%x: !x) -> (!chordal.quantized<?x64, "Q8">, !x) {
  // expected-error @below {{'chordal.dispatch' op has no parameters for its kernel}}
  %0 = chordal.dispatch 0 kernels(["quantize.scalar"]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !chordal.quantized<?x64, "Q8"> {
    %1 = chordal.quantize %a : !x -> !chordal.quantized<?x64, "Q8">
    chordal.yield %1 : !chordal.quantized<?x64, "Q8">
  }
  // expected-error @below {{'chordal.dispatch' op needs 1 words of parameters, but has 2}}
  %2 = chordal.dispatch 1 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x attributes {parameters = array<i32: 64, 1>} {
    %3 = chordal.scale %a {factor = 2.0} : !x
    chordal.yield %3 : !x
  }
  return %0, %2 : !chordal.quantized<?x64, "Q8">, !x
}

// Tests that the region is one that kernels compute.
func.func @region(%x: !x) -> !x {
  %0 = chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) (%a = %x) : (!x) -> !x {
    // expected-error @below {{'chordal.rms_norm' op without a weight has no kernel}}
    %1 = chordal.rms_norm %a {epsilon = 1.0e-5} : !x
    chordal.yield %1 : !x
  }
  return %0 : !x
}
