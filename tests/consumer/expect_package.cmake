# Installs BUILD into a fresh prefix, builds the consumer project against it alone, and runs what came out.
file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
set(flags "")
foreach(flag CMAKE_CXX_COMPILER CMAKE_CXX_FLAGS CMAKE_BUILD_TYPE)
  list(APPEND flags "-D${flag}=${${flag}}")
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${WORK}/build -DCMAKE_PREFIX_PATH=${prefix} ${flags}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/build --parallel 2 COMMAND_ERROR_IS_FATAL ANY)
foreach(program uses_kernel uses_sim uses_io)
  if(EXISTS ${WORK}/build/${program})
    execute_process(COMMAND ${WORK}/build/${program} COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
execute_process(COMMAND ${prefix}/bin/keelson version COMMAND_ERROR_IS_FATAL ANY)

# Whose workload is not a function of the seed is told so.
execute_process(
  COMMAND ${WORK}/build/wrong_workload sim ${SOURCE}/register.textproto --seed 1
  WORKING_DIRECTORY ${WORK}
  RESULT_VARIABLE code
  OUTPUT_VARIABLE output)
set(wanted "differ first in record [0-9]+ of their traces: .*machine `register` or its workload .*your program, not the kernel")
if(NOT code EQUAL 4 OR NOT output MATCHES "${wanted}")
  message(FATAL_ERROR "wrong_workload: exit code ${code}\n${output}\nexpected 4, and: ${wanted}")
endif()
