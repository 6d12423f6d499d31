# What folders that use MLIR need: `include(ChordalMlir)`.

include_guard(GLOBAL)

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
find_library(CHORDAL_LIBMLIR MLIR REQUIRED HINTS ${LLVM_LIBRARY_DIRS} NO_DEFAULT_PATH)
find_library(CHORDAL_LIBLLVM NAMES LLVM LLVM-22 REQUIRED HINTS ${LLVM_LIBRARY_DIRS} NO_DEFAULT_PATH)
set(CHORDAL_MLIR_TBLGEN ${MLIR_TABLEGEN_EXE} CACHE INTERNAL "mlir-tblgen")
set(CHORDAL_MLIR_INCLUDE ${MLIR_INCLUDE_DIRS} CACHE INTERNAL "headers of MLIR")
set(CHORDAL_LLVM_BIN ${LLVM_TOOLS_BINARY_DIR} CACHE INTERNAL "FileCheck, not, split-file")
# By path: the imported target of that name is known only in the folder that included this first.
if(NOT EXISTS "${CHORDAL_MLIR_TBLGEN}")
  find_program(CHORDAL_MLIR_TBLGEN_FOUND mlir-tblgen REQUIRED HINTS ${LLVM_TOOLS_BINARY_DIR})
  set(CHORDAL_MLIR_TBLGEN ${CHORDAL_MLIR_TBLGEN_FOUND} CACHE INTERNAL "mlir-tblgen")
endif()

# The shared libraries of MLIR and LLVM and nothing of the static ones: two copies of MLIR in one
# process disagree about type ids. Headers are SYSTEM so that their warnings are not ours.
add_library(chordal_mlir INTERFACE)
target_include_directories(chordal_mlir SYSTEM INTERFACE ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
target_link_libraries(chordal_mlir INTERFACE ${CHORDAL_LIBMLIR} ${CHORDAL_LIBLLVM})

# chordal_tablegen(TARGET FILE.td OUTPUT "flags" [OUTPUT "flags"]...): files that mlir-tblgen makes
# from FILE.td, written to the same folder of the build tree, and a target that makes them all.
function(chordal_tablegen target td)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${td})
  set(outputs)
  set(rest ${ARGN})
  while(rest)
    list(POP_FRONT rest output flags)
    separate_arguments(flags)
    set(path ${CMAKE_CURRENT_BINARY_DIR}/${output})
    set(includes)
    foreach(folder ${PROJECT_SOURCE_DIR} ${CHORDAL_MLIR_INCLUDE})
      list(APPEND includes -I ${folder})
    endforeach()
    add_custom_command(OUTPUT ${path}
      COMMAND ${CHORDAL_MLIR_TBLGEN} ${flags} ${includes} ${source} -o ${path} -d ${path}.d
      DEPENDS ${source} DEPFILE ${path}.d COMMENT "mlir-tblgen ${output}" VERBATIM)
    list(APPEND outputs ${path})
  endwhile()
  add_custom_target(${target} DEPENDS ${outputs})
endfunction()

# chordal_mlir_library(NAME SOURCES... LINK libraries... [TABLEGEN targets...]): a library that uses
# MLIR; everything in it waits for the generated headers of its TABLEGEN targets and of what it links.
function(chordal_mlir_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;TABLEGEN" ${ARGN})
  chordal_library(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK} chordal_mlir)
  # The compiler's own speed is a matter of its algorithms; -O1 halves the time to build it.
  target_compile_options(${name} PRIVATE -O1)
  # Most of the time goes into MLIR's headers: parsed once, they leave 40 % of it.
  if(name STREQUAL chordal_mlir_headers)
    target_precompile_headers(${name} PRIVATE
      <mlir/Dialect/Func/IR/FuncOps.h> <mlir/IR/Builders.h> <mlir/IR/BuiltinOps.h>
      <mlir/IR/OpImplementation.h> <mlir/Interfaces/InferTypeOpInterface.h>
      <mlir/Interfaces/SideEffectInterfaces.h> <mlir/Pass/Pass.h> <llvm/ADT/TypeSwitch.h>)
  else()
    target_precompile_headers(${name} REUSE_FROM chordal_mlir_headers)
  endif()
  if(arg_TABLEGEN)
    add_dependencies(${name} ${arg_TABLEGEN})
  endif()
endfunction()

# Owns the precompiled headers and nothing else.
chordal_mlir_library(chordal_mlir_headers SOURCES ${CMAKE_CURRENT_LIST_DIR}/Headers.cpp)
