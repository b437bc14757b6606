# Kernel objects. cpp/kernels/cpu is compiled once per instruction-set level as the object library
# chainrule_kernels_<level>; cpp/kernels/common and cpp/kernels/reference once, at the baseline.
#
# Kernel objects are sealed: no inline function of one set of flags may be merged with another's,
# or the linker keeps an AVX-512 body for all of them. The sources keep everything in anonymous
# namespaces, and -DEigen=Eigen_<level> gives each library its own copy of Eigen, so that programs
# on the core library may use Eigen too. tests/structure looks at the objects. Today one source
# includes Eigen, the integer products of cpp/kernels/common; the float products are own code,
# bench/ladder has the figures.
# CHAINRULE_ISA_NAME is the level's bare name: a source defines its entry point by pasting it
# (fill_v3), and generated/isa_levels.h lists the entry points for the dispatcher.
# -ffast-math appears nowhere: at the link it would flush subnormals in the whole process.

chainrule_glob(chainrule_cpu_sources cpp/kernels/cpu/*.cpp)
chainrule_glob(chainrule_bf16_sources cpp/kernels/cpu/bf16/*.cpp)
chainrule_glob(chainrule_baseline_sources cpp/kernels/common/*.cpp cpp/kernels/reference/*.cpp)

set(chainrule_kernel_options -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off)
set(chainrule_generated_root "${PROJECT_BINARY_DIR}/generated_root")
set(chainrule_kernel_includes "${PROJECT_SOURCE_DIR}/cpp" "${chainrule_generated_root}")
set(chainrule_kernel_libraries "")

function(chainrule_give_eigen library name)
  target_compile_definitions(${library} PRIVATE Eigen=Eigen_${name})
  target_link_libraries(${library} PRIVATE chainrule_eigen)
endfunction()

function(chainrule_add_kernels level)
  set(sources ${chainrule_cpu_sources})
  if(level MATCHES "^v[234]$")
    set(arch -march=x86-64-${level})
  elseif(level STREQUAL "v4_bf16")
    set(arch -march=x86-64-v4 -mavx512bf16)
    set(sources ${chainrule_bf16_sources})
  elseif(level STREQUAL "native")
    set(arch -march=native)
  elseif(level STREQUAL "generic")
    set(arch "")
  else()
    message(FATAL_ERROR "CHAINRULE_ISA_LEVELS: unknown level '${level}'; "
                        "known are v2, v3, v4, generic, native")
  endif()
  set(library chainrule_kernels_${level})
  add_library(${library} OBJECT ${sources})
  target_include_directories(${library} PRIVATE ${chainrule_kernel_includes})
  # GCC takes the undefined registers of its own AVX-512 intrinsics for uninitialised variables
  # (GCC bug 105593): one line of a product is ten thousand lines of warnings.
  target_compile_options(${library} PRIVATE ${chainrule_kernel_options} ${arch}
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_compile_definitions(${library} PRIVATE CHAINRULE_ISA_NAME=${level})
  chainrule_give_eigen(${library} ${level})
endfunction()

# Whether an optimiser's step has weight decay and the like is decided before its loop and not in
# it, or GCC makes no vectors of the loop: its bounds for that are those of smaller bodies.
set_source_files_properties(cpp/kernels/cpu/optim.cpp PROPERTIES COMPILE_OPTIONS
  "$<$<CXX_COMPILER_ID:GNU>:--param=max-unswitch-insns=200;--param=max-unswitch-level=4>")

set(chainrule_isa_calls "")
foreach(level IN LISTS CHAINRULE_ISA_LEVELS)
  chainrule_add_kernels(${level})
  list(APPEND chainrule_kernel_libraries chainrule_kernels_${level})
  string(APPEND chainrule_isa_calls " X(${level})")
endforeach()

# The dot products of bfloat16 (VDPBF16PS), for processors of level v4 that have them: no level of
# its own, the dispatcher puts them into v4's table.
if("v4" IN_LIST CHAINRULE_ISA_LEVELS)
  chainrule_add_kernels(v4_bf16)
  list(APPEND chainrule_kernel_libraries chainrule_kernels_v4_bf16)
  set(CHAINRULE_HAS_V4_BF16 1)
else()
  set(CHAINRULE_HAS_V4_BF16 0)
endif()

add_library(chainrule_kernels_baseline OBJECT ${chainrule_baseline_sources})
target_include_directories(chainrule_kernels_baseline PRIVATE ${chainrule_kernel_includes})
target_compile_options(chainrule_kernels_baseline PRIVATE ${chainrule_kernel_options})
chainrule_give_eigen(chainrule_kernels_baseline baseline)
list(APPEND chainrule_kernel_libraries chainrule_kernels_baseline)

# configure_file leaves an unchanged file's time alone, so nothing is compiled again.
configure_file(cpp/cmake/isa_levels.h.in "${chainrule_generated_root}/generated/isa_levels.h" @ONLY)
