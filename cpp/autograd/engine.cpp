// backward(), grad() and the trace of a backward: what they ask for is checked, then run.
#include "autograd/backward_run.h"
#include "autograd/node.h"
#include "autograd/trace.h"
#include "generated/ops.h"

namespace chainrule::autograd {

namespace {

Tensor checked_seed(const char* op, const Tensor& output, const Tensor& seed) {
  if (!seed.defined()) {
    if (output.numel() != 1) {
      fail<StateError>(
          op, "expected an output of one element, or a gradient for it; got an output of sizes ",
          output.sizes(), ". Sum it, or pass gradient=.");
    }
    return full(output.sizes(), 1.0, output.dtype());
  }
  if (!(seed.sizes() == output.sizes())) {
    fail<ShapeError>(op, "expected a gradient of the output's sizes ", output.sizes(), "; got ",
                     seed.sizes(), ".");
  }
  return seed.dtype() == output.dtype() ? seed : cast(seed, output.dtype());
}

void seed_all(BackwardRun& run, const char* op, std::span<const Tensor> outputs,
              std::span<const Tensor> seeds) {
  if (!seeds.empty() && seeds.size() != outputs.size()) {
    fail<ValueError>(op, "expected one gradient per output; got ", seeds.size(), " for ",
                     outputs.size(), ".");
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!requires_grad(outputs[i])) {
      fail<StateError>(
          op, "expected an output that depends on a tensor with requires_grad=True; got sizes ",
          outputs[i].sizes(), " without history.");
    }
    run.seed(outputs[i], checked_seed(op, outputs[i], seeds.empty() ? Tensor() : seeds[i]));
  }
}

void require_gradients(const char* op, std::span<const Tensor> inputs) {
  for (const Tensor& t : inputs) {
    if (requires_grad(t)) continue;
    fail<StateError>(op, "expected inputs with requires_grad=True; got sizes ", t.sizes(),
                     " without.");
  }
}

}  // namespace

void backward(std::span<const Tensor> outputs, std::span<const Tensor> seeds,
              BackwardOptions options, std::span<const Tensor> inputs) {
  BackwardRun run(options);
  require_gradients("backward", inputs);
  seed_all(run, "backward", outputs, seeds);
  for (const Tensor& t : inputs) retain_grad(t);  // it keeps what arrives; a leaf does so anyway
  if (!inputs.empty()) run.want(inputs);
  run.execute();
  run.deliver();
}

Tensors grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
             std::span<const Tensor> seeds, BackwardOptions options, bool allow_unused) {
  BackwardRun run(options);
  require_gradients("grad", inputs);
  seed_all(run, "grad", outputs, seeds);
  run.want(inputs);
  run.execute();
  run.run_leaf_hooks();
  Tensors result;
  for (const Tensor& t : inputs) {
    result.push_back(run.collected(t));
    if (!result.back().defined() && !allow_unused) {
      fail<StateError>("grad", "expected every input to be used by the outputs; got one of sizes ",
                       t.sizes(), " that is not. Pass allow_unused=True to get None for it.");
    }
  }
  return result;
}

void trace_backward(std::span<const Tensor> outputs, std::span<const Tensor> seeds,
                    std::span<const Tensor> inputs, Tracer& tracer) {
  InputIndex index;
  for (const Tensor& t : inputs) index.add(t);
  BackwardRun run({.retain_graph = true});
  run.trace(index, tracer);
  seed_all(run, "backward", outputs, seeds);
  run.want(inputs);
  run.execute();
}

}  // namespace chainrule::autograd
