// The names of the elementwise and reduction slots. An elementwise op adds one line here and its
// functor pair in functors.h. X(name, number of inputs).
#pragma once

// Real-valued maths; integers are cast to float first. Of bfloat16 all maps take the way through
// float32.
#define CHAINRULE_FLOAT_MAPS(X)   \
  X(exp, 1)                       \
  X(expm1, 1)                     \
  X(log, 1)                       \
  X(log1p, 1)                     \
  X(log2, 1)                      \
  X(log10, 1)                     \
  X(sqrt, 1)                      \
  X(rsqrt, 1)                     \
  X(reciprocal, 1)                \
  X(sin, 1)                       \
  X(cos, 1)                       \
  X(tan, 1)                       \
  X(atan, 1)                      \
  X(tanh, 1)                      \
  X(sigmoid, 1)                   \
  X(erf, 1)                       \
  X(floor, 1)                     \
  X(ceil, 1)                      \
  X(round, 1)                     \
  X(trunc, 1)                     \
  X(leaky_relu, 1)                \
  X(softplus, 1)                  \
  X(gelu, 1)                      \
  X(gelu_tanh, 1)                 \
  X(silu, 1)                      \
  X(mish, 1)                      \
  X(tanhshrink, 1)                \
  X(logsigmoid, 1)                \
  X(exponential_unit, 1)          \
  X(squareplus, 1)                \
  X(softsign, 1)                  \
  X(hardsigmoid, 1)               \
  X(hardswish, 1)                 \
  X(hardshrink, 1)                \
  X(softshrink, 1)                \
  X(threshold, 1)                 \
  X(nan_to_num, 1)                \
  X(div, 2)                       \
  X(leaky, 2)                     \
  X(gated, 2)                     \
  X(atan2, 2)                     \
  X(absorb, 2)                    \
  X(absorb_div, 2)                \
  X(squared_error, 2)             \
  X(huber, 2)                     \
  X(bce, 2)                       \
  X(bce_slope, 2)                 \
  X(tanh_backward, 2)             \
  X(sigmoid_backward, 2)          \
  X(relu_backward, 2)             \
  X(leaky_relu_backward, 2)       \
  X(softplus_backward, 2)         \
  X(gelu_backward, 2)             \
  X(gelu_tanh_backward, 2)        \
  X(silu_backward, 2)             \
  X(mish_backward, 2)             \
  X(tanhshrink_backward, 2)       \
  X(logsigmoid_backward, 2)       \
  X(exponential_unit_backward, 2) \
  X(squareplus_backward, 2)       \
  X(softsign_backward, 2)         \
  X(hardswish_backward, 2)        \
  X(inside_backward, 2)           \
  X(outside_backward, 2)          \
  X(threshold_backward, 2)        \
  X(squared_error_backward, 3)    \
  X(huber_backward, 3)            \
  X(relu_kink_backward, 2)        \
  X(leaky_backward, 3)            \
  X(leaky_slope_backward, 2)      \
  X(gate_backward, 3)

// Meaningful for every number type; output dtype = input dtype.
#define CHAINRULE_NUMBER_MAPS(X) \
  X(add, 2)                      \
  X(sub, 2)                      \
  X(mul, 2)                      \
  X(maximum, 2)                  \
  X(heaviside, 2)                \
  X(minimum, 2)                  \
  X(pow, 2)                      \
  X(remainder, 2)                \
  X(floor_divide, 2)             \
  X(trunc_divide, 2)             \
  X(axpy, 2)                     \
  X(neg, 1)                      \
  X(abs, 1)                      \
  X(sign, 1)                     \
  X(square, 1)                   \
  X(relu, 1)                     \
  X(clamp, 1)                    \
  X(mul_add, 3)

// Integers and bool.
#define CHAINRULE_INTEGER_MAPS(X) \
  X(bitwise_and, 2)               \
  X(bitwise_or, 2)                \
  X(bitwise_xor, 2)               \
  X(bitwise_not, 1)

// Output bool.
#define CHAINRULE_PREDICATE_MAPS(X) \
  X(eq, 2)                          \
  X(ne, 2)                          \
  X(lt, 2)                          \
  X(le, 2)                          \
  X(gt, 2)                          \
  X(ge, 2)                          \
  X(logical_and, 2)                 \
  X(logical_or, 2)                  \
  X(logical_xor, 2)                 \
  X(logical_not, 1)                 \
  X(isnan, 1)                       \
  X(isinf, 1)                       \
  X(isfinite, 1)

#define CHAINRULE_REDUCTIONS(X) \
  X(sum)                        \
  X(prod)                       \
  X(amax)                       \
  X(amin)                       \
  X(any)                        \
  X(all)                        \
  X(sum_squares)                \
  X(sum_abs)                    \
  X(max_abs)

// The optimisers' rules: X(slot, Name of NameRule in kernels/updates and of its oracle).
#define CHAINRULE_UPDATES(X) \
  X(sgd, Sgd)                \
  X(asgd, Asgd)              \
  X(rmsprop, Rmsprop)        \
  X(adagrad, Adagrad)        \
  X(adadelta, Adadelta)      \
  X(adam, Adam)              \
  X(adamax, Adamax)          \
  X(nadam, Nadam)            \
  X(radam, Radam)            \
  X(qhadam, Qhadam)          \
  X(rprop, Rprop)            \
  X(lion, Lion)
