"""The private operation behind recurrent layers: its twins, step by step, and samples.

It is no case of cases.all_cases(), which are the public operations'; ops/test_recurrence.py runs it.
"""

import numpy as np

import chainrule as cr
import twins
from cases import Case, In, samples

KINDS = ("tanh", "relu", "lstm", "gru")
PARTS = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}


def step(kind, x, h, c, weight, bias):
    """The next h, c and the gates' values."""
    hidden = x.shape[-1] // PARTS[kind]
    late = h @ weight.T + (0 if bias is None else bias)
    part = lambda a, i: a[:, i * hidden : (i + 1) * hidden]
    if kind == "tanh":
        return np.tanh(x + late), None, None
    if kind == "relu":
        return np.maximum(x + late, 0), None, None
    if kind == "gru":
        r, z = (twins.sigmoid(part(x, i) + part(late, i)) for i in (0, 1))
        n = np.tanh(part(x, 2) + r * part(late, 2))
        return (1 - z) * n + z * h, None, np.concatenate([r, z, n, part(late, 2)], 1)
    i, f, o = (twins.sigmoid(part(x, p) + part(late, p)) for p in (0, 1, 3))
    g = np.tanh(part(x, 2) + part(late, 2))
    c = f * c + i * g
    return o * np.tanh(c), c, np.concatenate([i, f, g, o], 1)


def recurrence(x, weight, bias, h, c, projection, kind, reverse):
    order = range(len(x))[::-1] if reverse else range(len(x))
    kept = {}
    for t in order:
        units, c, gates = step(KINDS[kind], x[t], h, c, weight, bias)
        h = units if projection is None else units @ projection.T
        kept[t] = h, c, gates, None if projection is None else units
    rows = zip(*(kept[t] for t in range(len(x))), strict=True)
    return tuple(np.zeros(0, x.dtype) if r[0] is None else np.stack(r) for r in rows)


def states(x, weight, bias, h, c, projection, kind, reverse):
    """Without the gates and units, whose gradient only second derivatives have."""
    results = recurrence(x, weight, bias, h, c, projection, kind, reverse)
    return results[: 2 if KINDS[kind] == "lstm" else 1]


def run_states(x, weight, bias, h, c, projection, kind, reverse):
    results = cr._core._ops.recurrence(x, weight, bias, h, c, projection, kind, reverse)
    return results[: 2 if KINDS[kind] == "lstm" else 1]


def arguments(kind, steps, batch, hidden, with_bias, reverse, projected=None):
    rows, away = PARTS[kind] * hidden, {"low": -0.9, "high": 0.9}
    state = projected or hidden
    bias = In((rows,), **away) if with_bias else None
    c = In((batch, hidden)) if kind == "lstm" else None
    projection = In((projected, hidden), **away) if projected else None
    x, weight = In((steps, batch, rows)), In((rows, state), **away)
    return (x, weight, bias, In((batch, state)), c, projection, KINDS.index(kind), reverse)


# Below and above a vector's width, steps below and above those for which weights are turned round,
# batches of one and of several ranges of rows.
SIZES = [(1, 2, 3, True, False), (3, 1, 1, False, True), (5, 17, 5, True, True)]
SIZES += [(6, 3, 17, False, False), (4, 9, 33, True, False), (2, 0, 3, True, False)]


PROJECTED = [(1, 2, 3, True, False, 2), (5, 17, 5, True, True, 1), (6, 3, 17, False, False, 33)]
PROJECTED += [(2, 0, 3, True, False, 2), (3, 1, 4, False, True, 3)]


def case(kind, twin, label, sizes=SIZES):
    return Case(
        "_core._ops.recurrence",
        twin,
        samples(*(arguments(kind, *size) for size in sizes)),
        ulp=8,
        scale=32,
        dense=True,
        label=f"{kind}-{label}",
    )


CASES = [case(kind, recurrence, "all") for kind in KINDS]
CASES += [case("lstm", recurrence, "projected-all", PROJECTED)]
STATES = [case(kind, states, "states") for kind in KINDS]
STATES += [case("lstm", states, "projected-states", PROJECTED)]
