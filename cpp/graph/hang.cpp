#include "graph/hang.h"

#include <algorithm>
#include <mutex>
#include <span>

#include "autograd/node.h"
#include "core/thread_lock.h"
#include "generated/ops.h"
#include "graph/interpreter.h"
#include "ops/modes.h"

namespace chainrule::graph {

namespace {

using autograd::Edge;
using autograd::Node;
using SharedProgram = std::shared_ptr<const Program>;

constexpr const char* kName = "CompiledBackward";
constexpr const char* kSavedBy = "a compiled function";

// The edges come first: a view from outside may get its history only now, and a node must be
// younger than those that it leads to.
SmallVector<Edge, 2> edges_to(const std::vector<int>& leaves, const Program& p, Frame& frame) {
  SmallVector<Edge, 2> edges;
  for (int leaf : leaves) edges.push_back(autograd::edge_of(frame[p.leaves[leaf]]));
  return edges;
}

// In the layout that the program knows.
Tensor zeros_like(const Value& v) {
  if (!v.view) return zeros(v.sizes, v.dtype);
  return zeros(Dims{extent(v.sizes, v.strides)}, v.dtype).alias(v.sizes, v.strides, 0);
}

// Runs the backward section on gradients of which some may be missing: what an eager backward would
// not have met is left out.
class Section {
 public:
  Section(const Program& p, autograd::Receiver& receiver) : p_(p), receiver_(receiver), frame_(p) {}

  Tensor& operator[](ValueId id) { return frame_[id]; }

  void run(const SeedSet& given, bool all) {
    hand_over(p_.forward_end);
    for (size_t i = p_.forward_end; i < p_.code.size(); ++i) {
      if (all) {
        frame_.run(p_.code[i]);
      } else {
        run_partly(p_.code[i], given);
      }
      hand_over(i + 1);
    }
  }

 private:
  void run_partly(const Instruction& in, const SeedSet& given) {
    if (in.joins) {
      const Tensor a = frame_[in.inputs[0]], b = frame_[in.inputs[1]];
      if (a.defined() && b.defined()) return frame_.run(in);
      const Tensor& one = a.defined() ? a : b;
      // Dense as the sum would be: views of it are at places that the program knows.
      if (one.defined()) frame_[in.outputs[0]] = contiguous(one);
    } else if (in.seeds.meets(given) || looks(in)) {
      std::vector<ValueId> filled;  // of an operation with several results: zeros where none came
      for (ValueId id : in.inputs) {
        if (id == kNone || frame_[id].defined()) continue;
        frame_[id] = zeros_like(p_.values[id]);
        filled.push_back(id);
      }
      frame_.run(in);
      for (ValueId id : filled) frame_[id] = Tensor();
    }
    for (ValueId id : in.dead_after) frame_[id] = Tensor();
  }

  // A window that is there already serves whoever asks for it later, of other seeds, too.
  bool looks(const Instruction& in) {
    const bool views = !in.outputs.empty() && p_.values[in.outputs[0]].view;
    return views && frame_[in.inputs[0]].defined();
  }

  // Each as soon as it is there, so that no more of them wait than in an eager backward.
  void hand_over(size_t done) {
    for (; next_ < p_.contributions.size() && p_.contributions[next_].after <= done; ++next_) {
      const Contribution& c = p_.contributions[next_];
      Tensor& gradient = frame_[c.value];
      receiver_.take(c.edge, c.last ? std::move(gradient) : gradient);
    }
  }

  const Program& p_;
  autograd::Receiver& receiver_;
  Interpreter frame_;
  size_t next_ = 0;
};

class CompiledNode final : public Node {
 public:
  CompiledNode(SharedProgram program, std::shared_ptr<BackwardPlan> backward, Frame& frame,
               SmallVector<Edge, 2> leads_to)
      : program_(std::move(program)), backward_(std::move(backward)) {
    edges = std::move(leads_to);
    compiled = true;
    // Aliases have no history: a result that a user then changes in place makes no cycle.
    const Program& p = *program_;
    for (size_t i = 0; i < p.backward_reads.size(); ++i) {
      kept_.emplace_back(frame[p.backward_reads[i]].alias(), kSavedBy);
      if (p.read_writes[i] >= 0)
        written_.emplace_back(i, saved_target(p.writes[p.read_writes[i]], frame));
    }
  }
  const char* name() const override { return kName; }
  const std::vector<int>* leads_to(int output) const override {
    return &program_->leads_to[output];
  }

  autograd::Tensors apply(autograd::Tensors& dys, bool keep,
                          autograd::Receiver& receiver) override {
    const Program& p = *program_;
    SeedSet given;
    for (size_t i = 0; i < dys.size(); ++i) {
      if (dys[i].defined()) given |= SeedSet::of(static_cast<int>(i));
    }
    std::vector<Tensor> kept = take(given, keep);
    // The plan knows dense ones: the gradient of a sum comes expanded, that of a transpose turned.
    for (Tensor& dy : dys) {
      if (dy.defined()) dy = contiguous(dy);
    }
    const bool all =
        std::all_of(dys.begin(), dys.end(), [](const Tensor& dy) { return dy.defined(); });
    if (all && backward_) {
      run_all(std::move(kept), dys, receiver);
      return {};
    }
    Section section(p, receiver);
    for (size_t i = 0; i < kept.size(); ++i) section[p.backward_reads[i]] = std::move(kept[i]);
    for (size_t i = 0; i < dys.size(); ++i) section[p.seeds[i]] = dys[i];
    section.run(given, all);
    return {};
  }

