// Thread-local variables that cost one instruction instead of a call. musl cannot load a module
// that has such variables late, so there they are ordinary ones. Only for types without
// constructors and destructors, declared constinit.
#pragma once

#include <features.h>

#if defined(__GLIBC__)
#define CHAINRULE_TLS __attribute__((tls_model("initial-exec"))) thread_local
#else
#define CHAINRULE_TLS thread_local
#endif
