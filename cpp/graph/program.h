// Program: one recorded call as a flat list of instructions in SSA form. Compute instructions write
// only values of their own; what outlives the call (parameters, optimiser state, running
// statistics, the random counter, `.grad`) is written in the commit section, which cannot fail. So
// a replay that fails has changed nothing.
#pragma once

#include <bit>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "graph/memory_plan.h"
#include "graph/seed_set.h"
#include "graph/stretch.h"
#include "ops/op.h"

namespace chainrule::graph {

using ValueId = int32_t;
inline constexpr ValueId kNone = -1;

// Where a value comes from.
enum class Source : uint8_t {
  kArgument,     // index: which argument
  kState,        // index: a tensor that lives outside the program, read where it is
  kGradient,     // index: the `.grad` that this leaf has when the replay begins
  kNumber,       // index: an immediate
  kInstruction,  // index: which instruction
};

// Whether a tensor is marked as made in inference_mode.
enum class Mark : uint8_t {
  kAsMade,  // as its memory's: a view has that of what it looks at, a new tensor none
  kOff,
  kOn,
};

struct Value {
  Source source;
  int index;
  DType dtype;
  Dims sizes;
  bool view = false;  // of an instruction: a window on its first input
  Dims strides{};
  int64_t offset = 0;  // from the first element of that input
  int64_t room = 0;    // of an argument or a gradient: elements from its first one that may be used
  Mark mark = Mark::kAsMade;  // of an instruction
};

struct Instruction {
  const OpDef* op;
  std::vector<ValueId> inputs;  // kNone for an absent optional input
  std::vector<int32_t> list_ends;
  std::vector<std::byte> attrs;
  std::vector<ValueId> outputs;  // hidden ones last
  int hidden = 0;
  int64_t scratch_bytes = 0;
  std::vector<ValueId> dead_after;  // values nobody reads later
  std::string where;                // the user's line, "train.py:12"
  SeedSet seeds;                    // of the backward section: those without which it does not run
  bool joins = false;               // there: adds two gradients, either of which may be missing
  bool tail = false;  // runs on each part of the output of the last one before that is none
};

// In the backward section: a gradient for one of `hung`, made by the instructions before `after`.
struct Contribution {
  int edge;
  ValueId value;
  size_t after;
  bool last;  // nobody reads the value later
  bool operator==(const Contribution&) const = default;
};

// A result from which backward is an error, as something that it needs is gone.
struct Failure {
  int result;
  std::string message;
  std::vector<int> leaves;  // that it would reach
  bool operator==(const Failure&) const = default;
};

// What the memory of an argument, of a state or of a leaf's `.grad` becomes at commit.
struct WriteBack {
  Source target;
  int index;               // which argument or state; of a `.grad`: its value when the replay began
  ValueId value;           // all its elements as one row
  bool inference = false;  // made in inference_mode, where not every operation may write it
  bool window = false;     // of what requires a gradient: likewise, where gradients are on
};

// Of the target of a WriteBack.
inline bool is_window(const TensorImpl& t) { return t.base && t.base->requires_grad; }

// A result that is a view of something that the caller has, too.
struct ResultWindow {
  int result;
  Source owner;  // an argument, a state, or (kInstruction) another result
  int index;
};

// A tensor whose `.grad` counts: one from outside, or the one that is passed as an argument.
struct Leaf {
  Tensor outside;
  int argument = -1;  // -1: none
  const Tensor& among(std::span<const Tensor> arguments) const {
    return argument < 0 ? outside : arguments[argument];
  }
  bool operator==(const Leaf& o) const {
    return argument == o.argument && outside.same_as(o.outside);
  }
};

// leaf.grad <- value (kNone clears it), at commit.
struct GradBinding {
  Leaf leaf;
  ValueId value;
};

// Which memory an argument or a `.grad` shares, with others or with a state. One window is one
// value, whoever is asked for it, and what is written must reach the same others in every call.
struct Place {
  int first;             // the argument, or after these the `.grad`, that it shares, or itself
  int64_t offset;        // from that one
  const Storage* state;  // that of a state it shares, or null
  bool operator==(const Place&) const = default;
};

// The function looked whether leaf.grad is None, and used the layout and the memory that it had.
struct GradGuard {
  Leaf leaf;
  bool defined;
  DType dtype;
  Dims sizes;
  Dims strides;
  Place place;
  bool written = false;
};

// What a replay's guards work in.
struct GuardRoom {
  std::vector<const Storage*> gradients;
  std::vector<Stretch> stretches;
};

struct Number {
  DType dtype;
  double real;
  int64_t integer;
  // To the bit: NaN is itself, and -0.0 is not 0.0.
  bool operator==(const Number& o) const {
    return dtype == o.dtype && integer == o.integer &&
           std::bit_cast<int64_t>(real) == std::bit_cast<int64_t>(o.real);
  }
};

struct Program {
  std::vector<Value> values;
  std::vector<Instruction> code;
  size_t forward_end = 0;   // instructions from here on are the backward of `results`
  size_t commit_begin = 0;  // [commit_begin, forward_end) update state in place, after all else
  std::vector<InputMeta> arguments;
  std::vector<ValueId> argument_values;
  std::vector<std::pair<int, bool>> hooked;  // which arguments need a gradient; any hooks on it?
  std::vector<std::pair<int, bool>> turned;  // which arguments begin to need one, or stop to
  std::vector<Tensor> states;
  std::vector<autograd::Standing> standings;  // of each
  // Of tensors from outside for which an argument or a state stands, whose memory they share.
  std::vector<std::pair<Tensor, autograd::Standing>> doubles;
  std::vector<Tensor> unhooked;  // leaves from outside without hooks, which a replay would not run
  std::vector<Number> numbers;
  std::vector<WriteBack> writes;
  std::vector<Leaf> gradient_leaves;
  std::vector<GradBinding> gradients;
  std::vector<GradGuard> grad_guards;
  bool writes_arguments = false;  // no argument may share memory with another but as recorded
  std::vector<Place> places;      // of the arguments
  bool writes_gradients = false;  // nor a `.grad` that the function uses
  // In order; none where nothing is written and no `.grad` used.
  std::vector<const Storage*> state_storages;
  bool writes_memory = false;  // of arguments, states or gradients: what overlaps it counts
  std::vector<bool> written_arguments;  // their memory
  Grounds grounds;                      // of states
  std::vector<ValueId> results;
  std::vector<std::pair<int, int>> repeated;  // of results: the same tensor as an earlier one
  std::vector<ResultWindow> windows;
  // Of results that require a gradient: the seeds, and what the backward section makes.
  std::vector<int> differentiable;          // which results, each value once
  std::vector<ValueId> seeds;               // one per differentiable result
  std::vector<ValueId> leaves;              // arguments, states and `own_leaves` to hang on
  std::vector<int> hung;                    // of these: which the backward section reaches
  std::vector<std::vector<int>> leads_to;   // of each differentiable result: which of `hung`
  std::vector<ValueId> own_leaves;          // made inside, where requires_grad_() was called
  std::vector<Contribution> contributions;  // in order
  std::vector<Failure> failures;
  std::vector<SeedSet> groups;                // sets of seeds that came to a node that saved
  std::vector<ValueId> backward_reads;        // what a forward run keeps for the backward section
  std::vector<std::vector<SeedSet>> read_by;  // by which groups
  std::vector<int> read_writes;  // which of `writes` puts each where it came from, or -1
  MemoryPlan memory;             // of the forward run; made last

