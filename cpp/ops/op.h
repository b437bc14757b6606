// OpDef: everything one operation is, in one contiguous block of data. The eager tape, the captured
// program, the Python binding and its stub, the C++ functions, the docs and the tests read it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/small_vector.h"
#include "core/tensor.h"
#include "ops/attrs.h"
#include "ops/dtype_set.h"
#include "ops/launch.h"

namespace chainrule {

struct OpDef;
struct OpSchema;  // ops/schema.h: the parsed signatures, generated
using Tensors = SmallVector<Tensor, 4>;

// One invocation: the operation, its tensors and its attributes. Inputs stand flattened in the
// order of the signature; an absent optional input is an undefined Tensor; a list takes several
// places.
struct Call {
  const OpDef& op;
  std::span<const Tensor> inputs;
  const void* attrs;
  const int32_t* list_ends =
      nullptr;  // per parameter, end in `inputs`; null when nothing is a list

  template <typename A>
  const A& as() const {
    return *static_cast<const A*>(attrs);
  }
  const Tensor& operator[](int i) const { return inputs[list_ends && i ? list_ends[i - 1] : i]; }
  bool has(int i) const { return (*this)[i].defined(); }
  std::span<const Tensor> list(int i) const {
    const int32_t begin = i ? list_ends[i - 1] : 0;
    return inputs.subspan(begin, list_ends[i] - begin);
  }
  const char* name() const;
};

// ---- The shape rule sees a Call and states its outputs; it is the only thrower of shape errors.
struct OutputSpec {
  OutputSpec(DType dtype_, const Dims& sizes_) : dtype(dtype_), sizes(sizes_) {}
  OutputSpec(DType dtype_, const Dims& sizes_, const Dims& strides_, int64_t offset_)
      : dtype(dtype_), sizes(sizes_), view(true), strides(strides_), offset(offset_) {}
  DType dtype;
  Dims sizes;
  bool view = false;  // a window on input 0: `strides` and `offset` count
  Dims strides;
  int64_t offset = 0;
};

struct Infer : Call {
  Infer(const Call& call, bool needs_grad_) : Call(call), needs_grad(needs_grad_) {}
  bool needs_grad;
  SmallVector<OutputSpec, 2> outputs;
  int hidden = 0;  // how many of the last outputs are for backward only
  int64_t scratch_bytes = 0;

  void out(DType dtype, const Dims& sizes) { outputs.emplace_back(dtype, sizes); }
  void view(const Dims& sizes, const Dims& strides, int64_t offset) {
    outputs.emplace_back((*this)[0].dtype(), sizes, strides, offset);
  }
  // Masks, statistics: kept for backward, not returned. Made only when a gradient is needed.
  void keep(DType dtype, const Dims& sizes) {
    if (!needs_grad) return;
    out(dtype, sizes);
    ++hidden;
  }
};

// ---- The kernel call.
struct Run : Call {
  std::span<const Tensor> outputs;  // visible ones, then hidden ones where a gradient is needed
  void* scratch;                    // Infer::scratch_bytes, uninitialised
  const Tensor& out(int i = 0) const { return outputs[i]; }
  bool has_out(int i) const { return i < static_cast<int>(outputs.size()); }
};

// ---- The gradient rule of one differentiable input. `reads` says what has to be saved.
using Reads = uint32_t;
inline constexpr Reads kReadsNothing = 0;
constexpr Reads reads_value(int input) { return 1u << input; }
constexpr Reads reads_shape(int input) { return 1u << (8 + input); }
constexpr Reads reads_output(int output) { return 1u << (16 + output); }  // hidden ones count on

struct InputMeta {
  DType dtype = DType::kFloat32;
  Dims sizes;
};

// What a rule may look at. Rules call the generated functions, so gradients have gradients.
class Backward {
 public:
  virtual const Tensor& dy(int output = 0) = 0;  // never undefined: absent gradients become zeros
  virtual bool has_dy(int output) = 0;
  virtual Tensor value(int input) = 0;  // needs reads_value(input); for a list: element i
  virtual Tensor value(int input, int element) = 0;
  virtual const InputMeta& shape(int input, int element = 0) = 0;  // needs reads_shape(input)
  virtual Tensor output(int output) = 0;                           // needs reads_output(output)
  virtual int list_size(int input) = 0;
  virtual const void* attrs() = 0;
  int element = 0;  // which element of a list input this call is about
  Tensors shared;   // what one rule makes for the others of this node; empty at first

  template <typename A>
  const A& as() {
    return *static_cast<const A*>(attrs());
  }

