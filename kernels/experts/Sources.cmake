list(APPEND CHORDAL_KERNELS_SCALAR experts/Router.cpp experts/Rows.cpp)
