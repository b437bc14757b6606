# find_package(chainrule): the target chainrule::core.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include("${CMAKE_CURRENT_LIST_DIR}/chainrule-targets.cmake")
