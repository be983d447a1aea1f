# Installs BUILD into a fresh prefix, builds docs/examples (SOURCE) against it alone, as a user would, and runs them over
# a few seeds: clean without their planted bugs, and found, named and shrunk with them.
file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
set(flags "")
foreach(flag CMAKE_CXX_COMPILER CMAKE_CXX_FLAGS CMAKE_BUILD_TYPE CMAKE_CXX_COMPILER_LAUNCHER)
  list(APPEND flags "-D${flag}=${${flag}}")
endforeach()
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

# run(<example> <program> CODE <exit code> SAYS <regex> ARGS <arguments>...), in the example's folder
function(run example program)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "CODE;SAYS" "ARGS")
  execute_process(
    COMMAND ${WORK}/${example}/${program} ${arg_ARGS}
    WORKING_DIRECTORY ${WORK}/run/${example}
    RESULT_VARIABLE code
    OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
  list(JOIN arg_ARGS " " arguments)
  message("${program} ${arguments}: exit code ${code}\n${output}")
  if(NOT code EQUAL "${arg_CODE}" OR NOT output MATCHES "${arg_SAYS}")
    message(FATAL_ERROR "expected exit code ${arg_CODE} and a text that matches: ${arg_SAYS}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

foreach(example bank lock)
  execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/${example} -B ${WORK}/${example}
                          -DCMAKE_PREFIX_PATH=${prefix} ${flags} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/${example} --parallel 2 COMMAND_ERROR_IS_FATAL ANY)
  file(COPY ${SOURCE}/${example}/scenarios DESTINATION ${WORK}/run/${example})
  run(${example} ${example} CODE 0 SAYS "5 of 5 runs as expected" ARGS sim --seeds 1..5 --jobs 2)
endforeach()

# The bug that is planted in the bank: found, shrunk; what is left of it fails, and passes where the bug is not.
run(bank bank_with_bug CODE 2 SAYS "SAFETY  bank seed [0-9]+  invariant.money_is_conserved: machine `bank` after op" ARGS
    sim --seeds 1..10 --jobs 2)
string(REGEX MATCH "bank seed ([0-9]+)" ignored "${output}")
run(bank bank_with_bug CODE 0 SAYS "file +regressions/invariant_money_is_conserved" ARGS
    shrink scenarios/bank.textproto --seed ${CMAKE_MATCH_1} --budget 8s --out regressions --jobs 2)
file(GLOB shrunk ${WORK}/run/bank/regressions/*.textproto)
run(bank bank_with_bug CODE 2 SAYS "invariant.money_is_conserved" ARGS sim ${shrunk})
run(bank bank CODE 0 SAYS "" ARGS sim ${shrunk})

# A user's own mistakes.
run(lock lock_with_clock CODE 4 SAYS "machine `lock`: apply of op [0-9]+ reads a clock.*your machine, not the kernel" ARGS
    sim --seed 1)
run(bank bank CODE 65 SAYS "workload.0..own.name: no such workload; got workers" ARGS
    sim ${SOURCE}/lock/scenarios/lock.textproto)

# Tapes: recorded, and replayed to the same failure.
run(bank bank_with_bug CODE 2 SAYS "" ARGS sim ${shrunk} --tape run.ktape)
run(bank bank_with_bug CODE 2 SAYS "reproduced, strictly" ARGS replay run.ktape)

# Properties over drawn scenarios and tapes, with the generators of the package.
if(EXISTS ${WORK}/bank/bank_property)
  set(ENV{RC_PARAMS} "max_success=20 seed=1")
  run(bank bank_property CODE 0 SAYS "OK, passed 20 tests")
  set(ENV{RC_PARAMS} "max_success=100 seed=1")
  run(bank bank_with_bug_property CODE 1 SAYS "invariant.money_is_conserved")
endif()
