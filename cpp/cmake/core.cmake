# chainrule_core: everything except Python, as a static library that C++ programs can link.

chainrule_glob(chainrule_base_sources cpp/core/*.cpp)
chainrule_glob(chainrule_upper_sources cpp/kernels/*.cpp cpp/autograd/*.cpp cpp/optim/*.cpp)
chainrule_glob_recurse(chainrule_tree_sources cpp/ops/*.cpp cpp/graph/*.cpp)
set(chainrule_core_sources ${chainrule_base_sources} ${chainrule_upper_sources}
                           ${chainrule_tree_sources})

# The operations' C++ functions and the registry are generated from the op blocks. The generator
# leaves an unchanged file alone; the stamp records that it ran, and Ninja looks at the byproducts
# again (restat), so editing a kernel rule in an op block compiles that file and nothing else.
set(chainrule_generated_dir "${chainrule_generated_root}/generated")
set(chainrule_generated_stamp "${chainrule_generated_root}/ops.stamp")
set(chainrule_generated_sources "${chainrule_generated_dir}/ops.cpp"
                                "${chainrule_generated_dir}/registry.cpp")
chainrule_glob_recurse(chainrule_op_sources cpp/ops/*.cpp cpp/ops/*.h cpp/ops/*.py
                       cpp/optim/*.cpp cpp/optim/*.h)
add_custom_command(
  OUTPUT "${chainrule_generated_stamp}"
  BYPRODUCTS "${chainrule_generated_dir}/ops.h" ${chainrule_generated_sources}
  COMMAND "${Python_EXECUTABLE}" -B "${PROJECT_SOURCE_DIR}/cpp/ops/generate.py"
          "${chainrule_generated_dir}"
  COMMAND "${CMAKE_COMMAND}" -E touch "${chainrule_generated_stamp}"
  DEPENDS ${chainrule_op_sources}
  COMMENT "Generating the operations' functions" VERBATIM)
add_custom_target(chainrule_generated DEPENDS "${chainrule_generated_stamp}")

add_library(chainrule_core STATIC ${chainrule_core_sources} ${chainrule_generated_sources})
target_include_directories(chainrule_core PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/cpp>"
                                                 "$<BUILD_INTERFACE:${chainrule_generated_root}>")
target_compile_features(chainrule_core PUBLIC cxx_std_20)
foreach(library IN LISTS chainrule_kernel_libraries)
  target_sources(chainrule_core PRIVATE $<TARGET_OBJECTS:${library}>)
endforeach()
add_dependencies(chainrule_core chainrule_generated)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
target_link_libraries(chainrule_core PUBLIC Threads::Threads)