 private:
  void run_all(std::vector<Tensor> arguments, const autograd::Tensors& dys,
               autograd::Receiver& receiver) {
    arguments.insert(arguments.end(), dys.begin(), dys.end());
    std::vector<Tensor> gradients = backward_->run(arguments);
    for (size_t i = 0; i < gradients.size(); ++i) {
      receiver.take(program_->contributions[i].edge, std::move(gradients[i]));
    }
  }

  // Memory from outside that the commit section brings to what is kept: an eager backward would
  // read it there, and mind who has written it since.
  autograd::SavedTensor saved_target(const WriteBack& w, Frame& frame) const {
    const Tensor& target = w.target == Source::kState ? program_->states[w.index]
                           : w.target == Source::kArgument
                               ? frame[program_->argument_values[w.index]]
                               : frame[w.index];
    return {target.alias(), kSavedBy, 1};
  }

  // What the section reads, spent before it runs: of several threads one has it.
  std::vector<Tensor> take(const SeedSet& given, bool keep) {
    const std::lock_guard lock(taking_);
    check(given);
    std::vector<Tensor> kept(kept_.size());
    for (size_t i = 0; i < kept_.size(); ++i) {
      if (reads(program_->read_by[i], given)) kept[i] = kept_[i].unpack();
    }
    for (const auto& [i, target] : written_) {
      if (reads(program_->read_by[i], given)) target.unpack();
    }
    if (!keep) spend(given);
    return kept;
  }

  static bool reads(const std::vector<SeedSet>& groups, const SeedSet& given) {
    return std::any_of(groups.begin(), groups.end(),
                       [&](const SeedSet& g) { return g.meets(given); });
  }

  void check(const SeedSet& given) const {
    for (const SeedSet& group : program_->groups) {
      if (!group.meets(spent_) || !group.meets(given)) continue;
      fail<StateError>("backward",
                       "expected a graph that still holds its saved tensors; got one of ", kSavedBy,
                       " that has already been run backward. Use backward(retain_graph=True) ",
                       "the first time.");
    }
  }

  void spend(const SeedSet& given) {
    spent_ |= given;
    for (size_t i = 0; i < kept_.size(); ++i) {
      const std::vector<SeedSet>& by = program_->read_by[i];
      const bool used_up = std::all_of(by.begin(), by.end(),
                                       [&](const SeedSet& group) { return group.meets(spent_); });
      if (used_up) kept_[i].reset();
    }
  }

  SharedProgram program_;
  std::shared_ptr<BackwardPlan> backward_;                         // or null
  std::vector<autograd::SavedTensor> kept_;                        // one per id in `backward_reads`
  std::vector<std::pair<size_t, autograd::SavedTensor>> written_;  // by place in `kept_`
  SeedSet spent_;  // what was run backward and not kept
  ThreadLock taking_;
};

class FailingNode final : public Node {
 public:
  FailingNode(SharedProgram program, const Failure& failure, SmallVector<Edge, 2> leads_to)
      : program_(std::move(program)), failure_(failure) {
    edges = std::move(leads_to);
  }
  const char* name() const override { return kName; }
  autograd::Tensors apply(autograd::Tensors&, bool, autograd::Receiver&) override {
    throw StateError(failure_.message);
  }

 private:
  SharedProgram program_;  // of which the failure is a part
  const Failure& failure_;
};

// All outputs first: hooks of one ask for how many there are.
void hang_on(const Ref<Node>& node, std::span<const Tensor> results) {
  for (const Tensor& t : results) node->outputs.push_back({t.dtype(), t.sizes()});
  for (size_t i = 0; i < results.size(); ++i) {
    autograd::set_history(results[i], node, static_cast<int>(i));
  }
}

}  // namespace

Hanger::Hanger(SharedProgram program) : program_(std::move(program)) {
  const Program& p = *program_;
  if (!p.differentiable.empty()) backward_ = BackwardPlan::of(p);
  for (const Failure& f : p.failures) {
    Failing& failing = failing_.emplace_back();
    SmallVector<Edge, 2> outside;
    for (int leaf : f.leaves) {
      const Value& v = p.values[p.leaves[leaf]];
      if (v.source == Source::kState && autograd::is_leaf(p.states[v.index])) {
        outside.push_back(autograd::edge_of(p.states[v.index]));
      } else {
        failing.others.push_back(leaf);
      }
    }
    if (outside.empty()) continue;
    failing.gate = Ref<Node>(new FailingNode(program_, f, std::move(outside)));
    const Value& result = p.values[p.results[f.result]];
    failing.gate->outputs.push_back({result.dtype, result.sizes});
  }
}

void Hanger::hang(Frame& frame, const std::vector<Tensor>& results) const {
  const Program& p = *program_;
  if (!p.differentiable.empty()) {
    const Ref<Node> node(new CompiledNode(program_, backward_, frame, edges_to(p.hung, p, frame)));
    std::vector<Tensor> hung;
    for (int i : p.differentiable) hung.push_back(results[i]);
    hang_on(node, hung);
  }
  for (size_t i = 0; i < failing_.size(); ++i) {
    const Failure& failure = p.failures[i];
    SmallVector<Edge, 2> edges = edges_to(failing_[i].others, p, frame);
    if (failing_[i].gate) edges.push_back({failing_[i].gate, Tensor(), 0});
    hang_on(Ref<Node>(new FailingNode(program_, failure, std::move(edges))),
            {&results[failure.result], 1});
  }
}

}  // namespace chainrule::graph
