// The form of an optimiser's update as an operation: what its block has to state beside name, doc
// and signature, from which infer_rule and forward_rule are made. The signature lists, in this
// order: params, grads, lists of states like the params, lists of 0-d states (steps first), hyper,
// flags.
//
// An update writes params and states where they are. Everything that can fail stands in its shape
// rule, so a group is updated as a whole or not at all.
#pragma once

#include <cmath>

#include "kernels/kernel_table.h"
#include "optim/chunks.h"

namespace chainrule {

inline constexpr int kMostScalars = 3, kMostDerived = 4;

struct UpdateForm {
  int variant = 0;
  bool maximize = false, decoupled = false;
};

struct UpdateRule {
  kernels::Update kernel;
  int states;   // how many lists of states like the params there are
  int scalars;  // how many lists of 0-d states: float32 steps, which count up, others are float64
  int hyper;    // how many numbers
  int work;     // of an element, for threads: see for_slices
  // How the kernel is called, with the lists of states that are used, a bit each.
  UpdateForm (*form)(const Call& c, unsigned used);
  // Which of them the call needs, where it may do without some; null: all.
  unsigned (*needs)(const Call& c) = nullptr;
  // Makes derived of hyper and of the 0-d states of one parameter, and advances those behind the
  // step, which has counted up.
  void (*advance)(const Call& c, const double* hyper, double* scalars, double* derived) = nullptr;
};

void infer_update(Infer& c, const UpdateRule& rule);
void run_update(Run& r, const UpdateRule& rule);

// What nearly all flags come to.
template <typename Attrs>
UpdateForm plain_form(const Call& c, unsigned) {
  return {.maximize = c.as<Attrs>().maximize != 0};
}
template <typename Attrs>
UpdateForm decoupled_form(const Call& c, unsigned) {
  const auto& a = c.as<Attrs>();
  return {.maximize = a.maximize != 0, .decoupled = a.decoupled_weight_decay != 0};
}

// 1 - beta^t, what an average that starts at 0 is divided by.
inline double bias_correction(double beta, double step) { return 1 - std::pow(beta, step); }

template <const UpdateRule& kRule>
void infer_rule(Infer& c) {
  infer_update(c, kRule);
}
template <const UpdateRule& kRule>
void forward_rule(Run& r) {
  run_update(r, kRule);
}

}  // namespace chainrule
