# _core: the extension module, the one place that knows Python.

chainrule_glob(chainrule_binding_sources cpp/bindings/*.cpp)

# A plain cmake run finds pip's pybind11 through site-packages.
find_package(pybind11 3.1 CONFIG HINTS "${chainrule_site_packages}/pybind11/share/cmake/pybind11")
if(NOT pybind11_FOUND)
  message(FATAL_ERROR "pybind11 >= 3.1 was not found: pip install pybind11, or build the C++ "
                      "library alone with -DCHAINRULE_BUILD_PYTHON=OFF")
endif()

# NO_EXTRAS: link-time optimisation must not look across the sealed kernel objects.
pybind11_add_module(_core MODULE NO_EXTRAS ${chainrule_binding_sources})
target_link_libraries(_core PRIVATE chainrule_core)
# Several files at a time: every translation unit compiles all of pybind11's machinery, which took
# 150 of the package's 330 processor seconds file by file. Names in anonymous namespaces are shared.
set_target_properties(_core PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 9)
install(TARGETS _core LIBRARY DESTINATION chainrule COMPONENT python)