  // Op by op, with attributes, immediates and states; empty when equal, else what differs and
  // where.
  std::string difference(const Program& other) const;
  // Whether the tensors from outside are as they were, leaves or results, which `.grad` are None,
  // what shares memory, and what is written may be written.
  bool guards_hold(std::span<const Tensor> arguments, GuardRoom& room) const;
  bool hooks_hold() const;    // those of `unhooked`; asked when any leaf has got a hook
  bool layouts_hold() const;  // of `states`; asked when any tensor has got another
  bool places_hold(std::span<const Tensor> arguments) const;
  bool gradient_places_hold(std::span<const Tensor> arguments,
                            std::vector<const Storage*>& room) const;
  // Whether no memory that is written lies in another storage, too.
  bool memory_apart(std::span<const Tensor> arguments, std::vector<Stretch>& room) const;
  Stretch stretch_of_argument(std::span<const Tensor> arguments, size_t i) const;
  bool writes_hold(std::span<const Tensor> arguments) const;
  const Storage* state_of(const TensorImpl& t) const;
  // Whether arguments and gradients shared memory alike: what shares is one value, so of others the
  // same function is another program.
  bool places_equal(const Program& other) const;
  // Re-runs every shape rule and checks that only the commit section writes outside the program.
  void verify() const;
  void verify_sections() const;
  // Where the instructions that run together with number i end: its tails come with it.
  size_t end_of_group(size_t i) const;
  std::string to_string() const;
};

}  // namespace chainrule::graph
