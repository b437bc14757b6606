"""Results that share memory with what was there before the call, or with each other: replays give
what eager calls give, the tensor itself or a new one on its memory."""

import pytest

import chainrule as cr
from chainrule import nn


def leaf():
    return cr.arange(4.0).requires_grad_()


def halve(w):
    with cr.no_grad():
        w.mul_(0.5)
    return w


def with_grad(w):
    (w * 2).sum().backward()
    return w.grad


def both_forms(w):
    y = w * 2
    return y, y.detach(), y


def written_value(y):
    return y[1:], y.mul_(2), y[:2]


def facts(results, outside):
    """Of each result and tensor from outside: numbers, history, whom it is, whose memory it has."""
    tensors = [*results, *outside]
    found = []
    for i, t in enumerate(tensors):
        same = [j for j, other in enumerate(tensors[:i]) if other is t]
        shared = [j for j, o in enumerate(tensors[:i]) if o.data_ptr() == t.data_ptr()]
        found.append((t.tolist(), t.requires_grad, t.is_leaf, same, shared))
    return found


def gradients(results, outside):
    total = sum((r * r).sum() for r in results if r.requires_grad)
    if not isinstance(total, cr.Tensor):
        return []
    leaves = [t for t in outside if t.requires_grad]
    return [g.tolist() for g in cr.autograd.grad(total, leaves)]


BODIES = {
    "itself": lambda w: w,
    "detached": lambda w: w.detach(),
    "detached twice": lambda w: (w.detach(), w.detach()),
    "beside itself": lambda w: (w.detach(), w, w.detach()),
    "reshaped to its shape": lambda w: w.view(4),
    "all of it": lambda w: w[:],
    "windows": lambda w: (w[1:], w[1:].detach(), w[1:]),
    "written": lambda w: halve(w),
    "a window after writing": lambda w: halve(w)[1:],
    "a window before writing": lambda w: (w[1:].detach(), halve(w))[0],
    "detached after writing": lambda w: (halve(w).detach(), w),
    "turned after writing": lambda w: halve(w).detach().reshape(2, 2).t(),
    "a value twice": lambda w: [(w * 2).detach()] * 2,
    "a value with history twice": lambda w: [w * 2] * 2,
    "a value and its detached form": lambda w: both_forms(w)[:2],
    "the detached form first": lambda w: both_forms(w)[1:],
    "a written value": lambda w: written_value(w.detach() * 2),
    "its gradient": lambda w: with_grad(w),
    "its gradient, detached": lambda w: (with_grad(w).detach(), w.grad),
    "a window of its gradient": lambda w: with_grad(w)[1:],
}


@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.parametrize(
    ("body", "grad"),
    [(body, grad) for body in BODIES for grad in (True, False) if grad or "gradient" not in body],
)
def test_results_on_memory_from_outside(body, passed, grad):
    eager, compiled = leaf(), leaf()
    for w in (eager, compiled):
        w.requires_grad_(grad)
        w.grad = cr.ones(4)
    function = BODIES[body]
    fast = cr.compile(function if passed else lambda: function(compiled))
    for i in range(6):
        expected = function(eager)
        results = fast(compiled) if passed else fast()
        expected, results = (
            r if isinstance(r, (tuple, list)) else (r,) for r in (expected, results)
        )
        outside = [(w, w.grad) for w in (eager, compiled)]
        assert facts(results, outside[1]) == facts(expected, outside[0])
        assert gradients(results, outside[1]) == gradients(expected, outside[0])
        for r in (*results, *expected):
            with cr.no_grad():
                r.detach().fill_(i + 1)  # what shares memory changes
        assert facts(results, outside[1]) == facts(expected, outside[0])
    assert fast.stats["replays"] == 4


def test_tensors_from_outside_come_back_themselves_from_a_step():
    net = nn.Linear(2, 2)
    optimizer = cr.optim.SGD(net.parameters(), lr=0.1)
    latest = cr.zeros(2)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
        latest.copy_(x)
        return net.weight, net.weight.detach(), net.weight.grad, latest, latest[1:]

    for i in range(5):
        weight, detached, grad, kept, window = step(cr.full((2,), float(i)))
        assert weight is net.weight and grad is net.weight.grad and kept is latest
        assert detached is not weight and not detached.requires_grad
        assert detached.data_ptr() == weight.data_ptr()
        window.fill_(-1.0)
        assert latest.tolist() == [i, -1.0]
    assert step.stats["replays"] == 3


