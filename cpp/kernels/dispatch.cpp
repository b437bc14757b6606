// Chooses a kernel table: the best level that both this build and this processor have, or the one
// that CHAINRULE_ISA names. A table is filled when it is first asked for and never changes after
// that; the one in use is a single atomic pointer.
#include "kernels/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>

#include "core/errors.h"
#include "generated/isa_levels.h"
#include "kernels/common/common.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {

// What each level of cpp/kernels/cpu has a source file of.
#define CHAINRULE_FAMILIES(X, isa) \
  X(elementwise, isa)              \
  X(reduce, isa)                   \
  X(softmax, isa)                  \
  X(cross_entropy, isa)            \
  X(normalize, isa)                \
  X(normalize_gradients, isa)      \
  X(normalize_weights, isa)        \
  X(normalize_columns, isa)        \
  X(columns, isa)                  \
  X(max_pool, isa)                 \
  X(avg_pool, isa)                 \
  X(recurrence, isa)               \
  X(random, isa)                   \
  X(optim, isa)                    \
  X(casts, isa)                    \
  X(product, isa)

#define CHAINRULE_DECLARE_FAMILY(family, isa) void fill_##family##_##isa(KernelTable&);
#define CHAINRULE_DECLARE(isa) CHAINRULE_FAMILIES(CHAINRULE_DECLARE_FAMILY, isa)
CHAINRULE_FOR_EACH_ISA(CHAINRULE_DECLARE)
#undef CHAINRULE_DECLARE
#undef CHAINRULE_DECLARE_FAMILY
void fill_product_v4_bf16(KernelTable&);

namespace {

#define CHAINRULE_FILL_FAMILY(family, isa) fill_##family##_##isa(table);
#define CHAINRULE_FILL(isa) \
  void fill_level_##isa(KernelTable& table) { CHAINRULE_FAMILIES(CHAINRULE_FILL_FAMILY, isa) }
CHAINRULE_FOR_EACH_ISA(CHAINRULE_FILL)
#undef CHAINRULE_FILL
#undef CHAINRULE_FILL_FAMILY
#undef CHAINRULE_FAMILIES

// What only some processors of a level have.
void fill_extensions([[maybe_unused]] std::string_view isa, [[maybe_unused]] KernelTable& table) {
#if CHAINRULE_HAS_V4_BF16
  if (isa == "v4" && __builtin_cpu_supports("avx512bf16")) fill_product_v4_bf16(table);
#endif
}

bool processor_has(std::string_view isa) {
#if defined(__x86_64__)
  if (isa == "v2") return __builtin_cpu_supports("x86-64-v2");
  if (isa == "v3") return __builtin_cpu_supports("x86-64-v3");
  if (isa == "v4") return __builtin_cpu_supports("x86-64-v4");
#endif
  return isa == "generic" || isa == "native" || isa == "reference";
}

struct Level {
  const char* name;
  void (*fill)(KernelTable&);
  KernelTable table = {};
  std::once_flag filled = {};
};

// From the most basic to the best.
Level levels[] = {{"reference", &fill_reference},
#define CHAINRULE_LEVEL(isa) {#isa, &fill_level_##isa},
                  CHAINRULE_FOR_EACH_ISA(CHAINRULE_LEVEL)
#undef CHAINRULE_LEVEL
};

const KernelTable& filled_table(Level& level) {
  std::call_once(level.filled, [&] {
    level.table.isa = level.name;
    fill_common(level.table);
    level.fill(level.table);
    fill_extensions(level.name, level.table);
  });
  return level.table;
}

const KernelTable& best_table() {
  Level* best = &levels[0];
  for (Level& level : levels) {
    if (processor_has(level.name)) best = &level;
  }
  return filled_table(*best);
}

const KernelTable& named_table(const char* where, std::string_view name) {
  const KernelTable* found = find_table(name);
  if (found == nullptr) {
    fail<ValueError>(where, "expected one of ", available_isas(), "; got '", name,
                     "'. These are the kernel variants that this build and this processor have.");
  }
  return *found;
}

std::atomic<const KernelTable*> current{nullptr};

const KernelTable& choose() {
  const char* wish = std::getenv("CHAINRULE_ISA");
  const KernelTable& chosen =
      wish != nullptr && *wish != '\0' ? named_table("CHAINRULE_ISA", wish) : best_table();
  // A thread that was faster, or select_isa, keeps its choice.
  const KernelTable* nobody = nullptr;
  current.compare_exchange_strong(nobody, &chosen, std::memory_order_acq_rel);
  return *current.load(std::memory_order_acquire);
}

}  // namespace

const KernelTable* find_table(std::string_view name) {
  for (Level& level : levels) {
    if (name == level.name && processor_has(level.name)) return &filled_table(level);
  }
  return nullptr;
}

const KernelTable& table() {
  const KernelTable* chosen = current.load(std::memory_order_acquire);
  return chosen != nullptr ? *chosen : choose();
}

void select_isa(const char* name) {
  current.store(&named_table("select_isa", name), std::memory_order_release);
}

const char* available_isas() {
  static const std::string names = [] {
    std::string list;
    for (const Level& level : levels) {
      if (!processor_has(level.name)) continue;
      if (!list.empty()) list += ", ";
      list += level.name;
    }
    return list;
  }();
  return names.c_str();
}

}  // namespace chainrule::kernels
