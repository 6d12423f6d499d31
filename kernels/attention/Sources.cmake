list(APPEND CHORDAL_KERNELS_SCALAR attention/AttentionScalar.cpp)
list(APPEND CHORDAL_KERNELS_X86_64_V3 attention/AttentionAvx2.cpp)
list(APPEND CHORDAL_KERNELS_AVX512VNNI attention/AttentionAvx512.cpp)
list(APPEND CHORDAL_KERNELS_AMX attention/AttentionAmx.cpp)
