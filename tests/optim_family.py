"""The optimizers with every combination of their constructors' flags, and the steps that tests take
with them: 30 gradients of ordinary size, near 1e-8, of both in turn, and zero for long."""

import itertools
import math

import numpy as np

import chainrule as cr

STEPS = 30
WIDTH = 67  # around the vector width, and a tail


def product(**choices):
    return [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]


SIGN = (False, True)
DECAY = (0.0, 0.1)
BETAS = ((0.9, 0.999), (0.3, 0.9))  # an average that starts from the other end, too
ADAM = {"betas": BETAS, "eps": (1e-8, 0.1), "weight_decay": DECAY, "maximize": SIGN}
DECOUPLED = {**ADAM, "decoupled_weight_decay": SIGN}

# Where a variance is taken, 30 equal gradients must leave one: alpha is near 1.
FLAGS = {
    "SGD": [
        flags
        for flags in product(
            momentum=(0.0, 0.9),
            dampening=(0.0, 0.3),
            weight_decay=DECAY,
            nesterov=SIGN,
            maximize=SIGN,
            lr_in_velocity=SIGN,
        )
        if not (flags["nesterov"] and (flags["momentum"] == 0 or flags["dampening"] != 0))
    ],
    "Adam": product(**DECOUPLED, amsgrad=SIGN, constant_bias_correction=SIGN),
    "AdamW": product(**ADAM, amsgrad=SIGN),
    "RMSprop": product(
        alpha=(0.99, 0.9),
        eps=(1e-8, 0.1),
        weight_decay=DECAY,
        momentum=(0.0, 0.9),
        centered=SIGN,
        maximize=SIGN,
        eps_in_root=SIGN,
    ),
    "Adagrad": product(
        lr_decay=(0.0, 0.1),
        weight_decay=DECAY,
        initial_accumulator_value=(0.0, 0.3),
        eps=(1e-10, 0.1),
        maximize=SIGN,
        eps_in_root=SIGN,
    ),
    "Adadelta": product(rho=(0.9, 0.5), eps=(1e-6, 0.1), weight_decay=DECAY, maximize=SIGN),
    "Adamax": product(**ADAM),
    "NAdam": product(**DECOUPLED, momentum_decay=(4e-3, 0.1)),
    "RAdam": product(**DECOUPLED),
    "Rprop": product(
        etas=((0.5, 1.2), (0.3, 1.5)), step_sizes=((1e-6, 50), (0.01, 0.1)), maximize=SIGN
    ),
    "ASGD": product(
        lambd=(1e-4, 0.1), alpha=(0.75, 0.5), t0=(1e6, 5), weight_decay=DECAY, maximize=SIGN
    ),
    "Lion": product(betas=((0.9, 0.99), (0.3, 0.4)), weight_decay=DECAY, maximize=SIGN),
    "QHAdam": product(**DECOUPLED, nus=((1.0, 1.0), (0.7, 0.9))),
    "LAMB": product(**ADAM, bias_correction=SIGN, norm_bounds=((0.0, math.inf), (0.5, 10.0))),
    "Adafactor": product(
        beta2_decay=(-0.8, -0.3),
        eps=((None, 1e-3), (1e-10, 30.0)),
        d=(1.0, 1.1),
        weight_decay=DECAY,
        maximize=SIGN,
    ),
    "Muon": product(
        weight_decay=DECAY,
        momentum=(0.95, 0.3),
        nesterov=SIGN,
        ns_coefficients=((3.4445, -4.7750, 2.0315), (1.5, -0.5, 0.0)),
        eps=(1e-7, 0.1),
        ns_steps=(5, 2),
        adjust_lr_fn=(None, "original", "match_rms_adamw"),
    ),
}
OURS = {"lr_in_velocity", "constant_bias_correction", "eps_in_root"}  # switches that PyTorch lacks
# Of PyTorch's constructors: those flags alone.
TORCHS = {
    name: [
        {key: value for key, value in flags.items() if key not in OURS}
        for flags in choices
        if not any(flags.get(switch) for switch in OURS)
    ]
    for name, choices in FLAGS.items()
    if name not in ("Lion", "QHAdam", "LAMB")
}
# One of each, with all the state that it can have.
FULL = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "RMSprop": {"momentum": 0.9, "centered": True},
    "Adagrad": {"lr_decay": 0.01},
    "Adadelta": {},
    "Adamax": {},
    "NAdam": {},
    "RAdam": {},
    "Rprop": {},
    "ASGD": {"t0": 4},
    "Lion": {},
    "QHAdam": {"nus": (0.7, 0.9)},
    "LAMB": {"norm_bounds": (1.0, math.inf)},
    "Adafactor": {"eps": (None, 1.0)},
    "Muon": {},
}
ANY_SHAPE = {name: flags for name, flags in FULL.items() if name != "Muon"}  # not matrices alone


def name_of(flags):
    return "-".join(f"{key}={value}" for key, value in flags.items() if value) or "plain"


def every(flags):
    return [(name, one) for name, choices in flags.items() for one in choices]


def ids(case):
    return f"{case[0]}-{name_of(case[1])}"


def start(dtype):
    """Weights of four rows, one for each kind of gradient."""
    return np.random.default_rng(1).standard_normal((4, WIDTH)).astype(dtype)


def gradients(dtype):
    """One array for each step: rows of ordinary size, near 1e-8, both in turn, and seldom any."""
    rng = np.random.default_rng(2)
    for t in range(STEPS):
        scale = np.array([1.0, 1e-8, 1e-8 if t % 3 else 1.0, 0.0 if t % 10 else 1.0])
        yield (rng.standard_normal((4, WIDTH)) * scale[:, None]).astype(dtype)


def steps(optimizer, param, dtype, lib=cr):
    """Takes the steps; yields the weights after each."""
    for g in gradients(dtype):
        param.grad = lib.tensor(g)
        optimizer.step()
        yield param.detach().numpy()
