"""The memory of replays: gradients that somebody still has are never written again, and what is
computed once for all replays is right."""

import copy
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F

CALLS = 9


def as_gradient_of_another(gradient):
    other = cr.zeros(gradient.shape).requires_grad_()
    other.grad = gradient
    return other


def with_a_hook(gradient):
    gradient.requires_grad_().register_hook(lambda dy: dy * 2)
    return (gradient * 1).sum()


# Ways to hold on to a gradient, and what is to be read from it at the end.
WAYS = {
    "itself": (lambda g: g, lambda h: h),
    "numpy": (lambda g: g.numpy(), lambda h: h),
    "a window in numpy": (lambda g: g.numpy().T[1:], lambda h: h),
    "memoryview": (memoryview, lambda h: h),
    "asarray": (np.asarray, lambda h: h),
    "dlpack": (np.from_dlpack, lambda h: h),
    "a capsule": (lambda g: g.__dlpack__(), lambda h: 0),
    "a view": (lambda g: g[1:], lambda h: h.detach()),
    "a transposed view": (lambda g: g.T, lambda h: h.detach()),
    "detached": (lambda g: g.detach(), lambda h: h),
    "data": (lambda g: g.data, lambda h: h),
    "an iterator": (iter, lambda h: next(h)),
    "one of unbind": (lambda g: g.unbind(0)[-1], lambda h: h),
    "copy": (copy.copy, lambda h: h),
    "deepcopy": (copy.deepcopy, lambda h: h),
    "a closure": (lambda g: lambda: g, lambda h: h()),
    "another's gradient": (as_gradient_of_another, lambda h: h.grad),
    "saved": (lambda g: (g.detach() * cr.ones(g.shape).requires_grad_()).sum(), F.relu),
    "saved as a leaf": (lambda g: cr.exp(g.requires_grad_()).sum(), F.relu),
    "a hook": (with_a_hook, F.relu),
    "a parameter": (lambda g: nn.Parameter(g), lambda h: h.detach()),
}


def bytes_of(held):
    if isinstance(held, cr.Tensor) and held.requires_grad:
        held.backward()  # finds what it has saved
        held = held.detach()
    return np.asarray(held).tobytes()


class Layer:
    """Gradients that each call makes anew; the same numbers for each of these."""

    def __init__(self):
        self.w = cr.linspace(-1, 1, 24).reshape(4, 6).requires_grad_()
        self.b = cr.linspace(0, 1, 4).requires_grad_()

    def __call__(self, x):
        self.w.grad = self.b.grad = None
        F.linear(x, self.w, self.b).square().sum().backward()


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("way", WAYS)
def test_a_gradient_that_somebody_has_is_not_written_again(way, every):
    take, read = WAYS[way]
    twins = []
    for compiled in (False, True):
        layer, held, seen = Layer(), [], []
        call = cr.compile(layer) if compiled else layer
        for i in range(CALLS):
            call(cr.linspace(i, 3, 18).reshape(3, 6))
            for p in (layer.w, layer.b):
                seen.append((type(p.grad), p.grad.requires_grad, p.grad.detach().tolist()))
                if i % every == 0:
                    held.append(take(p.grad))
        twins.append((seen, [bytes_of(read(h)) for h in held]))
    assert twins[0] == twins[1]
    assert call.stats["replays"] == CALLS - 2


def test_a_gradient_of_another_kind_leaves_nothing_of_itself():
    w = cr.ones(3).requires_grad_()

    @cr.compile
    def fn(x):
        w.grad = None
        (w * x).sum().backward()

    x = cr.ones(3)
    for i in range(12):
        if i in (4, 5, 7):
            w.grad = nn.Parameter(cr.zeros(3), requires_grad=False)
        fn(x)
        assert type(w.grad) is cr.Tensor and w.grad.tolist() == [1, 1, 1]
    assert fn.stats["replays"] >= 10


def test_gradients_of_replays_in_several_threads():
    """The program is long enough to let other threads run meanwhile."""
    w = cr.randn(200, 200).requires_grad_()

    @cr.compile
    def fn(x):
        w.grad = None
        (x @ w).tanh().sum().backward()
        return w.grad

    inputs = [cr.randn(200, 200) for _ in range(4)]
    for _ in range(3):
        fn(inputs[0])
    expected = [fn(x).numpy().tobytes() for x in inputs]
    wrong = []

    def work(i):
        held = []
        for turn in range(24):
            gradient = fn(inputs[i])
            if gradient.numpy().tobytes() != expected[i]:
                wrong.append((i, turn))
            if turn % 5 == 0:
                held.append(gradient)
        wrong.extend((i, "held") for g in held if g.numpy().tobytes() != expected[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_two_threads_replay_two_programs_of_one_net():
    net = nn.Sequential(nn.Linear(300, 300), nn.Tanh(), nn.Linear(300, 300))
    programs = [cr.compile(lambda x: net(x).exp()), cr.compile(lambda x: net(x * 2).sum(1))]
    x = cr.randn(200, 300)
    with cr.no_grad():
        expected = [[fn(x).numpy().tobytes() for _ in range(3)][-1] for fn in programs]
    wrong = []

    def work(fn, want):
        with cr.no_grad():
            wrong.extend(i for i in range(30) if fn(x).numpy().tobytes() != want)

    threads = [threading.Thread(target=work, args=both) for both in zip(programs, expected)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert all(fn.stats["replays"] == 31 for fn in programs)


@pytest.mark.parametrize(
    "constant",
    [
        lambda: cr.ones(300, 300).sum(),
        lambda: (cr.ones(70, 70) @ cr.full((70, 70), 0.5)).softmax(1).var(),
        lambda: cr.arange(500.0).sort(descending=True)[0][3],
        lambda: cr.eye(30)[2:].cumsum(0).prod(1).max(),
    ],
)
def test_what_is_computed_once_may_need_memory_for_itself(constant):
    body = lambda x: ((x * 3).exp() + constant()) * constant() + x
    fast = cr.compile(body)
    for i in range(5):
        x = cr.linspace(0, i, 40).reshape(8, 5)
        np.testing.assert_array_equal(fast(x).numpy(), body(x).numpy())
    assert fast.stats["replays"] == 3
