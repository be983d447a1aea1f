# keelson_add_test_helpers(<folder> <suffix> <layer>): static library keelson_test_lib[_<suffix>] of the folder's *.cc,
# included as "tests/lib/...".
function(keelson_add_test_helpers folder suffix layer)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc)
  if(NOT sources OR NOT TARGET keelson_${layer})
    return()
  endif()
  set(target keelson_test_lib)
  if(suffix)
    string(APPEND target _${suffix})
  endif()
  add_library(${target} STATIC ${sources})
  keelson_link_test_libraries(${target} ${layer})
  keelson_compile_fast(${target})
endfunction()

# Links a test target with its layer and the helpers of that layer and all layers to its left.
function(keelson_link_test_libraries target layer)
  target_link_libraries(${target} PUBLIC keelson_${layer})
  foreach(left IN LISTS layers_left_to_right)
    if(NOT (left STREQUAL "sim" AND layer STREQUAL "io")) # the two drivers do not know each other
      if(TARGET keelson_test_lib_${left} AND NOT target STREQUAL "keelson_test_lib_${left}")
        target_link_libraries(${target} PUBLIC keelson_test_lib_${left})
      endif()
    endif()
    if(left STREQUAL layer)
      break()
    endif()
  endforeach()
  if(TARGET keelson_test_lib AND NOT target STREQUAL "keelson_test_lib")
    target_link_libraries(${target} PUBLIC keelson_test_lib)
  endif()
  target_link_libraries(${target} PUBLIC GTest::gmock rapidcheck rapidcheck_gtest)
  # include/fuzz: the generators that properties and fuzz targets share, "fuzz/gen/..."
  target_include_directories(${target} PUBLIC ${CMAKE_BINARY_DIR}/include/tests ${CMAKE_BINARY_DIR}/include/fuzz)
endfunction()

# keelson_add_tests(<folder> NAME <name> LAYERS <layer>... [LABEL <label>] [COMMAND] [RC_PARAMS <parameters>])
# COMMAND: the tests start the real binary, whose path is KEELSON_COMMAND. RC_PARAMS: of properties that take longer than
# others, instead of KEELSON_RC_PARAMS.
function(keelson_add_tests folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "COMMAND" "NAME;LABEL;RC_PARAMS" "LAYERS")
  set(folder ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
  file(GLOB_RECURSE property_sources CONFIGURE_DEPENDS ${folder}/*_property_test.cc)
  file(GLOB_RECURSE unit_sources CONFIGURE_DEPENDS ${folder}/*_test.cc)
  list(REMOVE_ITEM unit_sources ${property_sources})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_RC_PARAMS)
    set(arg_RC_PARAMS ${KEELSON_RC_PARAMS})
  endif()
  keelson_add_test_program(${arg_NAME}_test ${arg_LABEL} "${unit_sources}")
  keelson_add_test_program(${arg_NAME}_property_test property "${property_sources}")
endfunction()

# Tests are compiled for the time it takes: unoptimised (what they test is not), lines but no variables for the
# debugger, and the test libraries' headers parsed once per build.
function(keelson_compile_fast target)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${target} PRIVATE -O0 -g1)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess) # lets ccache see through a precompiled header
  endif()
  if(NOT target STREQUAL "keelson_test_headers")
    target_precompile_headers(${target} REUSE_FROM keelson_test_headers)
  endif()
endfunction()

# Reads arg_LAYERS, arg_COMMAND and arg_RC_PARAMS of its caller.
function(keelson_add_test_program target label sources)
  foreach(layer IN LISTS arg_LAYERS)
    if(NOT TARGET keelson_${layer} AND NOT arg_COMMAND)
      return()
    endif()
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_executable(${target} ${sources})
  foreach(layer IN LISTS arg_LAYERS)
    if(TARGET keelson_${layer})
      keelson_link_test_libraries(${target} ${layer})
    endif()
  endforeach()
  target_link_libraries(${target} PRIVATE GTest::gmock_main)
  keelson_compile_fast(${target})
  target_compile_definitions(${target} PRIVATE KEELSON_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(arg_COMMAND)
    target_compile_definitions(${target} PRIVATE KEELSON_COMMAND="$<TARGET_FILE:keelson>")
    add_dependencies(${target} keelson)
  endif()
  gtest_discover_tests(
    ${target}
    TEST_PREFIX ${arg_NAME}/
    DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${label} ENVIRONMENT "RC_PARAMS=${arg_RC_PARAMS}" TIMEOUT 300)
endfunction()
