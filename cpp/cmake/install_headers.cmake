# Run by `cmake --install`: chainrule.h and every header that it leads to. Sources include
# "core/tensor.h"; the copies say "chainrule/core/tensor.h", so that a program's include path has no
# folder `core` or `ops` that could be taken for one of its own, or its own for this one.

cmake_minimum_required(VERSION 3.25...4.2) # an install script has no policies of its own
set(todo chainrule.h)
set(done "")
while(todo)
  list(POP_FRONT todo header)
  if(header IN_LIST done)
    continue()
  endif()
  list(APPEND done "${header}")
  unset(path)
  find_file(path "${header}" PATHS ${chainrule_header_roots} NO_DEFAULT_PATH NO_CACHE REQUIRED)
  file(READ "${path}" text)
  string(REGEX MATCHALL "#include \"[^\"]+\"" included "${text}")
  list(TRANSFORM included REPLACE "#include \"(.+)\"" "\\1")
  list(APPEND todo ${included})
  string(REPLACE "#include \"" "#include \"chainrule/" text "${text}")
  file(WRITE "${chainrule_header_copies}/${header}" "${text}")
  cmake_path(GET header PARENT_PATH folder)
  file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${chainrule_include_dir}/chainrule/${folder}"
       TYPE FILE FILES "${chainrule_header_copies}/${header}")
endwhile()
