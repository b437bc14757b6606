// An operation with a kernel may state its composition from other operations, too: its oracle. Both
// give the same values and the same gradients. Python reaches the kernel alone.
#include "autograd/autograd.h"
#include "generated/ops.h"
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;

void expect_close(const std::string& what, const Tensor& got, const Tensor& expected) {
  expect(got.sizes() == expected.sizes(), what, ": other sizes");
  if (!(got.sizes() == expected.sizes())) return;
  const Tensor a = contiguous(got), b = contiguous(expected);
  for (int64_t i = 0; i < a.numel(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    expect(std::fabs(x - y) <= 1e-12 * (1 + std::fabs(y)), what, " at ", i, ": ", x, ", not ", y);
  }
}

// Values, and the gradient to the first input, of `op` by its kernel and by its composition.
void check(const std::string& what, const Call& c) {
  autograd::set_requires_grad(c[0], true);
  Tensor gradients[2];
  const Tensor values[2] = {call_one(c.op, c.inputs, c.attrs, c.list_ends), c.op.compose(c)[0]};
  for (int i = 0; i < 2; ++i) {
    const Tensor loss = sum(mul(values[i], values[i]));
    gradients[i] = autograd::grad({&loss, 1}, {&c[0], 1}, {}, {}, false)[0];
  }
  expect_close(what + " value", values[0], values[1]);
  expect_close(what + " gradient", gradients[0], gradients[1]);
}

void check_cross_entropy() {
  constexpr int64_t kRows = 7, kCols = 5;
  std::mt19937_64 source(3);
  std::uniform_real_distribution<double> uniform(-4, 4);
  const Tensor target = Tensor::empty(DType::kInt64, {kRows});
  const Tensor weight = Tensor::empty(DType::kFloat64, {kCols});
  for (int64_t i = 0; i < kRows; ++i) target.data<int64_t>()[i] = i == 2 ? -100 : i % kCols;
  for (int64_t i = 0; i < kCols; ++i) weight.data<double>()[i] = 1 + std::fabs(uniform(source));
  for (const Reduction reduction : {Reduction::none, Reduction::mean, Reduction::sum}) {
    for (const double smoothing : {0.0, 0.1}) {
      for (const bool weighted : {false, true}) {
        const Tensor logits = Tensor::empty(DType::kFloat64, {kRows, kCols});
        for (int64_t i = 0; i < logits.numel(); ++i) logits.data<double>()[i] = uniform(source);
        SoftmaxCrossEntropyAttrs attrs;
        attrs.label_smoothing = smoothing;
        attrs.reduction = reduction;
        const Tensor inputs[] = {logits, target, weighted ? weight : Tensor()};
        check(std::string("softmax_cross_entropy ") + kReductionNames[static_cast<int>(reduction)] +
                  (smoothing > 0 ? " smoothed" : "") + (weighted ? " weighted" : ""),
              Call{ops::kSoftmaxCrossEntropy, inputs, &attrs});
        if (smoothing > 0) continue;
        const NllAttrs picked{attrs.ignore_index, reduction};
        check(std::string("nll ") + kReductionNames[static_cast<int>(reduction)] +
                  (weighted ? " weighted" : ""),
              Call{ops::kNll, inputs, &picked});
      }
    }
  }
}

// It has no gradient: a pass makes it of what backward has recorded.
void check_product_and_sums() {
  const Tensor dy = Tensor::empty(DType::kFloat64, {300, 5});
  const Tensor x = Tensor::empty(DType::kFloat64, {300, 3});
  std::mt19937_64 source(4);
  std::uniform_real_distribution<double> uniform(-4, 4);
  for (const Tensor* t : {&dy, &x}) {
    for (int64_t i = 0; i < t->numel(); ++i) t->data<double>()[i] = uniform(source);
  }
  const ProductAndSumsAttrs attrs;
  const Tensor inputs[] = {transpose(dy, 0, 1), x};
  const Call c{ops::kProductAndSums, inputs, &attrs};
  const Tensors got = call(c.op, c.inputs, c.attrs), expected = c.op.compose(c);
  for (int i = 0; i < 2; ++i) {
    expect_close(str("product_and_sums output ", i), got[i], expected[i]);
  }
}

Tensor uniform_tensor(const Dims& sizes, std::mt19937_64& source) {
  const Tensor t = Tensor::empty(DType::kFloat64, sizes);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (int64_t i = 0; i < t.numel(); ++i) t.data<double>()[i] = uniform(source);
  return t;
}

// Several images side by side, then parts of an image; two groups, a stride, uneven padding.
void check_convolutions() {
  std::mt19937_64 source(5);
  for (const int64_t side : {5, 40}) {
    ConvolveAttrs attrs;
    attrs.stride = {2, 1};
    attrs.padding = {1, 0, 2, 1};
    attrs.dilation = {1, 2};
    attrs.groups = 2;
    const Tensor x = uniform_tensor({3, 4, side, side}, source);
    const Tensor w = uniform_tensor({6, 2, 3, 2}, source);
    const Tensor bias = uniform_tensor({6}, source);
    const Tensor inputs[] = {x, w, bias};
    check(str("convolve ", side), Call{ops::kConvolve, inputs, &attrs});

    const Dims &stride = attrs.stride, &padding = attrs.padding, &dilation = attrs.dilation;
    const Tensor y = convolve(x, w, bias, stride, padding, dilation, attrs.groups);
    const Tensor dy = uniform_tensor(y.sizes(), source);
    const ConvolveInputAttrs of_input{{side, side}, stride, padding, dilation, attrs.groups};
    const Tensor for_input[] = {dy, w};
    check(str("convolve_input ", side), Call{ops::kConvolveInput, for_input, &of_input});
    const ConvolveWeightAttrs of_weight{{3, 2}, stride, padding, dilation, attrs.groups};
    const Tensor for_weight[] = {uniform_tensor(y.sizes(), source), x};
    check(str("convolve_weight ", side), Call{ops::kConvolveWeight, for_weight, &of_weight});
  }
}

// All outputs, and the gradients to all inputs, of one kind of layer.
void check_recurrence(kernels::Recurrence kind, bool reverse, bool projected) {
  constexpr int64_t kSteps = 5, kBatch = 3, kHidden = 4;
  const int64_t state = projected ? 3 : kHidden;
  const int64_t rows = kernels::weights_of(kind) * kHidden;
  std::mt19937_64 source(5);
  std::uniform_real_distribution<double> uniform(-1, 1);
  const auto random = [&](const Dims& sizes) {
    const Tensor t = Tensor::empty(DType::kFloat64, sizes);
    for (int64_t i = 0; i < t.numel(); ++i) t.data<double>()[i] = uniform(source);
    autograd::set_requires_grad(t, true);
    return t;
  };
  std::vector<Tensor> inputs{random({kSteps, kBatch, rows}), random({rows, state}), random({rows}),
                             random({kBatch, state})};
  inputs.push_back(kind == kernels::Recurrence::lstm ? random({kBatch, kHidden}) : Tensor());
  inputs.push_back(projected ? random({state, kHidden}) : Tensor());
  RecurrenceAttrs attrs;
  attrs.kind = static_cast<int64_t>(kind);
  attrs.reverse = reverse;
  const Call c{ops::kRecurrence, inputs, &attrs};
  const Tensors values[2] = {call(c.op, c.inputs, c.attrs), c.op.compose(c)};
  const size_t wanted = projected ? 6 : inputs[4].defined() ? 5 : 4;
  Tensors gradients[2];
  for (int i = 0; i < 2; ++i) {
    const Tensor loss = add(sum(square(values[i][0])), sum(square(values[i][1])));
    gradients[i] = autograd::grad({&loss, 1}, {inputs.data(), wanted}, {}, {}, false);
  }
  const std::string what = str("recurrence ", static_cast<int>(kind), reverse ? " in reverse" : "",
                               projected ? " projected" : "");
  for (int i = 0; i < 4; ++i) expect_close(str(what, " output ", i), values[0][i], values[1][i]);
  for (size_t i = 0; i < wanted; ++i) {
    expect_close(str(what, " gradient ", i), gradients[0][i], gradients[1][i]);
  }
}

}  // namespace

int main() {
  check_cross_entropy();
  check_convolutions();
  check_product_and_sums();
  for (int kind = 0; kind < kernels::kRecurrences; ++kind) {
    for (const bool reverse : {false, true}) {
      check_recurrence(static_cast<kernels::Recurrence>(kind), reverse, false);
    }
  }
  for (const bool reverse : {false, true}) {
    check_recurrence(kernels::Recurrence::lstm, reverse, true);
  }
  for (const OpDef* op : all_ops()) {
    const bool tested = op == &ops::kSoftmaxCrossEntropy || op == &ops::kNll ||
                        op == &ops::kProductAndSums || op == &ops::kConvolve ||
                        op == &ops::kConvolveInput || op == &ops::kConvolveWeight ||
                        op == &ops::kRecurrence;
    expect(!op->forward || !op->compose || tested, op->name, " has an oracle without a test");
  }
  return finish("compositions");
}
