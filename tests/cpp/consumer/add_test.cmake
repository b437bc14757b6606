# installed_package: the consumer against this build, with its compiler and flags.
set(chainrule_consumer_flags "${CMAKE_CXX_FLAGS}")
if(CHAINRULE_SANITIZE)
  string(APPEND chainrule_consumer_flags " -fsanitize=${chainrule_sanitizers}")
endif()
set(chainrule_consumer_settings
    -G "${CMAKE_GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${CMAKE_MAKE_PROGRAM}"
    "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DCMAKE_CXX_FLAGS=${chainrule_consumer_flags}")
add_test(NAME installed_package
         COMMAND "${CMAKE_COMMAND}" "-DBUILD=${PROJECT_BINARY_DIR}" "-DVERSION=${PROJECT_VERSION}"
                 "-DWORK=${PROJECT_BINARY_DIR}/consumer" "-DSETTINGS=${chainrule_consumer_settings}"
                 -P "${CMAKE_CURRENT_LIST_DIR}/check.cmake")
