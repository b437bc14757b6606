// Trains a 2-32-32-3 classifier of three interleaved spirals twice from the same start: eagerly,
// and with a step that is captured and replayed. Every loss and every weight agrees bit for bit.
//   cmake -S . -B build -DCHAINRULE_BUILD_EXAMPLES=ON -DCHAINRULE_BUILD_PYTHON=OFF
//   cmake --build build && build/example_spirals
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>

#include "chainrule.h"

using namespace chainrule;

namespace {

constexpr int kClasses = 3, kPoints = 200, kBatch = 100, kEpochs = 80;

struct Batch {
  Tensor points, classes;
};

// The points of all arms in random order.
Batch spirals(Generator& generator) {
  const Tensor noise = randn({kClasses * kPoints, 2}, generator.state());
  const Tensor points = Tensor::empty(DType::kFloat32, {kClasses * kPoints, 2});
  const Tensor classes = Tensor::empty(DType::kInt64, {kClasses * kPoints});
  for (int i = 0; i < kClasses * kPoints; ++i) {
    const int arm = i / kPoints;
    const double radius = (i % kPoints + 1.0) / kPoints;
    const double angle = 2.1 * arm + 4.0 * radius;
    points.data<float>()[2 * i] = static_cast<float>(radius * std::cos(angle));
    points.data<float>()[2 * i + 1] = static_cast<float>(radius * std::sin(angle));
    classes.data<int64_t>()[i] = arm;
  }
  const Tensor order = randperm(kClasses * kPoints, generator.state());
  return {index_select(add(points, mul(noise, 0.02)), 0, order), index_select(classes, 0, order)};
}

class Classifier {
 public:
  explicit Classifier(Generator& generator) {
    const int sizes[] = {2, 32, 32, kClasses};
    for (int layer = 0; layer < 3; ++layer) {
      const double bound = std::sqrt(6.0 / sizes[layer]);  // He et al. (2015)
      add_parameter(
          mul(sub(rand({sizes[layer + 1], sizes[layer]}, generator.state()), 0.5), 2.0 * bound));
      add_parameter(zeros({sizes[layer + 1]}));
    }
    const double settings[] = {0.01, 0.9, 0.999, 1e-8, 0.0};  // lr, beta1, beta2, eps, decay
    std::copy(settings, settings + 5, hyper_.data<double>());
  }

  Tensor scores(Tensor x) const {
    for (size_t i = 0; i < parameters_.size(); i += 2) {
      x = linear(i ? relu(x) : x, parameters_[i], parameters_[i + 1]);
    }
    return x;
  }

  // One step of Adam; the loss before it.
  Tensor train(const Tensor& points, const Tensor& classes) {
    for (const Tensor& w : parameters_) autograd::set_grad(w, Tensor());
    const Tensor loss = cross_entropy(scores(points), classes);
    autograd::backward({&loss, 1}, {}, {});
    std::vector<Tensor> gradients;
    for (const Tensor& w : parameters_) gradients.push_back(autograd::grad_of(w));
    adam_update(parameters_, gradients, means_, squares_, {}, steps_, hyper_, false, false, false);
    return loss;
  }

  const std::vector<Tensor>& parameters() const { return parameters_; }

 private:
  void add_parameter(const Tensor& start) {
    autograd::set_requires_grad(start, true);
    parameters_.push_back(start);
    means_.push_back(zeros(start.sizes()));
    squares_.push_back(zeros(start.sizes()));
    steps_.push_back(zeros({}));
  }

  std::vector<Tensor> parameters_, means_, squares_, steps_;
  Tensor hyper_ = Tensor::empty(DType::kFloat64, {5});
};

// The losses of all steps; prints how long one took.
std::vector<double> run(const char* name, const Batch& all,
                        const std::function<Tensor(const Tensor&, const Tensor&)>& step) {
  std::vector<Tensor> losses;
  const auto begin = std::chrono::steady_clock::now();
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    for (int first = 0; first < kClasses * kPoints; first += kBatch) {
      losses.push_back(
          step(narrow(all.points, 0, first, kBatch), narrow(all.classes, 0, first, kBatch)));
    }
  }
  const std::chrono::duration<double, std::micro> passed = std::chrono::steady_clock::now() - begin;
  std::vector<double> values;
  for (const Tensor& loss : losses) values.push_back(item<double>(loss));
  std::printf("%-8s %zu steps, %.1f us each, loss %.4f to %.4f\n", name, values.size(),
              passed.count() / static_cast<double>(values.size()), values.front(), values.back());
  return values;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.numel()) * itemsize(a.dtype())) == 0;
}

double accuracy(const Classifier& net, const Batch& all) {
  const NoGrad off;
  const Tensor right = eq(argmax(net.scores(all.points), 1), all.classes);
  return item<double>(mean(cast(right, DType::kFloat32)));
}

}  // namespace

int main() {
  Generator generator(1);
  const Batch all = spirals(generator);
  Generator start(2), same_start(2);
  Classifier eager(start), captured(same_start);
  Compiled step = compile([&](std::span<const Tensor> batch) -> std::vector<Tensor> {
    return {captured.train(batch[0], batch[1])};
  });

  const auto losses = run("eager", all, [&](const Tensor& points, const Tensor& classes) {
    return eager.train(points, classes);
  });
  const auto replayed = run("captured", all, [&](const Tensor& points, const Tensor& classes) {
    return step({points, classes})[0];
  });

  bool same = losses == replayed;
  for (size_t i = 0; i < eager.parameters().size(); ++i) {
    same = same && same_bits(eager.parameters()[i], captured.parameters()[i]);
  }
  const double share = accuracy(captured, all);
  std::printf("%lld replays, losses and weights %s, accuracy %.3f\n",
              static_cast<long long>(step.replays()), same ? "equal" : "DIFFERENT", share);
  return same && step.replays() > 0 && share > 0.97 ? 0 : 1;
}
