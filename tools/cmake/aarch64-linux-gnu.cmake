# Toolchain: from x86-64 to aarch64 with clang and lld, on the C and C++ libraries of Debian's cross
# packages. Programs are static, so that an emulator needs nothing else to run them.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
foreach(language C CXX)
  set(CMAKE_${language}_COMPILER_TARGET aarch64-linux-gnu)
endforeach()
set(CMAKE_C_COMPILER clang-22 CACHE STRING "")
set(CMAKE_CXX_COMPILER clang++-22 CACHE STRING "")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -fuse-ld=lld")
