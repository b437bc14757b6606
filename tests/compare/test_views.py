"""Writes through views against PyTorch: each base, each way to a view, each pair of modes."""

import contextlib

import pytest
import torch

import chainrule as cr

MODES = {
    "no_grad": lambda t: t.no_grad(),
    "inference": lambda t: t.inference_mode(),
    "grad": lambda t: contextlib.nullcontext(),
}
BASES = {
    "leaf": lambda x: x,
    "result": lambda x: x * 1,
    "view": lambda x: (x * 1)[:],
    "constant": lambda x: x.detach().clone(),
}
VIEWS = {
    "slice": lambda y: y[0:2],
    "twice": lambda y: y[:][0:2],
    "reshape": lambda y: y.reshape(3, 1),
    "detach": lambda y: y.detach(),
    "detach of a slice": lambda y: y[0:2].detach(),
    "data": lambda y: y.data[0:2],
}
WRITES = {
    "mul_": lambda v, w: v.mul_(2.0),
    "add_": lambda v, w: v.add_(w),
    "assign": lambda v, w: v.__setitem__(0, 5.0),
    "later view": lambda v, w: v[0:1].mul_(2.0),
    "twice": lambda v, w: v.mul_(2.0).add_(w),
}


def outcome(t, base, view, made, write, written):
    """Values and gradients after the write, or "refused" where it, or backward, raises."""
    x = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    w = t.tensor(3.0, requires_grad=True)
    y = BASES[base](x)
    with MODES[made](t):
        v = VIEWS[view](y)
    try:
        with MODES[written](t):
            WRITES[write](v, w)
        if y.requires_grad:
            (y * y).sum().backward()
    except RuntimeError:
        return "refused"
    grads = [None if leaf.grad is None else leaf.grad.tolist() for leaf in (x, w)]
    return y.tolist(), y.requires_grad, grads


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_write_through_a_view(base, view):
    for made in MODES:
        for written in MODES:
            for write in WRITES:
                case = (base, view, made, write, written)
                assert outcome(cr, *case) == outcome(torch, *case), case
