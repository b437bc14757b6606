// compile(fn): records calls of a function as a program and replays it, as chainrule.compile does
// in Python.
//
//   Compiled step = compile([&](std::span<const Tensor> batch) -> std::vector<Tensor> {
//     const Tensor loss = cross_entropy(net(batch[0]), batch[1]);
//     autograd::backward({&loss, 1}, {}, {});
//     update(parameters);
//     return {loss};
//   });
//   const Tensor loss = step({x, y})[0];
//
// The first calls of a signature (graph/signature.h) run the function while it is recorded. A
// program is adopted when two successive recordings are equal: at the second call, or at the third
// where the first makes what the others find. From then on a call replays it, with the same bits,
// and a replay that fails has changed nothing. Four recordings in a row, each different from the
// one before, are a CaptureError, and so is what no program can hold: reading a value with item(),
// shapes that depend on data, hooks, backward() through history from outside, seeding a generator.
// Tensors that the function finds outside (parameters, optimizer state, settings as `hyper` of
// adam_update) are read where they are, so what is written into them between two calls counts.
//
// C++ code other than operations runs only while the function is recorded, and nobody tells a
// replay that it would do something else now: clear() after a change of what is not a tensor.
// Memory that it reads or writes by Tensor::data() goes past the program as well.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "graph/program.h"

namespace chainrule {

class Compiled {
 public:
  using Function = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

  explicit Compiled(Function function);
  ~Compiled();
  Compiled(Compiled&&) noexcept;
  Compiled& operator=(Compiled&&) noexcept;

  // Threads may call at once. A call inside of a recording runs the function, whose operations
  // become part of that.
  std::vector<Tensor> operator()(std::span<const Tensor> arguments);
  std::vector<Tensor> operator()(std::initializer_list<Tensor> arguments);
  // The same, with the results in place of what `results` held (no arguments of this call): where
  // it is used again, replays allocate blocks for tensors alone.
  void run(std::span<const Tensor> arguments, std::vector<Tensor>& results);

  void clear();  // drops all plans: the next calls are recorded

  int plans() const;           // signatures with an adopted program
  int64_t replays() const;     // so far
  int64_t recordings() const;  // so far
  // What the latest call has replayed or would, once it is adopted; null before. to_string() has a
  // line for each instruction.
  std::shared_ptr<const graph::Program> program() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline Compiled compile(Compiled::Function function) { return Compiled(std::move(function)); }

}  // namespace chainrule
