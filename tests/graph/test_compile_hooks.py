"""Hooks of tensors and compiled functions: a hook that a replay would not run is never ignored."""

import pytest

import chainrule as cr
from chainrule import nn


def scaled(gradient):
    return gradient * 100


def post(leaf):
    leaf.grad.mul_(100)


REGISTER = {
    "hook": lambda t: t.register_hook(scaled),
    "post hook": lambda t: t.register_post_accumulate_grad_hook(post),
}
LEAVES = {
    "parameter": lambda: nn.Parameter(cr.ones(2)),
    "leaf": lambda: cr.ones(2, requires_grad=True),
}


@pytest.mark.parametrize("register", REGISTER.values(), ids=REGISTER)
@pytest.mark.parametrize("make", LEAVES.values(), ids=LEAVES)
def test_a_hook_on_a_captured_tensor_after_adoption(make, register):
    w = make()

    @cr.compile
    def step(x):
        w.grad = None
        (w * x).sum().backward()

    for _ in range(4):
        step(cr.ones(2))
    handle = register(w)
    for _ in range(2):
        with pytest.raises(cr.CaptureError, match="expected no hook while recording"):
            step(cr.ones(2))
    handle.remove()
    for _ in range(4):
        step(cr.ones(2))
        assert w.grad.tolist() == [1.0, 1.0]
    assert step.stats["replays"] >= 4


@pytest.mark.parametrize("register", REGISTER.values(), ids=REGISTER)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hook_on_an_argument(register, when):
    @cr.compile
    def step(x):
        (x * 3).sum().backward()

    hooked = cr.ones(2, requires_grad=True)
    if when == "before":
        register(hooked)
    for _ in range(4):
        step(cr.ones(2, requires_grad=True))
    if when == "after":
        register(hooked)
    with pytest.raises(cr.CaptureError, match="expected no hook while recording"):
        step(hooked)
    x = cr.ones(2, requires_grad=True)
    step(x)
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("register", REGISTER.values(), ids=REGISTER)
def test_hooks_on_tensors_that_no_plan_reads_end_none(register):
    w = nn.Parameter(cr.ones(2))

    @cr.compile
    def step(x):
        w.grad = None
        (w * x).sum().backward()

    for _ in range(6):
        fresh = cr.ones(2, requires_grad=True)
        register(fresh)
        (fresh * 2).sum().backward()
        step(cr.ones(2))
    assert step.stats == {"replays": 4, "recordings": 2}


def test_a_hook_on_a_second_leaf_in_the_same_memory():
    w = cr.ones(2, requires_grad=True)
    again = w.detach().requires_grad_()

    @cr.compile
    def step(x):
        w.grad = again.grad = None
        (w * x * again).sum().backward()

    for _ in range(4):
        step(cr.ones(2))
    again.register_hook(scaled)
    with pytest.raises(cr.CaptureError, match="expected no hook while recording"):
        step(cr.ones(2))


def test_hooks_that_no_gradient_reaches_cost_no_recording():
    w = nn.Parameter(cr.ones(2))
    fast = cr.compile(lambda x: x * w)
    with cr.no_grad():
        for _ in range(4):
            fast(cr.ones(2))
        w.register_hook(scaled)
        for _ in range(4):
            assert fast(cr.ones(2)).tolist() == [1.0, 1.0]
    with cr.enable_grad():
        y = cr.ones(2, requires_grad=True) * 2
        y.register_hook(scaled)  # of no leaf: plans do not know it
    with cr.no_grad():
        fast(cr.ones(2))
    assert fast.stats == {"replays": 6, "recordings": 3}


def test_no_result_of_a_replay_leads_to_another():
    """As in `torch.compile`: a hook on one result does not see what goes backward from another."""
    w = nn.Parameter(cr.ones(2))

    def both(x):
        y = x * w
        return y, (y * y).sum()

    fast = cr.compile(both)
    for _ in range(4):
        y, loss = fast(cr.ones(2))
    y.register_hook(scaled)
    y.retain_grad()
    assert cr.autograd.grad(loss, y, retain_graph=True, allow_unused=True) == (None,)
    loss.backward()
    assert fast.stats["replays"] and y.grad is None and w.grad.tolist() == [2.0, 2.0]
