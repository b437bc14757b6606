"""Compiled results that still need a gradient."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from nets import batches, make_net


def test_a_result_that_still_needs_a_gradient():
    net = make_net()
    fast = cr.compile(lambda x: net(x).square().sum())
    for _ in range(5):
        x = cr.randn(6, 5)
        net.zero_grad()
        fast(x).backward()
        got = [p.grad.numpy().copy() for p in net.parameters()]
        net.zero_grad()
        net(x).square().sum().backward()
        for a, p in zip(got, net.parameters(), strict=True):
            np.testing.assert_array_equal(a, p.grad.numpy())
    assert fast.stats["replays"] == 3


# What hands a result's gradient over expanded, turned, or as a window on something larger.
OUTSIDE = {
    "sum": lambda y: y.sum().backward(),
    "mean": lambda y: y.mean().backward(),
    "sum of rows": lambda y: y.sum(0).square().sum().backward(),
    "sum of columns": lambda y: (y.sum(1) * cr.arange(6.0)).sum().backward(),
    "transposed": lambda y: (y.t() * cr.arange(24.0).reshape(4, 6)).sum().backward(),
    "cat": lambda y: (cr.cat([y, y], 1) * cr.arange(8.0)).sum().backward(),
    "reshape": lambda y: y.reshape(-1).sum().backward(),
    "expanded gradient": lambda y: y.backward(cr.tensor([2.0]).expand(6, 4)),
    "transposed gradient": lambda y: y.backward(cr.arange(24.0).reshape(4, 6).t()),
    "window of a gradient": lambda y: y.backward(cr.arange(54.0).reshape(6, 9)[:, 2:6]),
    "part of the result": lambda y: y[1:3, ::2].sum().backward(),
}


@pytest.mark.parametrize("layer", ["linear", "no bias", "network", "softmax", "transpose"])
@pytest.mark.parametrize("outside", OUTSIDE)
def test_gradients_from_outside_come_in_any_layout(layer, outside):
    net = {
        "linear": lambda: nn.Linear(5, 4),
        "no bias": lambda: nn.Linear(5, 4, bias=False),
        "network": lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 4)),
        "softmax": lambda: nn.Sequential(nn.Linear(5, 4), nn.LogSoftmax(1)),
        "transpose": lambda: nn.Linear(6, 6),
    }[layer]()
    forward = (lambda x: net(x.t()[:4]).t()) if layer == "transpose" else net
    fast = cr.compile(forward)
    for call in range(5):
        x = cr.randn(6, 5, requires_grad=True)
        gradients = []
        for fn in (fast, forward):
            net.zero_grad()
            x.grad = None
            OUTSIDE[outside](fn(x))
            gradients.append([t.grad.numpy().copy() for t in (x, *net.parameters())])
        for got, want in zip(*gradients, strict=True):
            np.testing.assert_array_equal(got, want, err_msg=f"call {call}")
    assert fast.stats["replays"] == 3


def weighted(seed=0):
    """A compiled function of x and w that still needs a gradient, its eager twin, and w."""
    w = cr.randn(5, 5, generator=cr.Generator().manual_seed(seed)).requires_grad_()
    eager = lambda x: cr.tanh(x @ w)
    fast = cr.compile(eager)
    for _ in range(4):
        fast(cr.ones(3, 5, requires_grad=True))
    assert fast.stats["replays"] == 2
    return fast, eager, w


@pytest.mark.parametrize("which", ["compiled", "eager"])
@pytest.mark.parametrize("changed", ["argument", "weight", "result"])
def test_backward_refuses_what_was_changed_since_forward(which, changed):
    fast, eager, w = weighted()
    x = cr.ones(3, 5, requires_grad=True)
    y = (fast if which == "compiled" else eager)(x)
    loss = y.sum()
    with cr.no_grad():
        {"argument": x, "weight": w, "result": y}[changed].add_(1)
    with pytest.raises(cr.StateError, match="to be unchanged; got one that add_? changed"):
        loss.backward()
    assert w.grad is None and x.grad is None


def test_a_state_that_backward_does_not_read_may_change():
    """Running statistics move with every call; an earlier result still has its gradient."""

    def total(compiled):
        w, running = cr.full((5, 4), 0.5, requires_grad=True), cr.zeros(4)

        def forward(x):
            y = x @ w
            running.mul_(0.9).add_(y.detach().mean(0) * 0.1)
            return y.square().sum()

        forward = cr.compile(forward) if compiled else forward
        for x, _ in batches(5):
            forward(x)
        losses = [forward(x) for x, _ in batches(3, seed=7)]
        for loss in losses:
            loss.backward()
        return w.grad.numpy(), running.numpy()

    for a, b in zip(total(False), total(True), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("which", ["compiled", "eager"])
def test_a_second_backward_needs_retain_graph(which):
    fast, eager, w = weighted()
    fn = fast if which == "compiled" else eager
    loss = fn(cr.ones(3, 5, requires_grad=True)).sum()
    loss.backward(retain_graph=True)
    once = w.grad.numpy().copy()
    loss.backward()
    np.testing.assert_array_equal(w.grad.numpy(), once * 2)
    y = fn(cr.ones(3, 5, requires_grad=True))
    y.backward(cr.ones(3, 5))
    with pytest.raises(cr.StateError, match="retain_graph=True"):
        y.backward(cr.ones(3, 5))


@pytest.fixture
def one_thread():
    """Each thread keeps memory of its own from its first region on."""
    before = cr.get_num_threads()
    cr.set_num_threads(1)
    yield
    cr.set_num_threads(before)


def test_backward_gives_back_the_memory_of_a_compiled_forward(one_thread):
    w = cr.randn(64, 64).requires_grad_()

    def chain(x):
        for _ in range(5):
            x = cr.tanh(x @ w)
        return x.sum()

    allocated = lambda: cr._core._memory_stats()["allocated"]
    held = {}
    for name, fn in (("eager", chain), ("compiled", cr.compile(chain))):
        x = cr.randn(256, 64)
        for _ in range(4):  # also what threads keep to reorder the operands of products
            fn(x).backward()
        w.grad = None
        before = allocated()
        loss = fn(x)
        after_forward = allocated() - before
        loss.backward()
        w.grad = None
        held[name] = after_forward, allocated() - before
    layer = 256 * 64 * 4
    assert held["compiled"][0] <= held["eager"][0]  # only what backward reads
    assert held["compiled"][1] < layer and held["eager"][1] < layer


def test_gradients_of_gradients_through_a_compiled_result_are_refused():
    fast, eager, w = weighted()
    for _ in range(5):  # also of calls that are recorded
        loss = fast(cr.ones(3, 5, requires_grad=True)).sum()
        with pytest.raises(cr.StateError, match="uncompiled to differentiate twice"):
            cr.autograd.grad(loss, w, create_graph=True)
        (got,) = cr.autograd.grad(loss, w)
        (expected,) = cr.autograd.grad(eager(cr.ones(3, 5, requires_grad=True)).sum(), w)
        np.testing.assert_array_equal(got.numpy(), expected.numpy())


def test_gradients_of_gradients_pass_by_what_a_compiled_call_returns_as_it_is():
    fast = cr.compile(lambda x, y: (x, x.view(-1), y * 2))
    for _ in range(5):
        w = cr.full((3,), 2.0, requires_grad=True)
        same, view, doubled = fast(w**3, w)
        (first,) = cr.autograd.grad(same.sum(), w, create_graph=True)
        (second,) = cr.autograd.grad(first.sum(), w)
        assert second.tolist() == [12.0] * 3
        for result in (view, doubled):
            with pytest.raises(cr.StateError, match="create_graph=False through a compiled"):
                cr.autograd.grad(result.sum(), w, create_graph=True)


def test_backward_inside_through_history_from_outside_is_refused():
    w = cr.ones(2, requires_grad=True)
    step = cr.compile(lambda x: (x * x).sum().backward())
    with pytest.raises(cr.CaptureError, match="expected backward to stay inside the function"):
        step(w * 2)
    assert w.grad is None
    for _ in range(4):
        x = cr.ones(2, requires_grad=True)
        step(x)
        assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("leaf", ["passed", "captured", "unused"])
@pytest.mark.parametrize("middle", ["passed", "captured"])
def test_a_gradient_through_history_from_outside_counts_once(leaf, middle):
    w = cr.ones(2, requires_grad=True)
    captured = w * 3
    use = {"passed": lambda a: a, "captured": lambda a: w, "unused": lambda a: 1.0}[leaf]
    body = lambda a, y: (use(a) * (y if middle == "passed" else captured)).sum()
    fast = cr.compile(body)
    for _ in range(5):
        arguments = w, w * 3
        (expected,) = cr.autograd.grad(body(*arguments), [w], retain_graph=True)
        w.grad = None
        fast(*arguments).backward(retain_graph=True)
        assert w.grad.tolist() == expected.tolist()
    assert fast.stats["replays"] == 3


def test_a_gradient_is_cleared_that_was_not_there_while_recording():
    w = cr.ones(3, requires_grad=True)
    optimizer = cr.optim.SGD([w], lr=0.1)

    @cr.compile
    def loss_of(x):
        optimizer.zero_grad()
        return (w * x).sum()

    for _ in range(4):
        loss_of(cr.ones(3))  # no backward yet
    for _ in range(3):
        loss_of(cr.ones(3)).backward()
        assert w.grad.tolist() == [1.0] * 3
    assert loss_of.stats["replays"] > 0


def test_results_of_a_graph_that_was_run_backward_inside():
    net = make_net()
    optimizer = cr.optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        out = net(x)
        loss = out.square().mean()
        loss.backward()
        return loss * 2, out.sigmoid()

    fast = cr.compile(step)
    for _ in range(5):
        x = cr.randn(6, 5)
        doubled, squashed = fast(x)
        expected = step(x)
        assert doubled.item() == expected[0].item()
        np.testing.assert_array_equal(squashed.detach().numpy(), expected[1].detach().numpy())
    assert fast.stats["replays"] == 3


@pytest.mark.parametrize("period", [1, 2, 3, 5])
def test_gradients_that_are_collected_over_several_calls(period):
    """The first call after zero_grad() finds no gradients, the others add: two programs."""

    def total(compiled):
        net = make_net()
        optimizer = cr.optim.SGD(net.parameters(), lr=0.1)

        def micro(x):
            loss = net(x).square().mean()
            loss.backward()
            return loss

        fn = cr.compile(micro) if compiled else micro
        seen = []
        for i, (x, _) in enumerate(batches(24)):
            seen.append(fn(x).item())
            if i % period == period - 1:
                optimizer.step()
                optimizer.zero_grad()
        return seen, fn

    eager, (losses, fast) = total(False)[0], total(True)
    assert losses == eager
    assert fast.stats["recordings"] <= 4 and fast.stats["replays"] >= 20


# Both gradients of x read one window on w, made for whichever comes first.
SHARED_WINDOWS = {
    "second operand": lambda x, w: (x @ w, x @ w * 2),
    "turned operand": lambda x, w: (x.t() @ w, (x.t() @ w).relu()),
}


@pytest.mark.parametrize("form", SHARED_WINDOWS)
@pytest.mark.parametrize("order", [(0,), (1,), (0, 1), (1, 0)])
def test_results_that_are_run_backward_one_by_one(form, order):
    eager = SHARED_WINDOWS[form]
    fast = cr.compile(eager)
    w, dy = cr.randn(4, 4, requires_grad=True), cr.randn(4, 4)
    for _ in range(5):
        x = cr.randn(4, 4, requires_grad=True)
        gradients = []
        for fn in (fast, eager):
            results = fn(x, w)
            x.grad = w.grad = None
            for i in order:
                results[i].backward(dy)
            gradients.append([t.grad.numpy().copy() for t in (x, w)])
        for got, want in zip(*gradients, strict=True):
            np.testing.assert_array_equal(got, want)
    assert fast.stats["replays"] == 3


@pytest.mark.parametrize("outside", ["state", "argument"])
def test_what_backward_reads_of_memory_that_the_call_writes_is_minded_afterwards(outside):
    def body(w, x):
        with cr.no_grad():
            w.mul_(2)
        return (cr.nn.functional.selu(w.view(-1)) * x).sum()

    for written_again in (False, True):
        w = cr.full((3,), 0.5, requires_grad=True)
        fast = cr.compile(body if outside == "argument" else lambda x, w=w: body(w, x))
        for _ in range(5):
            loss = fast(w, cr.ones(3)) if outside == "argument" else fast(cr.ones(3))
            if written_again:
                with cr.no_grad():
                    w.mul_(0.25)
                with pytest.raises(cr.StateError, match="changed|unchanged"):
                    loss.backward()
            else:
                loss.backward()
                with cr.no_grad():
                    w.mul_(0.5)
        assert fast.stats["replays"] >= 2
