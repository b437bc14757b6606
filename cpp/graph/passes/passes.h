// What is made of a recorded Program before it is replayed. Each pass leaves a program that gives
// the same bits, and is verified.
#pragma once

#include "graph/program.h"

namespace chainrule::graph {

void optimize(Program& program);

// Drops clones whose source nobody else has: the gradient of a leaf is one, for while a program is
// recorded the recorder has it, too.
void drop_copies(Program& program);
// Drops instructions whose outputs nobody reads.
void drop_dead_code(Program& program);
// Makes one instruction of the products and the sums that are gradients of weights and biases.
void fuse_bias_gradients(Program& program);
// Moves elementwise instructions behind the product or the elementwise one whose output they read,
// as its tails.
void attach_tails(Program& program);

}  // namespace chainrule::graph
