#include "graph/frame.h"

#include <algorithm>

#include "core/threads.h"
#include "graph/generic_call.h"

namespace chainrule::graph {

Frame::Frame(const Program& program)
    : program_(program),
      table_(program.values.size() + 1 + program.commit_begin),
      slots_(program.values.size()) {
  const MemoryPlan& plan = program.memory;
  arena_ = Tensor::empty(DType::kUInt8, Dims{plan.arena_bytes});
  for (ValueId id = 0; id < static_cast<ValueId>(slots_.size()); ++id) {
    const Value& v = program.values[id];
    const MemoryPlan::Place& place = plan.places[id];
    if (v.source == Source::kNumber) slots_[id] = make_number(program.numbers[v.index]);
    if (v.source == Source::kNumber) set_address(id);
    if (v.source == Source::kState) slots_[id] = program.states[v.index];
    if (v.source == Source::kState || v.source == Source::kGradient) outside_.push_back(id);
    if (place.home == Home::kArena) {
      const int64_t within = place.root == id ? 0 : place.offset;
      table_[id] = arena_.data<char>() + plan.places[place.root].offset + within;
    } else if (place.home == Home::kFresh && place.root == id) {
      fresh_.push_back(id);
    } else if (place.root != id && place.home != Home::kConstant) {
      windows_.push_back(id);
    }
  }
  kept_.resize(fresh_.size());
  for (size_t i = 0; i < program.commit_begin; ++i) {
    table_[scratch_place(i)] = arena_.data<char>() + plan.scratch[i];
  }
  for (size_t i = 0; i < program.commit_begin; ++i) {
    const Instruction& in = program.code[i];
    if (plan.constant[i]) {
      make_constant(in);
    } else if (makes_something(in)) {
      make_launch(in);
    }
  }
  link_tails();
}

Frame::~Frame() = default;

// Not so an instruction that only looks at memory in another way.
bool Frame::makes_something(const Instruction& in) const {
  if (in.op->is(kMutates)) return true;
  return std::any_of(in.outputs.begin(), in.outputs.end(),
                     [&](ValueId id) { return !program_.values[id].view; });
}

void Frame::set_address(ValueId id) { table_[id] = static_cast<char*>(slots_[id].raw()); }

void Frame::make_constant(const Instruction& in) {
  if (makes_something(in)) {
    Tensors inputs, outputs;
    for (ValueId id : in.inputs) inputs.push_back(id == kNone ? Tensor() : (*this)[id]);
    for (ValueId id : in.outputs) {
      const Value& v = program_.values[id];
      outputs.push_back(slots_[id] = Tensor::empty(v.dtype, v.sizes));
    }
    run_kernel(in, inputs, outputs, make_scratch(in.scratch_bytes).get());
  }
  for (ValueId id : in.outputs) {
    (*this)[id];
    set_address(id);
  }
}

void Frame::make_launch(const Instruction& in) {
  Launch& launch = launches_.emplace_back();
  launched_.push_back(&in);
  if (resolve(in, launch)) return;
  generic_.push_back(std::make_unique<GenericCall>(program_, in, *this));
  launch.set([](const Launch& l, char* const*) { l.as<GenericCall*>()->run(); },
             generic_.back().get());
}

// An instruction that could not be resolved runs whole, and so do its tails, behind it.
void Frame::link_tails() {
  tails_.resize(launches_.size());
  for (size_t i = 0; i < launches_.size(); ++i) {
    if (launched_[i]->tail) continue;
    size_t end = i + 1;
    bool in_parts = launches_[i].takes_tail;
    for (; end < launches_.size() && launched_[end]->tail; ++end) {
      in_parts = in_parts && launches_[end].part;
    }
    if (!in_parts || end == i + 1) continue;
    tails_[i] = {&launches_[i + 1], launches_.data() + end};
    launches_[i].tail = &tails_[i];
  }
}

bool Frame::resolve(const Instruction& in, Launch& launch) {
  Tensors inputs, outputs;
  for (ValueId id : in.inputs) inputs.push_back(stand_in(program_, id));
  for (ValueId id : in.outputs) outputs.push_back(stand_in(program_, id));
  const Run run{call_of(in, inputs), {outputs.data(), outputs.size()}, nullptr};
  work_ += work_of(program_, in);
  if (in.op->is(kMutates)) return false;
  const size_t operands = inputs.size() + outputs.size() + 1;
  if (!in.op->forward.prepare || operands > Launch::kMostOperands) return false;
  std::fill(std::begin(launch.operands), std::end(launch.operands), null_place());
  int32_t* place = std::copy(in.outputs.begin(), in.outputs.end(), launch.operands);
  for (ValueId id : in.inputs) {
    if (id != kNone) *place = id;
    ++place;
  }
  if (in.scratch_bytes > 0) *place = scratch_place(&in - program_.code.data());
  return in.op->forward.prepare(run, launch);
}

bool Frame::is_passing(ValueId id) const {
  const MemoryPlan::Place& place = program_.memory.places[id];
  const bool own = place.home == Home::kConstant || place.home == Home::kArena;
  return !own && program_.values[id].source != Source::kState;
}

void* Frame::scratch(const Instruction& in) const {
  if (in.scratch_bytes == 0) return nullptr;
  return arena_.data<char>() + program_.memory.scratch[&in - program_.code.data()];
}

const Tensor& Frame::operator[](ValueId id) {
  Tensor& slot = slots_[id];
  if (slot.defined()) return slot;
  const Value& v = program_.values[id];
  if (v.view) {
    slot = window_of((*this)[program_.code[v.index].inputs[0]], v);
    mark(slot, v);
  } else {
    const int64_t offset = program_.memory.places[id].offset / itemsize(v.dtype);
    slot = Tensor(make_ref<TensorImpl>(arena_->storage, v.dtype, v.sizes,
                                       contiguous_strides(v.sizes), offset));
  }
  if (is_passing(id)) filled_.push_back(id);
  return slot;
}

void Frame::enter(std::span<const Tensor> arguments) {
  const Program& p = program_;
  for (size_t i = 0; i < arguments.size(); ++i) fill(p.argument_values[i], arguments[i]);
  for (ValueId id : outside_) {
    const Value& v = p.values[id];
    if (v.source == Source::kGradient) {
      fill(id, Tensor(p.gradient_leaves[v.index].among(arguments)->autograd->grad));
    } else {
      set_address(id);
    }
  }
  for (size_t i = 0; i < fresh_.size(); ++i) {
    const Value& v = p.values[fresh_[i]];
    if (!kept_[i].defined()) {
      kept_[i] = Tensor::empty(v.dtype, v.sizes);
      mark(kept_[i], v);
    }
    fill(fresh_[i], std::move(kept_[i]));
  }
  for (ValueId id : windows_) {
    const MemoryPlan::Place& place = p.memory.places[id];
    table_[id] = table_[place.root] + place.offset;
  }
  for (const auto& call : generic_) call->fill(*this);
}

void Frame::fill(ValueId id, Tensor t) {
  slots_[id] = std::move(t);
  set_address(id);
  filled_.push_back(id);
}

void Frame::compute(std::vector<int64_t>* ns) {
  const LongWork release(work_);
  const Launch *launch = launches_.data(), *end = launch + launches_.size();
  while (launch != end) {
    if (ns) {
      timed(ns, [&] {
        if (launch->run) launch->run(*launch, table_.data());
      });
    } else if (launch->run) {
      launch->run(*launch, table_.data());
    }
    launch = launch->tail ? launch->tail->end : launch + 1;
  }
}

void Frame::clear() {
  for (const auto& call : generic_) call->clear();
  for (ValueId id : filled_) slots_[id] = Tensor();
  filled_.clear();
}

void Frame::keep(ValueId id, Tensor unused) {
  const auto place = std::lower_bound(fresh_.begin(), fresh_.end(), id);
  if (place == fresh_.end() || *place != id) return;
  kept_[place - fresh_.begin()] = std::move(unused);
}

std::vector<std::string> Frame::steps() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < launches_.size();) {
    std::string& name = names.emplace_back(launched_[i]->op->name);
    const Tail* tail = launches_[i].tail;
    const size_t end = tail ? tail->end - launches_.data() : i + 1;
    while (++i < end) name += str("+", launched_[i]->op->name);
  }
  return names;
}

}  // namespace chainrule::graph
