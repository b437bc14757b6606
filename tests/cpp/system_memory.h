// The C library's functions that give memory, as this program sees them: counted, and refusing when
// a test says so. For one source file a program, since they are defined here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CHAINRULE_TEST_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHAINRULE_TEST_SANITIZED 1
#endif

namespace chainrule::checks {

#if defined(CHAINRULE_TEST_SANITIZED)
constexpr const char* kNotCounted = "a sanitizer has functions of its own for memory";
#elif !defined(__GLIBC__)
constexpr const char* kNotCounted = "only the GNU C library lets a program replace its functions";
#else
constexpr const char* kNotCounted = nullptr;
#endif

inline std::atomic<int64_t> system_calls{0};         // so far, of all threads
inline std::atomic<int64_t> refuse_from{INT64_MAX};  // the call from which on nothing is given

inline bool system_refuses() { return system_calls.fetch_add(1) >= refuse_from.load(); }

// While one lives, the system gives memory `more` times and never again.
struct Scarce {
  explicit Scarce(int64_t more) { refuse_from = system_calls + more; }
  ~Scarce() { refuse_from = INT64_MAX; }
};

}  // namespace chainrule::checks

#if defined(__GLIBC__) && !defined(CHAINRULE_TEST_SANITIZED)
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// Seen by the shared libraries too, else `new` would go past them.
#define CHAINRULE_TEST_REPLACES extern "C" __attribute__((visibility("default")))

extern "C" void* __libc_malloc(size_t);
extern "C" void* __libc_calloc(size_t, size_t);
extern "C" void* __libc_realloc(void*, size_t);
extern "C" void* __libc_memalign(size_t, size_t);

CHAINRULE_TEST_REPLACES void* malloc(size_t bytes) {
  return chainrule::checks::system_refuses() ? nullptr : __libc_malloc(bytes);
}
CHAINRULE_TEST_REPLACES void* calloc(size_t count, size_t bytes) {
  return chainrule::checks::system_refuses() ? nullptr : __libc_calloc(count, bytes);
}
CHAINRULE_TEST_REPLACES void* realloc(void* p, size_t bytes) {
  return chainrule::checks::system_refuses() ? nullptr : __libc_realloc(p, bytes);
}
CHAINRULE_TEST_REPLACES void* aligned_alloc(size_t alignment, size_t bytes) {
  return chainrule::checks::system_refuses() ? nullptr : __libc_memalign(alignment, bytes);
}
CHAINRULE_TEST_REPLACES int posix_memalign(void** p, size_t alignment, size_t bytes) {
  *p = aligned_alloc(alignment, bytes);
  return *p ? 0 : ENOMEM;
}
CHAINRULE_TEST_REPLACES void* mmap(void* at, size_t bytes, int protection, int flags, int file,
                                   off_t offset) {
  if (chainrule::checks::system_refuses()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}
#endif
