# The ladder's programs. Their rungs are compiled for x86-64-v4, as the library's kernels they are
# compared with, and use a copy of Eigen of their own.
chainrule_add_programs(ladder bench/ladder)
foreach(program IN LISTS chainrule_ladder_programs)
  # the warnings: see cpp/cmake/kernels.cmake
  target_compile_options(${program} PRIVATE -march=x86-64-v4
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  chainrule_give_eigen(${program} ladder)
  target_link_libraries(${program} PRIVATE ${CMAKE_DL_LIBS})
endforeach()
