// Adam, AdamW and AMSGrad for all parameters of a group in one call.
//
// Source: Kingma, Ba, Adam (2015); Loshchilov, Hutter, Decoupled Weight Decay Regularization
// (2019); Reddi, Kale, Kumar, On the Convergence of Adam and Beyond (2018).
#include <cmath>

#include "generated/ops.h"
#include "kernels/kernel_table.h"
#include "optim/chunks.h"

namespace chainrule::ops {

namespace {

using kernels::AdamCorrections;

constexpr int kCost = 16;  // floating-point operations an element
constexpr int kWork = 4;   // of an element, for threads: from 3 us on

void check_steps(const Infer& c, std::span<const Tensor> params, std::span<const Tensor> steps) {
  if (steps.size() != params.size()) {
    fail<ShapeError>(c.name(), "expected as many steps as params, ", params.size(), "; got ",
                     steps.size(), ".");
  }
  for (const Tensor& t : steps) {
    if (t.dtype() != DType::kFloat32 || t.numel() != 1) {
      fail<DtypeError>(c.name(), "expected steps as 0-d float32 tensors; got ",
                       dtype_name(t.dtype()), " of sizes ", t.sizes(), ".");
    }
    // The corrections would divide by 0 or be NaN. Told here, where no group has been written yet;
    // a replay, whose shapes are known, goes past it.
    if (!(*t.data<float>() >= 0)) {
      fail<ValueError>(c.name(), "expected steps >= 0; got ", *t.data<float>(), ".");
    }
  }
}

void infer(Infer& c) {
  const auto params = c.list(0);
  const bool amsgrad = c.as<AdamUpdateAttrs>().amsgrad;
  check_like_params(c, params, c.list(1), "grads");
  check_like_params(c, params, c.list(2), "exp_avgs");
  check_like_params(c, params, c.list(3), "exp_avg_sqs");
  if (amsgrad) check_like_params(c, params, c.list(4), "max_exp_avg_sqs");
  check_steps(c, params, c.list(5));
  check_hyper(c, c[6], 5);
  for (int list = 0; list < (amsgrad ? 5 : 4); ++list)
    c.scratch_bytes += DenseList::bytes(c.list(list));
  c.scratch_bytes += list_bytes<AdamCorrections>(params.size());
}

// Advances the steps.
void next_corrections(std::span<const Tensor> steps, const double* hyper,
                      AdamCorrections* corrections) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const float step = *steps[i].data<float>() += 1;
    corrections[i] = i > 0 && step == *steps[i - 1].data<float>()
                         ? corrections[i - 1]
                         : AdamCorrections{1 - std::pow(hyper[1], static_cast<double>(step)),
                                           1 - std::pow(hyper[2], static_cast<double>(step))};
  }
}

void forward(Run& r) {
  const auto params = r.list(0), averages = r.list(2), squares = r.list(3), steps = r.list(5);
  const auto& a = r.as<AdamUpdateAttrs>();
  const auto largest = a.amsgrad ? r.list(4) : std::span<const Tensor>();
  const double* hyper = r[6].data<double>();
  char* scratch = static_cast<char*>(r.scratch);
  const DenseList w(params, scratch), g(r.list(1), scratch), m(averages, scratch),
      v(squares, scratch), v_max(largest, scratch);
  auto* const corrections = take_list<AdamCorrections>(steps.size(), scratch);
  next_corrections(steps, hyper, corrections);
  for_slices(params, kWork, [&](size_t i, int64_t begin, int64_t end) {
    const DType dtype = params[i].dtype();
    const int64_t at = begin * itemsize(dtype);
    kernels::table().adam[kernels::float_index(dtype)](
        end - begin, w[i] + at, g[i] + at, m[i] + at, v[i] + at,
        a.amsgrad ? v_max[i] + at : nullptr, hyper, corrections[i], a.maximize,
        a.decoupled_weight_decay);
  });
  w.write_back(params);
  m.write_back(averages);
  v.write_back(squares);
  v_max.write_back(largest);
}

}  // namespace

const OpDef kAdamUpdate = {
    .name = "adam_update",
    .doc =
        "One step of Adam: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= lr m' "
        "/ (sqrt(v') + eps) with m' and v' corrected for their start at 0. Weight decay is added "
        "to g, or taken from w when decoupled (AdamW); amsgrad divides by the largest v so far. "
        "hyper holds lr, beta1, beta2, eps, weight_decay; steps count up by one.",
    .signatures =
        {"adam_update(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, "
         "Tensor[] max_exp_avg_sqs, Tensor[] steps, Tensor hyper, bool amsgrad, bool maximize, "
         "bool decoupled_weight_decay) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer,
    .forward = forward,
    .mutates = {0, 2, 3, 4, 5},
    .traits = kMutates,
    .cost = kCost,
};

}  // namespace chainrule::ops
