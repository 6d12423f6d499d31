# The few CMake functions that every folder uses.

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers are compared by content, which needs to be allowed.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

set(CHORDAL_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter)
# No assembly-level contraction: a product and a sum round twice unless the source says fma, so that
# every build of the same source gives the same numbers.
set(CHORDAL_OPTIONS ${CHORDAL_WARNINGS} -ffp-contract=off -fvisibility-inlines-hidden)
if(CHORDAL_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# chordal_library(NAME SOURCES... LINK libraries...): a static library of the project; headers are
# included by their path from the top of the tree.
function(chordal_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_compile_options(${name} PRIVATE ${CHORDAL_OPTIONS})
  target_link_libraries(${name} PUBLIC ${arg_LINK})
endfunction()

# chordal_executable(NAME SOURCES... LINK libraries...)
function(chordal_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_compile_options(${name} PRIVATE ${CHORDAL_OPTIONS})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()

# chordal_test(NAME SOURCES... LINK libraries... [LABELS labels...]): a GoogleTest executable and its
# entry in CTest. Tests find data through two definitions: CHORDAL_TEST_DATA (tests/data) and
# CHORDAL_SHARED_DATA (reference data outside the repository, "" when there is none).
function(chordal_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;LABELS" ${ARGN})
  chordal_executable(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    CHORDAL_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data"
    CHORDAL_SHARED_DATA="${CHORDAL_SHARED_DATA}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300)
endfunction()
