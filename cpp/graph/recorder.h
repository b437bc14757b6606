// The recorder: listens to call() and writes what happens into a Program. Tensors are recognised by
// the memory they cover, so views, saved outputs and detached aliases need no special care.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "autograd/trace.h"
#include "graph/program.h"
#include "ops/modes.h"

namespace chainrule::graph {

// The user's current source line; set by bindings/, empty without a host language.
extern std::string (*source_line)();
// " at train.py:12", for errors.
std::string at_here();

bool among(const std::vector<Tensor>& tensors, const Tensor& t);  // that very tensor

class ProgramRecorder final : public Recorder, private autograd::Tracer {
 public:
  // `gives_up`: what cannot be captured ends the recording and the call goes on eagerly, in place
  // of a CaptureError.
  explicit ProgramRecorder(std::span<const Tensor> arguments, bool gives_up = false);
  ~ProgramRecorder();  // leaves recording mode

  // Ends the recording. Results that need a gradient get a backward section.
  Program finish(std::span<const Tensor> results);

  void on_call(const Call& call, const Tensors& outputs, const Infer& infer) override;
  void on_mutation(const Call& call) override;
  void on_write(const Tensor& view, const Tensor& value) override;
  void on_set_grad(const Tensor& leaf, const Tensor& value) override;
  void on_read_grad(const Tensor& leaf, const Tensor& grad) override;
  void on_read(const char* what, const char* hint) override;
  void on_shape(const char* what, const char* hint) override;
  void on_host_data(const char* what, const char* hint) override;
  void on_host_code(const char* what, const char* hint, const std::string& whose) override;
  void refuse(const CaptureError& why) override;
  const std::string& refusal() const { return refusal_; }  // why it gave up; empty if it did not

 private:
  struct Window {
    Dims sizes, strides;
    int64_t offset;
    bool inference;  // its mark: a view made in inference_mode is not the tensor that it looks at
    ValueId value;
    const TensorImpl* tensor;  // that was bound
  };
  // The memory of one storage: its windows known as values under the current binding.
  struct Memory {
    Ref<Storage> keep;  // the address must not be used again while recording
    std::vector<Window> windows;
    ValueId flat = kNone;  // all elements as one dense row, once written to
    // Of arguments and gradients: the part of the storage that the row is, for what lies beside it
    // may be elsewhere in the next call.
    int64_t flat_offset = 0, flat_end = 0;
    int argument = -1;         // the first in that part
    ValueId gradient = kNone;  // of a state's `.grad`: its value before anything was written
    Tensor origin;             // that argument or gradient
    bool outside = false;      // existed before the recording
    bool written = false;
  };

  ValueId resolve(const Tensor& t);
  ValueId resolve_gradient(const Tensor& grad);
  void resolve_results(std::span<const Tensor> results);
  bool is_taken(ValueId id, const Tensor& t) const;
  void find_owner(int result, std::span<const Tensor> results);
  ValueId resolve_result(const Tensor& t);
  ValueId resolve_state(const Tensor& t);
  ValueId window_outside(const Memory& memory, const Tensor& t);
  ValueId result_window(ValueId owner, const Tensor& t, int64_t offset);
  Leaf leaf_of(const Tensor& t) const;
  bool made_inside(const Tensor& t) const;
  ValueId number(const Tensor& t);
  ValueId state(const Tensor& t);
  ValueId flat(Memory& memory, const Tensor& t);
  int64_t row_elements(const Memory& memory, const Tensor& t) const;
  void check_inside(const Memory& memory, const Tensor& t) const;
  ValueId window(ValueId owner, DType dtype, const Dims& sizes, const Dims& strides,
                 int64_t offset);
  ValueId emit(const OpDef& op, std::vector<ValueId> inputs, const void* attrs, DType dtype,
               const Dims& sizes, bool view, const Dims& strides, int64_t offset);
  ValueId add_value(const Value& v);
  Memory& memory_of(const Tensor& t);
  const Window* find(const Memory& memory, const Tensor& t) const;
  void note_double(const Memory& memory, const Tensor& t);
  void bind(const Tensor& t, ValueId value);
  void record_mutations(const Call& call, Instruction& in);
  void note_history(const Tensor& t);
  bool is_own(const Tensor& t) const;
  void survey_results(std::span<const Tensor> results);
  ValueId leaf_value(const Tensor& leaf, std::span<const Tensor> results);
  void make_backward(std::span<const Tensor> results);
  void on_node(const autograd::Tensors& dys, bool saved) override;
  void on_sum(const Tensor& a, const Tensor& b) override;
  void on_gradient(int input, const Tensor& gradient) override;
  SeedSet seeds_of(const Tensor& gradient);
  void find_backward_reads();
  void sink_updates();
  void find_places();
  void find_turned();
  void find_gradient_places();
  void find_written_memory();

  Program program_;
  std::unordered_map<const Storage*, Memory> memories_;
  std::vector<Tensor> argument_tensors_;
  std::vector<bool> had_history_;          // of each
  std::vector<Tensor> views_;              // made inside
  std::vector<Tensor> guarded_gradients_;  // of each guard, undefined where there was none
  std::vector<Tensor>
      history_;               // from outside, of arguments and of what calls took; then of leaves
  std::vector<int> hung_on_;  // which of them the backward section reaches
  SeedSet seeds_;             // of the node whose backward is recorded
  SeedSet join_;              // of the sum that comes next
  Modes saved_;
  bool gives_up_;
  std::optional<CaptureError> refused_;  // which the function may have caught and gone on
  std::string refusal_;

  void stop_listening();
};

}  // namespace chainrule::graph
