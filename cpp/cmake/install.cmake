# find_package(chainrule) for C++ programs: the core library as chainrule::core, its public headers
# under include/chainrule, the CMake package. All of it is the component cpp, which no wheel holds.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(chainrule_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/chainrule")

add_library(chainrule::core ALIAS chainrule_core) # the same name where the sources are a subdirectory
set_target_properties(chainrule_core PROPERTIES EXPORT_NAME core)
install(TARGETS chainrule_core EXPORT chainrule-targets COMPONENT cpp
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT chainrule-targets NAMESPACE chainrule:: DESTINATION "${chainrule_package_dir}"
        COMPONENT cpp)

set(chainrule_version_file "${PROJECT_BINARY_DIR}/chainrule-config-version.cmake")
write_basic_package_version_file("${chainrule_version_file}" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_SOURCE_DIR}/cpp/cmake/chainrule-config.cmake" "${chainrule_version_file}"
        DESTINATION "${chainrule_package_dir}" COMPONENT cpp)

# The archive holds code of Eigen's under MPL-2.0.
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/docs/licenses/Eigen-MPL-2.0.txt"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT cpp)

install(CODE "
  set(chainrule_header_roots \"${PROJECT_SOURCE_DIR}/cpp\" \"${chainrule_generated_root}\")
  set(chainrule_header_copies \"${PROJECT_BINARY_DIR}/installed_headers\")
  set(chainrule_include_dir \"${CMAKE_INSTALL_INCLUDEDIR}\")" COMPONENT cpp)
install(SCRIPT "${PROJECT_SOURCE_DIR}/cpp/cmake/install_headers.cmake" COMPONENT cpp)
