# Installs the build tree BUILD into a prefix below WORK, moves that elsewhere, and configures (with
# SETTINGS), builds and runs the consumer, which finds version VERSION there and no other.
cmake_minimum_required(VERSION 3.25...4.2)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --component cpp --prefix "${WORK}/first")
file(RENAME "${WORK}/first" "${WORK}/prefix")

set(configure "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}" -B "${WORK}/build"
    "-DCMAKE_PREFIX_PATH=${WORK}/prefix" -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF ${SETTINGS})
run(${configure} "-DCHAINRULE_WANTED=${VERSION}")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
run("${WORK}/build/consumer")

execute_process(COMMAND ${configure} -DCHAINRULE_WANTED=999 RESULT_VARIABLE refused OUTPUT_QUIET
                ERROR_QUIET)
if(refused EQUAL 0)
  message(FATAL_ERROR "find_package(chainrule 999) finds version ${VERSION}")
endif()
