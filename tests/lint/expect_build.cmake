# Builds the fixture with one violation and expects the build to fail with EXPECTED, or to succeed where that is empty.
file(REMOVE_RECURSE ${BINARY})
execute_process(
  COMMAND ${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${BINARY} -DCMAKE_CXX_COMPILER=${COMPILER} -DVARIANT=${VARIANT}
          -DKEELSON_MODULES=${MODULES}
  RESULT_VARIABLE configured
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output)
if(NOT configured EQUAL 0)
  message(FATAL_ERROR "the fixture does not configure:\n${output}")
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} --build ${BINARY} --parallel 2 --target all check_headers check_symbols -- -k 0
  RESULT_VARIABLE built
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output)
string(ASCII 27 escape)
string(REGEX REPLACE "${escape}\\[[0-9;]*[mK]" "" output "${output}")
if(EXPECTED STREQUAL "")
  if(NOT built EQUAL 0)
    message(FATAL_ERROR "${VARIANT} must build:\n${output}")
  endif()
elseif(built EQUAL 0)
  message(FATAL_ERROR "${VARIANT} was built, but it breaks a layering rule")
elseif(NOT output MATCHES "${EXPECTED}")
  message(FATAL_ERROR "${VARIANT} failed for another reason than '${EXPECTED}':\n${output}")
endif()
