// RUN: chordal-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// Tests that a region has an argument for each input.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{has 1 inputs, but its region has 0 arguments}}
  %y = "chordal.fused"(%x) <{kind = "k"}> ({
    %0 = "test.x"() : () -> tensor<?x256xf32>
    chordal.yield %0 : tensor<?x256xf32>
  }) : (tensor<?x256xf32>) -> tensor<?x256xf32>
  return
}

// -----

// Tests that a region's arguments have the inputs' types.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{has input 0 of type 'tensor<?x256xf32>', but the argument has type 'tensor<?x64xf32>'}}
  "chordal.fused"(%x) <{kind = "k"}> ({
  ^bb0(%a: tensor<?x64xf32>):
    chordal.yield
  }) : (tensor<?x256xf32>) -> ()
  return
}

// -----

// Tests that each input is given a type.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-error @below {{there are 1 inputs, but 2 types}}
  chordal.fused "k" (%a = %x) : (tensor<?x256xf32>, tensor<?x256xf32>) -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that a region ends in yield.
func.func @f() {
  // expected-error @below {{must end in chordal.yield}}
  "chordal.fused"() <{kind = "k"}> ({
    llvm.unreachable
  }) : () -> ()
  return
}

// -----

// Tests that a region yields the results.
func.func @f(%x: tensor<?x256xf32>) {
  chordal.fused "k" (%a = %x) : (tensor<?x256xf32>) -> () {
    // expected-error @below {{yields other types than the results of 'chordal.fused'}}
    chordal.yield %a : tensor<?x256xf32>
  }
  return
}

// -----

// Tests that a region sees only its arguments.
func.func @f(%x: tensor<?x256xf32>) {
  // expected-note @below {{required by region isolation constraints}}
  chordal.fused "k" () : () -> () {
    // expected-error @below {{using value defined outside the region}}
    %0 = chordal.scale %x {factor = 1.0} : tensor<?x256xf32>
    chordal.yield
  }
  return
}

// -----

// Tests that yield ends a fused or dispatch op.
func.func @f() {
  // expected-error @below {{expects parent op to be one of 'chordal.fused, chordal.dispatch'}}
  chordal.yield
}

// -----

// Tests that ids are not negative.
func.func @f() {
  // expected-error @below {{must have an id that is not negative}}
  chordal.dispatch -1 kernels([]) device("cpu") rows(tokens) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that a dispatch names a device.
func.func @f() {
  // expected-error @below {{must name a device}}
  chordal.dispatch 0 kernels([]) device("") rows(tokens) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that a dispatch waits for earlier ones.
func.func @f() {
  // expected-error @below {{must come after dispatches in ascending order that precede it, but lists 3}}
  chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) after(1, 3) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that dependencies ascend.
func.func @f() {
  // expected-error @below {{must come after dispatches in ascending order that precede it, but lists 1}}
  chordal.dispatch 3 kernels([]) device("cpu") rows(tokens) after(2, 1) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that rows are of a known kind.
func.func @f() {
  // expected-error @below {{rows are tokens or outputs, not 'others'}}
  chordal.dispatch 0 kernels([]) device("cpu") rows(others) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that there is a slice for each result that is stored.
func.func @f(%s: !chordal.slice) {
  // expected-error @below {{has 1 slices for 0 results that are stored}}
  chordal.dispatch 0 kernels([]) device("cpu") rows(tokens) into(%s) () : () -> () {
    chordal.yield
  }
  return
}

// -----

// Tests that an arena's size is not negative.
func.func @f() {
  // expected-error @below {{must have a size that is not negative}}
  %a = chordal.arena -1 : !chordal.arena
  return
}

// -----

// Tests that a slice lies in the arena.
func.func @f() {
  %a = chordal.arena 128 : !chordal.arena
  // expected-error @below {{ends at byte 129, but the arena has 128}}
  %s = chordal.slice %a at 64, 65 : !chordal.slice
  return
}

// -----

// Tests that slices are aligned.
func.func @f() {
  %a = chordal.arena 128 : !chordal.arena
  // expected-error @below {{must have an offset that is a multiple of 64, not 32}}
  %s = chordal.slice %a at 32, 8 : !chordal.slice
  return
}

// -----

// Tests that slices have positive places.
func.func @f() {
  %a = chordal.arena 128 : !chordal.arena
  // expected-error @below {{must have an offset and a size that are not negative}}
  %s = chordal.slice %a at -64, 8 : !chordal.slice
  return
}
