// Trains a 2-8-1 tanh network on XOR with the C++ library alone, no Python.
//   cmake -S . -B build -DCHAINRULE_BUILD_EXAMPLES=ON -DCHAINRULE_BUILD_PYTHON=OFF
//   cmake --build build && build/example_xor
#include <algorithm>
#include <cstdio>
#include <initializer_list>

#include "autograd/autograd.h"
#include "generated/ops.h"
#include "ops/item.h"

using namespace chainrule;

namespace {

Tensor matrix(const Dims& sizes, std::initializer_list<float> values) {
  Tensor t = Tensor::empty(DType::kFloat32, sizes);
  std::copy(values.begin(), values.end(), t.data<float>());
  return t;
}

Tensor parameter(Tensor t) {
  autograd::set_requires_grad(t, true);
  return t;
}

}  // namespace

int main() {
  const Tensor x = matrix({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});
  const Tensor y = matrix({4, 1}, {0, 1, 1, 0});
  default_generator().manual_seed(1);
  const Tensor weights[] = {
      parameter(randn(Dims{8, 2})),
      parameter(zeros(Dims{8})),
      parameter(randn(Dims{1, 8})),
      parameter(zeros(Dims{1})),
  };
  const Tensor velocities[] = {zeros_like(weights[0]), zeros_like(weights[1]),
                               zeros_like(weights[2]), zeros_like(weights[3])};
  Tensor hyper = Tensor::empty(DType::kFloat64, {4});  // lr, momentum, dampening, weight decay
  const double values[] = {0.1, 0.9, 0.0, 0.0};
  std::copy(values, values + 4, hyper.data<double>());

  double loss_value = 1.0;
  for (int step = 0; step < 500; ++step) {
    const Tensor hidden = tanh(linear(x, weights[0], weights[1]));
    const Tensor loss = mse_loss(linear(hidden, weights[2], weights[3]), y);
    const Tensor outputs[] = {loss};
    autograd::backward(outputs, {}, {});

    Tensors gradients;
    for (const Tensor& w : weights) gradients.push_back(autograd::grad_of(w));
    sgd_update(weights, {gradients.data(), gradients.size()}, velocities, hyper, false, false,
               step == 0);
    for (const Tensor& w : weights) autograd::set_grad(w, Tensor());
    loss_value = item<double>(loss);
    if (step % 100 == 0) std::printf("step %3d  loss %.5f\n", step, loss_value);
  }
  const Tensor output = linear(tanh(linear(x, weights[0], weights[1])), weights[2], weights[3]);
  for (int i = 0; i < 4; ++i) {
    std::printf("%.0f xor %.0f = %.3f\n", x.data<float>()[2 * i], x.data<float>()[2 * i + 1],
                output.data<float>()[i]);
  }
  return loss_value < 1e-3 ? 0 : 1;
}
