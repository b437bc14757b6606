// Thread-local modes and the two listeners of call(): the tape (autograd/) and the recorder
// (graph/).
#pragma once

#include "core/tls.h"
#include "ops/op.h"

namespace chainrule {

// Hears every primitive call and every write while a program is being recorded.
class Recorder {
 public:
  virtual void on_call(const Call& call, const Tensors& outputs, const Infer& infer) = 0;
  // An operation is about to change some of its inputs in place; refused before it does.
  virtual void on_mutation(const Call& call) = 0;
  // `view` (a window on `base`) is about to receive `value`, already of its shape and dtype.
  virtual void on_write(const Tensor& view, const Tensor& value) = 0;
  // A leaf's gradient slot changes; an undefined value clears it.
  virtual void on_set_grad(const Tensor& leaf, const Tensor& value) = 0;
  // `grad` is read as the gradient of `leaf`; undefined when there is none.
  virtual void on_read_grad(const Tensor& leaf, const Tensor& grad) = 0;
  // What follows is refused. `hint` says how to do without, where that is not the way of its kind.
  // A value leaves the program: item, numpy, print.
  virtual void on_read(const char* what, const char* hint = nullptr) = 0;
  // The shape of a result depends on values.
  virtual void on_shape(const char* what, const char* hint = nullptr) = 0;
  // New data enters from the host: tensor(...), from_numpy.
  virtual void on_host_data(const char* what, const char* hint = nullptr) = 0;
  // Code of the host's is called or kept that no replay would run: a hook, `whose` in words.
  virtual void on_host_code(const char* what, const char* hint = nullptr,
                            const std::string& whose = {}) = 0;
  // Throws `why`; a recorder that gives up instead is none any more when this returns.
  virtual void refuse(const CaptureError& why) = 0;

 protected:
  ~Recorder() = default;
};

// Gives outputs their history. Set once by autograd/.
struct Tape {
  void (*record)(const Call& call, Tensors& outputs, int hidden) = nullptr;
  // History of base after base[view] = value; called before the bytes are written. `own`: the value
  // was made for this write, so that the base may take its place in the graph.
  void (*record_write)(const Tensor& view, const Tensor& value, bool own, const char* op) = nullptr;
  // Of a view: whether it has history, also through later writes to its base. StateError for one
  // that was made without gradients, if its base was written with history since.
  bool (*takes_part)(const Tensor& view) = nullptr;
};
extern Tape tape;

struct Modes {
  bool grad_enabled = true;
  bool inference = false;
  bool autocast = false;  // OpDef::autocast takes the place of a call
  Recorder* recorder = nullptr;
};
extern constinit CHAINRULE_TLS Modes modes;

// Whether a call on these leaves history when modes.grad_enabled; of views, also through writes to
// their bases.
bool any_requires_grad(std::span<const Tensor> tensors);

class NoGrad {
 public:
  explicit NoGrad(bool enabled = false) : saved_(modes.grad_enabled) {
    modes.grad_enabled = enabled;
  }
  ~NoGrad() { modes.grad_enabled = saved_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool saved_;
};

// Gradients are computed in the dtypes that the forward pass had, an operation under autocast in
// those that autocast has chosen.
class NoAutocast {
 public:
  NoAutocast() : saved_(modes.autocast) { modes.autocast = false; }
  ~NoAutocast() { modes.autocast = saved_; }
  NoAutocast(const NoAutocast&) = delete;
  NoAutocast& operator=(const NoAutocast&) = delete;

 private:
  bool saved_;
};

}  // namespace chainrule
