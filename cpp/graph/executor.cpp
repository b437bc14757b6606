#include "graph/executor.h"

#include <chrono>
#include <cstring>

#include "autograd/autograd.h"
#include "ops/elementwise.h"
#include "ops/modes.h"

namespace chainrule::graph {

namespace {

Tensor make_number(const Number& n) {
  Tensor t;
  switch (n.dtype) {
    case DType::kBool:
      t = Tensor::number(n.integer != 0);
      break;
    case DType::kFloat64:
      t = Tensor::number(n.real);
      break;
    case DType::kInt64:
      t = Tensor::number(n.integer);
      break;
    default:
      t = Tensor::empty(n.dtype, {});
      if (n.dtype == DType::kFloat32) *t.data<float>() = static_cast<float>(n.real);
      if (n.dtype == DType::kInt32) *t.data<int32_t>() = static_cast<int32_t>(n.integer);
      if (n.dtype == DType::kUInt8) *t.data<uint8_t>() = static_cast<uint8_t>(n.integer);
  }
  t->weak_number = true;
  return t;
}

// The values of one run.
class Frame {
 public:
  Frame(const Program& program, std::span<const Tensor> arguments)
      : program_(program), slots_(program.values.size()) {
    for (size_t id = 0; id < slots_.size(); ++id) {
      const Value& v = program.values[id];
      if (v.source == Source::kState) slots_[id] = program.states[v.index];
      if (v.source == Source::kNumber) slots_[id] = make_number(program.numbers[v.index]);
      if (v.source == Source::kGradient) {
        slots_[id] = Tensor(program.states[v.index]->autograd->grad);
      }
    }
    for (size_t i = 0; i < arguments.size(); ++i) slots_[program.argument_values[i]] = arguments[i];
  }

  Tensor& operator[](ValueId id) { return slots_[id]; }

  void run(const Instruction& in, bool keep_all) {
    Tensors inputs;
    for (ValueId id : in.inputs) inputs.push_back(id == kNone ? Tensor() : slots_[id]);
    const Call call{*in.op,
                    {inputs.data(), inputs.size()},
                    in.attrs.data(),
                    in.list_ends.empty() ? nullptr : in.list_ends.data()};
    if (in.op->is(kMutates)) {
      run_update(in, inputs);
      return;
    }
    Tensors outputs;
    for (ValueId id : in.outputs) {
      const Value& v = program_.values[id];
      outputs.push_back(v.view ? inputs[0].alias(v.sizes, v.strides, inputs[0]->offset + v.offset)
                               : Tensor::empty(v.dtype, v.sizes));
    }
    forward(in, call, outputs);
    for (size_t i = 0; i < in.outputs.size(); ++i) slots_[in.outputs[i]] = outputs[i];
    if (!keep_all) {
      for (ValueId id : in.dead_after) slots_[id] = Tensor();
    }
  }

  // In the commit section: straight on the state.
  void run_in_place(const Instruction& in) {
    Tensors inputs;
    for (ValueId id : in.inputs) inputs.push_back(slots_[id]);
    const Call call{*in.op, {inputs.data(), inputs.size()}, in.attrs.data(), in.list_ends.data()};
    Tensors none;
    forward(in, call, none);
    for (int param : in.op->mutates) {
      for (const Tensor& t : call.list(param)) t->storage->bump_version(in.op->name);
    }
  }

 private:
  void forward(const Instruction& in, const Call& call, Tensors& outputs) {
    if (!in.op->forward) return;
    void* scratch = in.scratch_bytes ? allocate(in.scratch_bytes) : nullptr;
    struct Free {
      void* p;
      int64_t bytes;
      ~Free() {
        if (p) deallocate(p, bytes);
      }
    } free{scratch, in.scratch_bytes};
    Run run{call, {outputs.data(), outputs.size()}, scratch};
    in.op->forward(run);
  }

  // An update whose results are read again inside the program: on copies.
  void run_update(const Instruction& in, Tensors& inputs) {
    size_t output = in.outputs.size();
    for (int param : in.op->mutates) {
      output -= in.list_ends[param] - (param ? in.list_ends[param - 1] : 0);
    }
    for (int param : in.op->mutates) {
      for (int place = param ? in.list_ends[param - 1] : 0; place < in.list_ends[param]; ++place) {
        Tensor copy = Tensor::empty(inputs[place].dtype(), inputs[place].sizes());
        copy_strided(copy, inputs[place]);
        inputs[place] = copy;
        slots_[in.outputs[output++]] = copy.alias(Dims{copy.numel()}, Dims{1}, 0);
      }
    }
    const Call call{*in.op, {inputs.data(), inputs.size()}, in.attrs.data(), in.list_ends.data()};
    Tensors none;
    forward(in, call, none);
  }

