# Target chainrule_eigen: the headers of Eigen >= 3.4, for kernels (the integer products are
# Eigen's) and for bench/ladder, which measures the float products against it. Only parts of Eigen
# under MPL-2.0 are let in (EIGEN_MPL2_ONLY): the wheel carries that licence and no other for it.
#
# A header search finds every source alike (eigency and cmeel-eigen from PyPI, a distribution's
# package, a path of the user's); find_package(Eigen3 3.4) would refuse Eigen 5.

# pip's isolated builds put the build requirements' site-packages into CMAKE_PREFIX_PATH and
# remove them afterwards, so a path remembered from the last build may be gone.
if(CHAINRULE_EIGEN_INCLUDE AND NOT EXISTS "${CHAINRULE_EIGEN_INCLUDE}/Eigen/Core")
  unset(CHAINRULE_EIGEN_INCLUDE CACHE)
endif()

# A plain cmake run has no such prefix: ask Python where its packages lie.
execute_process(
  COMMAND "${Python_EXECUTABLE}" -c "import sysconfig; print(sysconfig.get_path('purelib'))"
  OUTPUT_VARIABLE chainrule_site_packages OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)

set(chainrule_eigen_hints "")
foreach(prefix IN LISTS CMAKE_PREFIX_PATH chainrule_site_packages)
  list(APPEND chainrule_eigen_hints "${prefix}/eigency/eigen"
       "${prefix}/cmeel.prefix/include/eigen3")
endforeach()
if(CHAINRULE_EIGEN_DIR)
  if(NOT EXISTS "${CHAINRULE_EIGEN_DIR}/Eigen/Core")
    message(FATAL_ERROR "CHAINRULE_EIGEN_DIR=${CHAINRULE_EIGEN_DIR} does not hold Eigen/Core")
  endif()
  set(CHAINRULE_EIGEN_INCLUDE "${CHAINRULE_EIGEN_DIR}" CACHE PATH "Eigen in use" FORCE)
else()
  find_path(CHAINRULE_EIGEN_INCLUDE NAMES Eigen/Core HINTS ${chainrule_eigen_hints}
            PATH_SUFFIXES eigen3 include/eigen3 DOC "Eigen in use")
endif()
if(NOT CHAINRULE_EIGEN_INCLUDE)
  message(FATAL_ERROR "Eigen's headers were not found: pip install eigency (x86-64) or "
                      "cmeel-eigen, or pass -DCHAINRULE_EIGEN_DIR=<directory of Eigen/Core>")
endif()
message(STATUS "chainrule: Eigen in ${CHAINRULE_EIGEN_INCLUDE}")

add_library(chainrule_eigen INTERFACE)
target_include_directories(chainrule_eigen SYSTEM INTERFACE "${CHAINRULE_EIGEN_INCLUDE}")
target_compile_definitions(chainrule_eigen INTERFACE EIGEN_DONT_PARALLELIZE EIGEN_MPL2_ONLY)
