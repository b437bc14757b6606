// Fits a line with a captured step: each loss as the same step has it eagerly.
#include <chainrule/autograd/autograd.h>
#include <chainrule/chainrule.h>
#include <chainrule/generated/ops.h>

#include <cstdio>
#include <vector>

#include "core/errors.h"

namespace {

using chainrule::Tensor;

class Line {
 public:
  Line() {
    for (const Tensor& w : weights_) chainrule::autograd::set_requires_grad(w, true);
    *hyper_.data<double>() = 0.1;  // lr; no momentum, no dampening, no weight decay
  }

  Tensor step(const Tensor& x, const Tensor& y) {
    for (const Tensor& w : weights_) chainrule::autograd::set_grad(w, Tensor());
    const Tensor loss = chainrule::mse_loss(chainrule::linear(x, weights_[0], weights_[1]), y);
    chainrule::autograd::backward({&loss, 1}, {}, {});
    std::vector<Tensor> gradients;
    for (const Tensor& w : weights_) gradients.push_back(chainrule::autograd::grad_of(w));
    chainrule::sgd_update(weights_, gradients, {}, hyper_, false, false, false);
    return loss;
  }

 private:
  std::vector<Tensor> weights_ = {chainrule::zeros({1, 1}), chainrule::zeros({1})};
  Tensor hyper_ = chainrule::zeros({4}, chainrule::DType::kFloat64);
};

}  // namespace

int main() {
  chainrule::Generator generator(1);
  const Tensor x = chainrule::randn({20, 1}, generator.state());
  const Tensor y = chainrule::add(chainrule::mul(x, 3.0), 1.0);
  Line eager, captured;
  chainrule::Compiled step =
      chainrule::compile([&](std::span<const Tensor> batch) -> std::vector<Tensor> {
        return {captured.step(batch[0], batch[1])};
      });
  double loss = 0;
  for (int i = 0; i < 200; ++i) {
    loss = chainrule::item<double>(eager.step(x, y));
    if (loss != chainrule::item<double>(step({x, y})[0])) {
      std::printf("step %d: the losses differ\n", i);
      return consumer::kFailed;
    }
  }
  std::printf("%lld replays, loss %g\n", static_cast<long long>(step.replays()), loss);
  return step.replays() > 190 && loss < 1e-6 ? 0 : consumer::kFailed;
}