  const Program& program_;
  std::vector<Tensor> slots_;
};

void commit(const Program& p, Frame& frame, std::span<const Tensor> arguments) {
  for (size_t i = p.commit_begin; i < p.forward_end; ++i) frame.run_in_place(p.code[i]);
  for (const WriteBack& w : p.writes) {
    const Tensor& row = frame[w.value];
    Tensor target = w.target == Source::kArgument ? arguments[w.index] : p.states[w.index];
    if (w.target == Source::kGradient) target = Tensor(target->autograd->grad);
    const int64_t begin = w.target == Source::kState ? 0 : target->offset;
    copy_strided(target.alias(row.sizes(), Dims{1}, begin), row);
    target->storage->bump_version("compile");
  }
  for (const GradBinding& g : p.gradients) {
    if (!g.leaf->autograd) g.leaf->autograd = std::make_unique<AutogradState>();
    if (g.value == kNone) {
      g.leaf->autograd->grad = Ref<TensorImpl>();
    } else if (p.values[g.value].source == Source::kInstruction &&
               !frame[g.value].same_as(g.leaf)) {
      g.leaf->autograd->grad = frame[g.value].ref();
    }
  }
}

// The backward section as one node: forward's values stay alive with it.
void hang_backward(const std::shared_ptr<const Program>& p, const std::shared_ptr<Frame>& frame,
                   std::vector<Tensor>& results, std::vector<uint32_t> versions) {
  autograd::Tensors outputs, leaves;
  for (int i : p->differentiable) outputs.push_back(results[i]);
  for (ValueId id : p->leaves) leaves.push_back((*frame)[id]);
  autograd::CustomFunction function;
  function.name = "CompiledBackward";
  function.backward = [p, frame, versions](const autograd::Tensors& dys) {
    for (size_t i = 0; i < p->states.size(); ++i) {
      if (p->states[i]->storage->version() != versions[i]) {
        const char* by = p->states[i]->storage->last_mutation();
        fail<StateError>(
            "backward", "expected the tensors that the compiled forward read to be unchanged; ",
            by ? by : "an in-place operation", " changed one of sizes ", p->states[i].sizes(), ".");
      }
    }
    NoGrad off;
    for (size_t i = 0; i < p->seeds.size(); ++i) {
      const Value& v = p->values[p->seeds[i]];
      Tensor seed = dys[i];
      if (!seed.defined()) {
        seed = Tensor::empty(v.dtype, v.sizes);
        std::memset(seed.raw(), 0, seed.numel() * itemsize(v.dtype));
      }
      (*frame)[p->seeds[i]] = seed;
    }
    for (size_t i = p->forward_end; i < p->code.size(); ++i) frame->run(p->code[i], true);
    autograd::Tensors gradients;
    for (ValueId id : p->leaf_gradients) gradients.push_back(id == kNone ? Tensor() : (*frame)[id]);
    return gradients;
  };
  const std::vector<char> yes(outputs.size(), 1);
  autograd::attach(std::move(function), {leaves.data(), leaves.size()},
                   {outputs.data(), outputs.size()},
                   {reinterpret_cast<const bool*>(yes.data()), yes.size()});
}

}  // namespace

Executor::Executor(Program program) : program_(std::make_shared<Program>(std::move(program))) {}

std::vector<Tensor> Executor::run(std::span<const Tensor> arguments) {
  const std::unique_lock<std::mutex> lock(running_, std::try_to_lock);
  if (!lock.owns_lock()) {
    throw StateError(
        "[compile] expected a plan that is not running; got a second call of it meanwhile.");
  }
  const Program& p = *program_;
  auto frame = std::make_shared<Frame>(p, arguments);
  const bool needs_backward = !p.differentiable.empty();
  std::vector<uint32_t> versions;
  {
    NoGrad off;
    for (size_t i = 0; i < p.commit_begin; ++i) frame->run(p.code[i], needs_backward);
    commit(p, *frame, arguments);
  }
  std::vector<Tensor> results;
  for (ValueId id : p.results) results.push_back((*frame)[id]);
  if (needs_backward) {
    for (int i : p.differentiable) results[i] = results[i].alias();
    for (const Tensor& t : p.states) versions.push_back(t->storage->version());
    hang_backward(program_, frame, results, std::move(versions));
  }
  return results;
}

std::vector<int64_t> Executor::profile(std::span<const Tensor> arguments) {
  const Program& p = *program_;
  Frame frame(p, arguments);
  std::vector<int64_t> ns;
  NoGrad off;
  for (size_t i = 0; i < p.forward_end; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (i < p.commit_begin) {
      frame.run(p.code[i], false);
    } else {
      frame.run_in_place(p.code[i]);
    }
    ns.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::steady_clock::now() - begin)
                     .count());
  }
  Program tail = p;  // the rest of the commit section
  tail.commit_begin = tail.forward_end;
  commit(tail, frame, arguments);
  return ns;
}

}  // namespace chainrule::graph
