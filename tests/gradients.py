"""Checks gradients of cases along random directions.

First derivative: the float64 vector-Jacobian product <VJP(v), u> of the library against the central
difference of the twin in extended precision along u, input by input. Second derivative: what the
library differentiates of its own first derivative against the central difference of that.
"""

from __future__ import annotations

import numpy as np

import chainrule as cr
import harness

STEP = np.longdouble(2) ** -20  # truncation about 1e-12, rounding of extended precision 1e-13
FIRST = 1e-7  # relative; the twins' float64 parts leave about 1e-10
SECOND = 2e-6


def differentiable(case, index):
    """Places of the inputs that a gradient may flow to."""
    return [i for i, spec in enumerate(case.samples[index].inputs()) if spec.differentiable]


def floating(outputs):
    """The results a gradient may start from."""
    return [
        o for o in outputs if isinstance(o, cr.Tensor) and o.is_floating_point() and o.requires_grad
    ]


class Point:
    """One sample with its arrays, leaves and results."""

    def __init__(self, case, index, dtype="float64", function=None):
        self.case, self.index, self.function = case, index, function
        self.arrays = harness.make_inputs(case, index, dtype)
        self.places = differentiable(case, index)
        self.rng = np.random.default_rng([*harness.seed_of(case, index), 1])

    def leaves(self, arrays=None):
        made = [harness.dense(a) for a in (self.arrays if arrays is None else arrays)]
        for place in self.places:
            made[place].requires_grad_(True)
        return made

    def results(self, leaves):
        args, kwargs = self.case.samples[self.index].fill(leaves)
        call = self.function or harness.resolve(self.case.name)
        return floating(harness.outputs_of(call(*args, **kwargs)))

    def random(self, shape):
        return self.rng.uniform(0.5, 1.5, shape) * self.rng.choice([-1.0, 1.0], shape)

    def twin(self, place, offset):
        """The twin's floating results with one input moved."""
        arrays = [a.astype(np.longdouble) if a.dtype.kind == "f" else a for a in self.arrays]
        arrays[place] = arrays[place] + offset
        results = harness.run_twin(self.case, self.index, arrays)
        return [r for r in results if r.dtype.kind == "f"]


def vjp(point, leaves, cotangents, create_graph=False):
    outputs = point.results(leaves)
    wanted = [leaves[p] for p in point.places]
    grads = cr.autograd.grad(
        outputs, wanted, cotangents, create_graph=create_graph, allow_unused=True
    )
    return [cr.zeros_like(w) if g is None else g for g, w in zip(grads, wanted, strict=True)]


def check_first(case, index, dtype="float64", tolerance=FIRST, function=None):
    """The gradient by every input against the twin's derivative."""
    point = Point(case, index, dtype, function)
    leaves = point.leaves()
    outputs = point.results(leaves)
    if not outputs:
        assert not point.places, f"{case.id}[{index}]: no result needs a gradient"
        return 0
    vs = [point.random(tuple(o.shape)).astype(dtype) for o in outputs]
    grads = vjp(point, leaves, [cr.tensor(v) for v in vs])
    for place, grad in zip(point.places, grads, strict=True):
        where = f"{case.id}[{index}] gradient by input {place} of {case.samples[index]}"
        shape = point.arrays[place].shape
        assert tuple(grad.shape) == shape and str(grad.dtype).endswith(dtype), where
        if not point.arrays[place].size:
            continue
        u = point.random(shape)
        ahead, behind = point.twin(place, STEP * u), point.twin(place, -STEP * u)
        slopes = [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]
        want = sum((v * s).sum() for v, s in zip(vs, slopes, strict=True))
        scale = sum((np.abs(v) * np.abs(s)).sum() for v, s in zip(vs, slopes, strict=True))
        got = (grad.numpy().astype(np.longdouble) * u).sum()
        error = harness.relative(got - want, max(scale, np.longdouble(1e-3)))
        assert error <= tolerance, f"{where}: {float(got)} where the twin says {float(want)}"
    return len(point.places)


def check_second(case, index, tolerance=SECOND, function=None):
    """The derivative of the gradient, by the inputs and by the incoming gradient."""
    point = Point(case, index, function=function)
    outputs = point.results(point.leaves())
    if not outputs:
        return
    vs = [point.random(tuple(o.shape)) for o in outputs]
    ws = [point.random(point.arrays[p].shape) for p in point.places]
    us = [point.random(point.arrays[p].shape) for p in point.places]
    dvs = [point.random(v.shape) for v in vs]

    def phi(t, create_graph):
        """<VJP(v + t dv)(x + t u), w>, and the leaves it was computed from."""
        arrays = list(point.arrays)
        for place, u in zip(point.places, us, strict=True):
            arrays[place] = np.asarray(arrays[place] + t * u)
        leaves = point.leaves(arrays)
        seeds = [
            cr.tensor(np.asarray(v + t * dv)).requires_grad_(True)
            for v, dv in zip(vs, dvs, strict=True)
        ]
        grads = vjp(point, leaves, seeds, create_graph=create_graph)
        total = sum((g * cr.tensor(w)).sum() for g, w in zip(grads, ws, strict=True))
        return total, [leaves[p] for p in point.places] + seeds

    total, variables = phi(0.0, create_graph=True)
    seconds = cr.autograd.grad([total], variables, allow_unused=True)
    directions = us + dvs
    parts = [
        0.0 if g is None else float((g.numpy() * d).sum())
        for g, d in zip(seconds, directions, strict=True)
    ]
    step = 2.0**-17
    ahead, behind = phi(step, False)[0].item(), phi(-step, False)[0].item()
    want = (ahead - behind) / (2 * step)
    scale = max(1e-2, abs(total.item()), sum(abs(p) for p in parts))
    assert abs(sum(parts) - want) <= tolerance * scale, (
        f"{case.id}[{index}] second derivative of {case.samples[index]}: "
        f"{sum(parts)} where differences say {want}"
    )
