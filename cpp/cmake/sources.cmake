# Finding sources, and the small programs that are one file each.

# chainrule_glob(<variable> <pattern>...): sorted sources, seen again when a file is added.
function(chainrule_glob variable)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/")
  file(GLOB found CONFIGURE_DEPENDS ${ARGN})
  set(${variable} "${found}" PARENT_SCOPE)
endfunction()

# chainrule_glob_recurse(<variable> <pattern>...): the same, through subfolders.
function(chainrule_glob_recurse variable)
  list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/")
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${ARGN})
  set(${variable} "${found}" PARENT_SCOPE)
endfunction()

# chainrule_add_programs(<kind> <folder>): folder/name.cpp -> program <kind>_name on the core
# library; the names made come back in chainrule_<kind>_programs.
function(chainrule_add_programs kind folder)
  chainrule_glob(sources ${folder}/*.cpp)
  set(programs "")
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    set(program ${kind}_${name})
    add_executable(${program} ${source})
    target_link_libraries(${program} PRIVATE chainrule_core)
    list(APPEND programs ${program})
  endforeach()
  set(chainrule_${kind}_programs "${programs}" PARENT_SCOPE)
endfunction()
