list(APPEND CHORDAL_KERNELS_SCALAR rows/Embed.cpp rows/Gather.cpp rows/RowsScalar.cpp)
list(APPEND CHORDAL_KERNELS_X86_64_V3 rows/RowsAvx2.cpp)
list(APPEND CHORDAL_KERNELS_AVX512VNNI rows/RowsAvx512.cpp)
list(APPEND CHORDAL_KERNELS_AMX rows/RowsAmx.cpp)
