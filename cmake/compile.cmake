# How everything is compiled: language, warnings, sanitizers, linker, ccache.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_COMPILE_WARNING_AS_ERROR ON)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-fcolor-diagnostics)
else()
  add_compile_options(-fdiagnostics-color=always)
  add_compile_options(-Wno-restrict) # g++ 12 sees overlap in the concatenation of short strings (GCC bug 105651)
endif()

if(KEELSON_SANITIZE)
  add_compile_definitions(KEELSON_SANITIZED)
  add_compile_options(-fsanitize=${KEELSON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized) # instrumented code confuses it; the other builds check
  endif()
  add_link_options(-fsanitize=${KEELSON_SANITIZE})
endif()
if(KEELSON_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(KEELSON_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()

find_program(KEELSON_CCACHE ccache)
find_program(KEELSON_MOLD mold)
find_program(KEELSON_LLD NAMES ld.lld-16 ld.lld)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND KEELSON_LLD)
  add_link_options(-fuse-ld=lld)
elseif(KEELSON_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# File names end up in check() sites: they must be the same wherever the tree is built. With CCACHE_BASEDIR ccache makes
# paths relative to the build folder, so that clones and build folders of one depth share objects.
if(KEELSON_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros
                                  ${KEELSON_CCACHE})
  file(RELATIVE_PATH keelson_source_prefix ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR})
  set(keelson_include_prefix include)
else()
  set(keelson_source_prefix ${CMAKE_SOURCE_DIR}/)
  set(keelson_include_prefix ${CMAKE_BINARY_DIR}/include)
endif()
add_compile_options(-fmacro-prefix-map=${keelson_source_prefix}=)
