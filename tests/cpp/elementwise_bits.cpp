// An element's result depends on its operands alone: every elementwise slot of every table, called
// on each length from 0 to 70, at each offset, with repeated, dense and gapped inputs, and in
// place, gives the bits of the calls on single elements, and writes nothing else.
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;

constexpr int64_t kLongest = 70, kRoom = 4 * (kLongest + 16);
constexpr double kParams[] = {0.75, 1.5, -2.0};

struct Slot {
  const char* name;
  int arity;
};
#define CHAINRULE_SLOT(name, arity) Slot{#name, arity},
const Slot kSlots[] = {CHAINRULE_FLOAT_MAPS(CHAINRULE_SLOT) CHAINRULE_NUMBER_MAPS(CHAINRULE_SLOT)
                           CHAINRULE_INTEGER_MAPS(CHAINRULE_SLOT)
                               CHAINRULE_PREDICATE_MAPS(CHAINRULE_SLOT)};
#undef CHAINRULE_SLOT

// One slot on inputs of type In (the first of them FirstIn) with results of type Out.
template <typename FirstIn, typename In, typename Out>
struct Probe {
  kernels::ElementwiseFn fn;
  int arity;
  std::string name;
  std::vector<FirstIn> first;
  std::vector<In> second, third;

  Probe(kernels::ElementwiseFn fn, int arity, std::string name)
      : fn(fn), arity(arity), name(std::move(name)) {
    std::mt19937_64 source(7);
    first = hard_values<FirstIn>(source, kRoom);
    second = hard_values<In>(source, kRoom);
    third = hard_values<In>(source, kRoom);
  }

  Out single(int64_t a, int64_t b, int64_t c) const {
    const void* in[3] = {&first[static_cast<size_t>(a)], &second[static_cast<size_t>(b)],
                         &third[static_cast<size_t>(c)]};
    const int64_t strides[3] = {1, 1, 1};
    Out result;
    fn(1, &result, in, strides, kParams);
    return result;
  }

  void check(int64_t n, int64_t offset, const int64_t* strides) const {
    const Out filler = static_cast<Out>(1);
    std::vector<Out> out(static_cast<size_t>(n + 8), filler);
    const void* in[3] = {&first[static_cast<size_t>(offset)], &second[static_cast<size_t>(offset)],
                         &third[static_cast<size_t>(offset)]};
    fn(n, &out[4], in, strides, kParams);
    for (int64_t i = 0; i < n; ++i) {
      const Out expected =
          single(offset + i * strides[0], offset + i * strides[1], offset + i * strides[2]);
      expect(same(out[static_cast<size_t>(4 + i)], expected), name, " n=", n, " offset=", offset,
             " strides=", strides[0], strides[1], strides[2], " element ", i, ": ",
             +out[static_cast<size_t>(4 + i)], " alone ", +expected);
    }
    for (size_t i = 0; i < 4; ++i) {
      expect(same(out[i], filler) && same(out[static_cast<size_t>(n) + 4 + i], filler), name,
             " n=", n, " wrote outside its output");
    }
  }

  void check_in_place(int64_t n) {
    if constexpr (std::is_same_v<FirstIn, Out>) {
      std::vector<Out> expected;
      for (int64_t i = 0; i < n; ++i) expected.push_back(single(i, i, i));
      std::vector<FirstIn> copy = first;
      const void* in[3] = {copy.data(), second.data(), third.data()};
      const int64_t strides[3] = {1, 1, 1};
      fn(n, copy.data(), in, strides, kParams);
      for (int64_t i = 0; i < n; ++i) {
        expect(same(copy[static_cast<size_t>(i)], expected[static_cast<size_t>(i)]), name,
               " in place, n=", n, " element ", i);
      }
    }
  }

  void run() {
    const int64_t kinds[] = {1, 0, 3};
    for (int64_t n = 0; n <= kLongest; ++n) {
      for (int64_t a : kinds) {
        for (int64_t b : kinds) {
          for (int64_t c : kinds) {
            if ((arity < 3 && c != 1) || (arity < 2 && b != 1)) continue;
            const int64_t strides[3] = {a, b, c};
            check(n, n % 3, strides);
          }
        }
      }
    }
    const int64_t dense[3] = {1, 1, 1};
    for (int64_t offset = 0; offset <= 16; ++offset) {
      for (int64_t n : {1, 15, 17, 64, 70}) check(n, offset, dense);
    }
    for (int64_t n : {1, 7, 16, 33, 70}) check_in_place(n);
  }
};

template <typename In, typename Out>
void probe_maps(const KernelTable& table, DType dtype, int begin, int end) {
  for (int m = begin; m < end; ++m) {
    const kernels::ElementwiseFn fn = table.map[m][static_cast<int>(dtype)];
    if (fn == nullptr) continue;
    const std::string name =
        std::string(table.isa) + " " + kSlots[m].name + " " + dtype_name(dtype);
    Probe<In, In, Out>(fn, kSlots[m].arity, name).run();
  }
}

template <typename In>
void probe_dtype(const KernelTable& table, DType dtype) {
  const int predicates = static_cast<int>(kernels::Map::eq);
  probe_maps<In, In>(table, dtype, 0, predicates);
  probe_maps<In, Bool>(table, dtype, predicates, kernels::kMapCount);
  const std::string name = std::string(table.isa) + " where " + dtype_name(dtype);
  Probe<Bool, In, In>(table.where[static_cast<int>(dtype)], 3, name).run();
}

}  // namespace

int main() {
  for (const KernelTable* table : tables(true)) {
    probe_dtype<float>(*table, DType::kFloat32);
    probe_dtype<double>(*table, DType::kFloat64);
    probe_dtype<uint8_t>(*table, DType::kUInt8);
    probe_dtype<int32_t>(*table, DType::kInt32);
    probe_dtype<int64_t>(*table, DType::kInt64);
    probe_dtype<Bool>(*table, DType::kBool);
  }
  return finish("elementwise bits");
}