 protected:
  ~Backward() = default;
};

struct GradRule {
  int input;
  Reads reads;
  Tensor (*rule)(Backward&);  // an undefined result means "no gradient"
};

// ---- How mixed dtypes are brought together before the shape rule runs.
enum class Promotion : uint8_t {
  kNone,     // inputs stay as they are
  kPromote,  // all tensor inputs to their result_type
  kNumbers,  // as kPromote; a bool among them is a DtypeError
  kFloat,    // as kPromote; integers and bools go to the default floating type
};

// ---- Where Python finds it.
using Surface = uint32_t;
inline constexpr Surface kFunction = 1;    // chainrule.name
inline constexpr Surface kMethod = 2;      // Tensor.name
inline constexpr Surface kFunctional = 4;  // chainrule.nn.functional.name
inline constexpr Surface kLinalg = 8;      // chainrule.linalg.name
inline constexpr Surface kInPlace = 16;    // Tensor.name_ exists (value, then write)
inline constexpr Surface kPrivate = 32;    // chainrule._core._ops.name only
inline constexpr Surface kEverywhere = kFunction | kMethod;

using Traits = uint32_t;
inline constexpr Traits kElementwise = 1;
inline constexpr Traits kBroadcasts = 2;  // backward sums the gradient back to the input's shape
inline constexpr Traits kView = 4;
inline constexpr Traits kDynamicShape = 8;
inline constexpr Traits kMutates = 16;    // writes the parameters listed in OpDef::mutates
inline constexpr Traits kTakesTail = 32;  // as a launch, see Tail
inline constexpr Traits kRefuses = 64;    // some values; of those that can be prepared

struct OpDef {
  const char* name;  // unique; the C++ function's name
  const char* doc;   // one sentence, formula, shapes, convention at kinks; "Args:"-free
  std::vector<const char*>
      signatures;  // one schema line per Python spelling; the first is complete
  Surface surface = kEverywhere;
  Promotion promotion = Promotion::kNone;
  int promote_from = 0;  // the first input that takes part
  void (*infer)(Infer&) = nullptr;
  Forward forward = {};  // null for views
  std::vector<GradRule> grad = {};
  // The same op from others. Alone: the op's whole meaning. Beside `forward`: its oracle.
  Tensors (*compose)(const Call&) = nullptr;
  std::vector<int> mutates = {};
  Traits traits = 0;
  // What runs in its place under autocast, itself without autocast; null for the operation as it
  // is.
  Tensors (*autocast)(const Call&) = nullptr;
  DTypeSet dtypes = kAnyDType;  // of the first input; elementwise ones have it in their kernels
  int cost = 1;                 // elementary operations per output element, about
  int64_t (*work)(const Run&) = nullptr;  // of all its elements, where that depends on more

  bool is(Traits t) const { return (traits & t) != 0; }
  bool composite() const { return !forward && compose != nullptr; }
  mutable int id = -1;                       // place in all_ops(); set by the registry
  mutable const OpSchema* schema = nullptr;  // set by the registry
};

inline const char* Call::name() const { return op.name; }

std::span<const OpDef* const> all_ops();
const OpDef* find_op(std::string_view name);  // null when there is none

// ---- Rules of autocast: the call on floating inputs in that dtype, float64 as it is.
Tensors in_bfloat16(const Call& c);  // of products
Tensors in_float32(const Call& c);   // of sums, losses and the like

// ---- The one way into an operation; `attrs` points at the op's generated attribute struct.
Tensors call(const OpDef& op, std::span<const Tensor> inputs, const void* attrs,
             const int32_t* list_ends = nullptr);
inline Tensor call_one(const OpDef& op, std::span<const Tensor> inputs, const void* attrs,
                       const int32_t* list_ends = nullptr) {
  return std::move(call(op, inputs, attrs, list_ends)[0]);
}

// In place: target <- op(inputs), written by write(), with a version bump and history.
// Returns target.
Tensor call_in_place(const Tensor& target, const OpDef& op, std::span<const Tensor> inputs,
                     const void* attrs, const int32_t* list_ends = nullptr);
// target[...] <- value (broadcast, cast), the one op behind every mutation. `op` is named in
// errors.
Tensor write(const Tensor& target, const Tensor& value, const char* op);

// PyTorch's promotion over tensors and weak numbers: Python number < 0-d tensor < tensor, by
// category.
DType result_type(std::span<const Tensor> tensors);
// A weak number as one of another dtype.
Tensor number_of_dtype(const Tensor& number, DType to);

}  // namespace chainrule
