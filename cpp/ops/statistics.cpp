// Variance, standard deviation and logsumexp over any set of dimensions, each from other
// operations.
#include <algorithm>

#include "ops/modes.h"
#include "ops/reduce.h"
#include "ops/rules.h"

namespace chainrule::ops {

namespace {

void check_floating(const Call& c) {
  if (is_floating(c[0].dtype())) return;
  fail<DtypeError>(c.name(), "expected a floating tensor; got ", dtype_name(c[0].dtype()),
                   ". Use .float().");
}

struct Moments {
  Tensor var, mean;
};

// In two passes, the mean first: sum of squares minus square of sums would cancel.
template <typename Attrs>
Moments moments(const Call& c) {
  check_floating(c);
  const auto& a = c.as<Attrs>();
  const Tensor& x = c[0];
  const Dims dims = reduced_dims(c.name(), a.dim, x.dim());
  double n = 1;
  for (int64_t d : dims) n *= static_cast<double>(x.sizes()[d]);
  const double correction = a.correction.has ? a.correction.value.real : a.unbiased ? 1 : 0;
  const Tensor center = mean(x, OptDims(dims), true);
  const Tensor squares = sum(square(sub(x, center)), OptDims(dims), a.keepdim);
  const Tensor var = div(squares, std::max(0.0, n - correction));
  return {var, a.keepdim ? center : reshape(center, var.sizes())};
}

Tensors pair(Tensor a, Tensor b) {
  Tensors out;
  out.push_back(std::move(a));
  out.push_back(std::move(b));
  return out;
}

}  // namespace

const OpDef kVar = {
    .name = "var",
    .doc =
        "The variance over the given dims (all of them by default): squared distances from the "
        "mean, added up and divided by n - correction; NaN where that is not positive.",
    .signatures =
        {"var(Tensor input, int[]? dim=None, *, Number? correction=None, "
         "bool keepdim=False, bool unbiased=True) -> Tensor",
         "var(Tensor input, int[]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
         "var(Tensor input, bool unbiased) -> Tensor"},
    .compose = [](const Call& c) { return just(moments<VarAttrs>(c).var); },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kStd = {
    .name = "std",
    .doc =
        "The standard deviation over the given dims (all of them by default): the root of var. Its "
        "derivative is 0 where it is 0.",
    .signatures =
        {"std(Tensor input, int[]? dim=None, *, Number? correction=None, "
         "bool keepdim=False, bool unbiased=True) -> Tensor",
         "std(Tensor input, int[]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
         "std(Tensor input, bool unbiased) -> Tensor"},
    .compose = [](const Call& c) { return just(root(moments<StdAttrs>(c).var)); },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kVarMean = {
    .name = "var_mean",
    .doc = "Variance and mean over the given dims (all of them by default).",
    .signatures = {"var_mean(Tensor input, int[]? dim=None, *, Number? correction=None, "
                   "bool keepdim=False, bool unbiased=True) -> (var, mean)",
                   "var_mean(Tensor input, int[]? dim, bool unbiased=True, bool keepdim=False) -> "
                   "(var, mean)",
                   "var_mean(Tensor input, bool unbiased) -> (var, mean)"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const Moments m = moments<VarMeanAttrs>(c);
          return pair(m.var, m.mean);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kStdMean = {
    .name = "std_mean",
    .doc = "Standard deviation and mean over the given dims (all of them by default).",
    .signatures = {"std_mean(Tensor input, int[]? dim=None, *, Number? correction=None, "
                   "bool keepdim=False, bool unbiased=True) -> (std, mean)",
                   "std_mean(Tensor input, int[]? dim, bool unbiased=True, bool keepdim=False) -> "
                   "(std, mean)",
                   "std_mean(Tensor input, bool unbiased) -> (std, mean)"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const Moments m = moments<StdMeanAttrs>(c);
          return pair(root(m.var), m.mean);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kLogsumexp = {
    .name = "logsumexp",
    .doc =
        "log(sum(exp(x))) over the given dims, computed from distances to the maximum so that "
        "nothing overflows.",
    .signatures = {"logsumexp(Tensor input, int[] dim, bool keepdim=False) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<LogsumexpAttrs>();
          const Tensor x = is_floating(c[0].dtype()) ? c[0] : cast(c[0], default_dtype());
          const Dims dims = reduced_dims(c.name(), OptDims(a.dim), x.dim());
          const Dims kept = reduced_sizes(x.sizes(), dims, true);
          Tensor shift;
          {
            NoGrad off;  // the result does not depend on the shift
            if (x.numel() > 0) {
              const Tensor top = amax(x, OptDims(dims), true);
              shift = where(isfinite(top), top, 0);
            } else {
              shift = zeros(kept, x.dtype());
            }
          }
          const Tensor y = log(sum(exp(sub(x, shift)), OptDims(dims), a.keepdim));
          return just(add(y, a.keepdim ? shift : reshape(shift, y.sizes())));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
