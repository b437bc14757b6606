#include "optim/update.h"

#include "ops/schema.h"

namespace chainrule {

namespace {

constexpr int kMostLists = 6;  // of params, grads and states like them

int scalars_at(const UpdateRule& rule) { return 2 + rule.states; }
int hyper_at(const UpdateRule& rule) { return scalars_at(rule) + rule.scalars; }

const char* list_name(const Call& c, int list) {
  return c.op.schema->signatures[0].params[list].name;
}

void check_scalars(const Infer& c, int list, bool steps) {
  const size_t count = c.list(0).size();
  const DType dtype = steps ? DType::kFloat32 : DType::kFloat64;
  if (c.list(list).size() != count) {
    fail<ShapeError>(c.name(), "expected as many ", list_name(c, list), " as params, ", count,
                     "; got ", c.list(list).size(), ".");
  }
  for (const Tensor& t : c.list(list)) {
    if (t.dtype() != dtype || t.numel() != 1) {
      fail<DtypeError>(c.name(), "expected ", list_name(c, list), " as 0-d ", dtype_name(dtype),
                       " tensors; got ", dtype_name(t.dtype()), " of sizes ", t.sizes(), ".");
    }
    // What is derived would divide by 0 or be NaN. Told here, where no group has been written yet;
    // a replay, whose shapes are known, goes past it.
    if (steps && !(*t.data<float>() >= 0)) {
      fail<ValueError>(c.name(), "expected steps >= 0; got ", *t.data<float>(), ".");
    }
  }
}

unsigned needed_lists(const Call& c, const UpdateRule& rule) {
  return rule.needs ? rule.needs(c) : (1u << rule.states) - 1;
}

// The states' lists that are needed and there.
unsigned used_lists(const Call& c, const UpdateRule& rule) {
  unsigned used = needed_lists(c, rule);
  for (int k = 0; k < rule.states; ++k) {
    if (c.list(2 + k).empty()) used &= ~(1u << k);
  }
  return used;
}

struct Derived {
  double value[kMostDerived];
};
struct Scalars {
  double value[kMostScalars];
  bool operator==(const Scalars&) const = default;
};

Scalars read_scalars(const Run& r, const UpdateRule& rule, size_t i) {
  Scalars s{};
  for (int k = 0; k < rule.scalars; ++k) {
    const Tensor& t = r.list(scalars_at(rule) + k)[i];
    s.value[k] = k == 0 ? static_cast<double>(*t.data<float>()) : *t.data<double>();
  }
  return s;
}

void write_scalars(const Run& r, const UpdateRule& rule, size_t i, const Scalars& s) {
  for (int k = 0; k < rule.scalars; ++k) {
    const Tensor& t = r.list(scalars_at(rule) + k)[i];
    if (k == 0) {
      *t.data<float>() = static_cast<float>(s.value[0]);
    } else {
      *t.data<double>() = s.value[k];
    }
  }
}

// Advances the 0-d states. Parameters usually share them.
void advance(const Run& r, const UpdateRule& rule, const double* hyper, Derived* derived) {
  Scalars before{}, after{};
  for (size_t i = 0; i < r.list(0).size(); ++i) {
    const Scalars own = read_scalars(r, rule, i);
    if (i > 0 && own == before) {
      derived[i] = derived[i - 1];
    } else {
      before = after = own;
      after.value[0] = static_cast<double>(static_cast<float>(own.value[0] + 1));
      rule.advance(r, hyper, after.value, derived[i].value);
    }
    write_scalars(r, rule, i, after);
  }
}

}  // namespace

void infer_update(Infer& c, const UpdateRule& rule) {
  const auto params = c.list(0);
  check_hyper(c, c[hyper_at(rule)], rule.hyper);
  const unsigned needed = needed_lists(c, rule);
  for (int list = 0; list < 2 + rule.states; ++list) {
    if (list >= 2 && c.list(list).empty() && !(needed >> (list - 2) & 1)) continue;
    if (list > 0) check_like_params(c, params, c.list(list), list_name(c, list));
    c.scratch_bytes += DenseList::bytes(c.list(list));
  }
  for (int k = 0; k < rule.scalars; ++k) check_scalars(c, scalars_at(rule) + k, k == 0);
  if (rule.advance) c.scratch_bytes += list_bytes<Derived>(params.size());
}

void run_update(Run& r, const UpdateRule& rule) {
  const auto params = r.list(0);
  const double* hyper = r[hyper_at(rule)].data<double>();
  char* scratch = static_cast<char*>(r.scratch);
  const DenseList w(params, scratch), g(r.list(1), scratch);
  const unsigned used = used_lists(r, rule);
  SmallVector<DenseList, kMostLists> states;
  for (int k = 0; k < rule.states; ++k) {
    if (used >> k & 1) states.push_back(DenseList(r.list(2 + k), scratch));
  }
  Derived* const derived = rule.advance ? take_list<Derived>(params.size(), scratch) : nullptr;
  if (rule.advance) advance(r, rule, hyper, derived);
  const UpdateForm form = rule.form(r, used);
  for_slices(params, rule.work, [&](size_t i, int64_t begin, int64_t end) {
    const DType dtype = params[i].dtype();
    const int64_t at = begin * itemsize(dtype);
    void* blocks[kMostLists];
    for (size_t k = 0; k < states.size(); ++k) blocks[k] = states[k][i] + at;
    kernels::table().update[static_cast<int>(rule.kernel)][kernels::float_index(dtype)](
        {end - begin, w[i] + at, g[i] + at, blocks, hyper, derived ? derived[i].value : nullptr,
         form.variant, form.maximize, form.decoupled});
  });
  w.write_back(params);
  for (int k = 0, at = 0; k < rule.states; ++k) {
    if (used >> k & 1) states[static_cast<size_t>(at++)].write_back(r.list(2 + k));
  }
}

}  // namespace chainrule