def test_windows_of_arguments_wherever_they_lie():
    def body(x, y):
        x.mul_(2)
        return y, x[1:], x, y[:2]

    fast = cr.compile(body)
    for i in (0, 1, 5, 2, 2, 7):
        made = []
        for function in (body, fast):
            base = cr.arange(16.0)
            x, y = base[i : i + 4], cr.ones(4)
            results = function(x, y)
            assert results[0] is y and results[2] is x
            for k, r in enumerate(results):
                r.add_(k)
            made.append((base.tolist(), y.tolist()))
        assert made[0] == made[1]
    assert fast.stats == {"replays": 4, "recordings": 2}


def test_two_arguments_on_one_window_come_back_each_itself():
    fast = cr.compile(lambda x, y: (y, x, y.detach()))
    for _ in range(5):
        base = cr.arange(4.0)
        x, y = base[:], base[:]
        results = fast(x, y)
        assert results[0] is y and results[1] is x and results[2] is not y
        assert results[2].data_ptr() == base.data_ptr()


def test_later_writes_to_a_view_from_a_replay_and_to_its_base():
    w = leaf()

    def both():
        y = w * 1
        return y, y[1:]

    calls = {"results": cr.compile(both), "a state": cr.compile(lambda: (None, w[1:]))}
    for f in calls.values():
        for _ in range(3):
            f()
    _, view = calls["a state"]()
    with pytest.raises(cr.StateError, match="leaf requiring grad"):
        view.mul_(2)
    base, view = calls["results"]()
    with pytest.raises(cr.StateError, match="expected a view made with gradients enabled"):
        view.mul_(2)
    base.mul_(2)
    with pytest.raises(cr.StateError, match="its base was written with history"):
        view.sum()
    base, view = calls["results"]()
    with cr.no_grad():
        view.mul_(2)  # no history is needed
    assert base.tolist() == [0.0, 2.0, 4.0, 6.0]
    (base.sum() + view.sum()).backward()
    assert w.grad.tolist() == [1.0, 2.0, 2.0, 2.0]


def filled(x):
    a, b = x * 2, x + 1
    b.copy_(a)
    return a, b


def filled_beside_a_gradient(x):
    a, b = x * 2, x + 1
    b.copy_(a)
    x.grad = a
    return b.view(4, 1), b


def filled_beside_what_backward_reads(x):
    a, b = x * 2, cr.empty_like(x)
    b.copy_(a)
    return a * leaf_of_all, b


def filled_twice(x):
    a, b, c = x * 2, cr.empty_like(x), cr.empty_like(x)
    b.copy_(a)
    c.copy_(b)
    return c, a, b


leaf_of_all = cr.ones(4).requires_grad_()


@pytest.mark.parametrize(
    "body", [filled, filled_beside_a_gradient, filled_beside_what_backward_reads, filled_twice]
)
def test_a_copy_is_another_tensor_than_what_was_copied(body):
    fast = cr.compile(body)
    for call in range(6):
        seen = []
        for fn in (body, fast):
            x = cr.arange(4.0) + call
            leaf_of_all.grad = None
            first, *_, last = fn(x)
            with cr.no_grad():
                last.mul_(3)
            if first.requires_grad:
                first.sum().backward()
            kept = [t for t in (first.detach(), last, x.grad, leaf_of_all.grad) if t is not None]
            seen.append([t.tolist() for t in kept])
        assert seen[0] == seen[1]
    assert fast.stats["replays"] == 4


def test_a_view_without_elements_is_written():
    fast = cr.compile(lambda x: x[:, 1:].add_(1))
    for rows in (0, 2, 0, 2, 0, 2):
        x = cr.zeros(rows, 3)
        assert fast(x).shape == (rows, 2) and x.tolist() == [[0, 1, 1]] * rows
