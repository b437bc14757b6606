// Tensors from sizes and numbers. `device=` and `requires_grad=` are keywords of the Python
// binding.
#include <cmath>
#include <cstring>

#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/number_fits.h"
#include "ops/ranges.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

void fill(const Tensor& out, Number value) {
  const Tensor number = value.kind == Number::kFloat ? Tensor::number(value.real)
                        : value.kind == Number::kInt ? Tensor::number(value.integer)
                                                     : Tensor::number(value.integer != 0);
  const int from = static_cast<int>(number.dtype()), to = static_cast<int>(out.dtype());
  run_elementwise(kernels::table().cast[from][to], out, {&number, 1}, nullptr);
}

void check_number_type(const char* op, DType t) {
  if (t == DType::kBool) {
    fail<DtypeError>(op, "expected an integer or floating dtype; got ", dtype_name(t), ".");
  }
}

// How many values lie in [start, end) at distance `step`.
int64_t arange_length(const char* op, const ArangeAttrs& a) {
  const auto bad = [&](const char* what) {
    fail<ValueError>(op, "expected ", what, "; got start ", a.start.real, ", end ", a.end.real,
                     ", step ", a.step.real, ".");
  };
  if (a.step.real == 0) bad("step != 0");
  if (!std::isfinite(a.start.real) || !std::isfinite(a.end.real) || std::isnan(a.step.real)) {
    bad("finite numbers");
  }
  if ((a.step.real > 0 && a.end.real < a.start.real) ||
      (a.step.real < 0 && a.end.real > a.start.real)) {
    bad("a step that leads from start to end");
  }
  if (a.start.is_float() || a.end.is_float() || a.step.is_float()) {
    const double length = std::ceil((a.end.real - a.start.real) / a.step.real);
    if (!(length < 0x1p59))
      fail<OutOfMemory>(op, "expected fewer than 2^59 values; got ", length, ".");
    return static_cast<int64_t>(length);
  }
  // Unsigned differences cannot overflow: the signs agree by now.
  const bool up = a.step.integer > 0;
  const uint64_t first = static_cast<uint64_t>(a.start.integer),
                 last = static_cast<uint64_t>(a.end.integer);
  const uint64_t span = up ? last - first : first - last;
  const uint64_t step = static_cast<uint64_t>(up ? a.step.integer : -a.step.integer);
  const uint64_t length = span / step + (span % step != 0);
  if (length >= uint64_t{1} << 59) {
    fail<OutOfMemory>(op, "expected fewer than 2^59 values; got ", length, ".");
  }
  return static_cast<int64_t>(length);
}

void infer_arange(Infer& c) {
  const auto& a = c.as<ArangeAttrs>();
  const bool real = a.start.is_float() || a.end.is_float() || a.step.is_float();
  const DType t = a.dtype.value_or(real ? default_dtype() : DType::kInt64);
  check_number_type(c.name(), t);
  c.out(t, {arange_length(c.name(), a)});
}

void forward_arange(Run& r) {
  const auto& a = r.as<ArangeAttrs>();
  const kernels::Ramp ramp{r.out().dtype(), a.start.real, a.step.real, a.start.integer,
                           a.step.integer};
  for_range(r.out().numel(), 1,
            [&](int64_t begin, int64_t end) { kernels::ramp(ramp, begin, end, r.out().raw()); });
}

void forward_eye(Run& r) {
  const Tensor& out = r.out();
  std::memset(out.raw(), 0, out.numel() * itemsize(out.dtype()));
  const int64_t n = std::min(out.sizes()[0], out.sizes()[1]);
  if (n == 0) return;
  const Tensor unit = Tensor::empty(out.dtype(), {});
  fill(unit, Number(1));
  copy_strided(out.alias({n}, {out.sizes()[1] + 1}, out->offset), unit.alias({n}, {0}, 0));
}

}  // namespace

const OpDef kEmpty = {
    .name = "empty",
    .doc = "A tensor of the given sizes with undefined values.",
    .signatures = {"empty(int[] size, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<EmptyAttrs>();
          c.out(a.dtype.value_or(default_dtype()), a.size);
        },
    .forward = [](Run&) {},
};

const OpDef kZeros = {
    .name = "zeros",
    .doc = "A tensor of the given sizes filled with 0.",
    .signatures = {"zeros(int[] size, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<ZerosAttrs>();
          c.out(a.dtype.value_or(default_dtype()), a.size);
        },
    .forward =
        [](Run& r) { std::memset(r.out().raw(), 0, r.out().numel() * itemsize(r.out().dtype())); },
};

const OpDef kFull = {
    .name = "full",
    .doc =
        "A tensor of the given sizes filled with fill_value; the dtype follows the value unless "
        "given.",
    .signatures = {"full(int[] size, Number fill_value, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<FullAttrs>();
          const DType t = a.dtype.value_or(a.fill_value.dtype());
          check_fits(c.name(), a.fill_value, t);
          c.out(t, a.size);
        },
    .forward = [](Run& r) { fill(r.out(), r.as<FullAttrs>().fill_value); },
};

const OpDef kOnes = {
    .name = "ones",
    .doc = "A tensor of the given sizes filled with 1.",
    .signatures = {"ones(int[] size, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<OnesAttrs>();
          return just(full(a.size, Number(1), a.dtype.value_or(default_dtype())));
        },
};

const OpDef kArange = {
    .name = "arange",
    .doc =
        "start, start + step, ... below end (above it for a negative step). int64 for integer "
        "arguments, else the default floating dtype, unless given.",
    .signatures =
        {"arange(Number start, Number end, Number step=1, *, dtype? dtype=None) -> Tensor",
         "arange(Number end, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .infer = infer_arange,
    .forward = forward_arange,
};

const OpDef kLinspace = {
    .name = "linspace",
    .doc = "`steps` values at equal distances from start to end, both included.",
    .signatures = {"linspace(Number start, Number end, int steps, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<LinspaceAttrs>();
          const DType t = a.dtype.value_or(default_dtype());
          check_number_type(c.name(), t);
          if (a.steps < 0) fail<ValueError>(c.name(), "expected steps >= 0; got ", a.steps, ".");
          check_fits(c.name(), a.start, t);
          check_fits(c.name(), a.end, t);
          c.out(t, {a.steps});
        },
    .forward =
        [](Run& r) {
          const auto& a = r.as<LinspaceAttrs>();
          const kernels::Linspace line{r.out().dtype(), a.start.real, a.end.real, a.steps};
          for_range(a.steps, 1, [&](int64_t begin, int64_t end) {
            kernels::linspace(line, begin, end, r.out().raw());
          });
        },
};

const OpDef kEye = {
    .name = "eye",
    .doc = "An n x m matrix (m = n unless given) with ones on the diagonal, zeros elsewhere.",
    .signatures = {"eye(int n, int? m=None, *, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<EyeAttrs>();
          c.out(a.dtype.value_or(default_dtype()), {a.n, a.m.has ? a.m.value : a.n});
        },
    .forward = forward_eye,
};

}  // namespace chainrule::ops
