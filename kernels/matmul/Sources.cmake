list(APPEND CHORDAL_KERNELS_SCALAR matmul/MatmulScalar.cpp)
list(APPEND CHORDAL_KERNELS_X86_64_V2 matmul/MatmulSse.cpp)
list(APPEND CHORDAL_KERNELS_X86_64_V3 matmul/MatmulAvx2.cpp matmul/MatmulCodebooksAvx2.cpp matmul/MatmulSmallAvx2.cpp)
list(APPEND CHORDAL_KERNELS_AVX512VNNI matmul/MatmulAvx512.cpp matmul/MatmulCodebooksAvx512.cpp
  matmul/MatmulSmallAvx512.cpp)
list(APPEND CHORDAL_KERNELS_AMX matmul/MatmulAmx.cpp)
list(APPEND CHORDAL_KERNELS_NEON matmul/MatmulNeon.cpp)
list(APPEND CHORDAL_KERNELS_NEON_DOTPROD matmul/MatmulNeonDotprod.cpp)
list(APPEND CHORDAL_KERNELS_NEON_I8MM matmul/MatmulNeonI8mm.cpp)
