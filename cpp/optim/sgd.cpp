// Stochastic gradient descent with momentum for all parameters of a group in one call.
//
// Source: Sutskever et al., On the importance of initialization and momentum in deep learning
// (2013), in PyTorch's form, where the learning rate stands outside of the velocity.
#include "generated/ops.h"
#include "kernels/kernel_table.h"
#include "optim/chunks.h"

namespace chainrule::ops {

namespace {

constexpr int kCost = 6;  // floating-point operations an element
constexpr int kWork = 2;  // of an element, for threads: from 3 us on

void infer(Infer& c) {
  const auto params = c.list(0), grads = c.list(1), buffers = c.list(2);
  check_like_params(c, params, grads, "grads");
  check_hyper(c, c[3], 4);
  if (c[3].data<double>()[1] != 0 || !buffers.empty()) {
    check_like_params(c, params, buffers, "momentum_buffers");
  }
  c.scratch_bytes = DenseList::bytes(params) + DenseList::bytes(grads) + DenseList::bytes(buffers);
}

void forward(Run& r) {
  const auto params = r.list(0), grads = r.list(1), buffers = r.list(2);
  const auto& a = r.as<SgdUpdateAttrs>();
  const double* hyper = r[3].data<double>();
  char* scratch = static_cast<char*>(r.scratch);
  const DenseList w(params, scratch), g(grads, scratch), m(buffers, scratch);
  for_slices(params, kWork, [&](size_t i, int64_t begin, int64_t end) {
    const DType dtype = params[i].dtype();
    const int64_t at = begin * itemsize(dtype);
    kernels::table().sgd[kernels::float_index(dtype)](end - begin, w[i] + at, g[i] + at,
                                                      buffers.empty() ? nullptr : m[i] + at, hyper,
                                                      a.nesterov, a.maximize, a.first);
  });
  w.write_back(params);
  m.write_back(buffers);
}

}  // namespace

const OpDef kSgdUpdate = {
    .name = "sgd_update",
    .doc =
        "One step of SGD: g += weight_decay * w; buffer = momentum * buffer + (1 - dampening) * g "
        "(g itself at the first step); w -= lr * buffer, or lr * (g + momentum * buffer) with "
        "nesterov. hyper holds lr, momentum, dampening, weight_decay; no momentum_buffers are "
        "needed without momentum.",
    .signatures =
        {"sgd_update(Tensor[] params, Tensor[] grads, Tensor[] momentum_buffers, Tensor hyper, "
         "bool nesterov, bool maximize, bool first) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer,
    .forward = forward,
    .mutates = {0, 2},
    .traits = kMutates,
    .cost = kCost,
};

}  // namespace chainrule::ops
