"""`.grad` after a replay is what eager would leave, whoever set it."""

import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

OUTSIDE = cr.tensor([7.0, 8.0, 9.0])


def take(leaf, g):
    leaf.grad = g


def take_outside(leaf, g):
    leaf.grad = OUTSIDE


def take_and_write(leaf, g):
    leaf.grad = g
    g.mul_(2.0)


def write_and_take(leaf, g):
    g.add_(1.0)
    leaf.grad = g


def take_and_accumulate(leaf, g):
    leaf.grad = g
    (leaf * leaf).sum().backward()


def take_and_drop(leaf, g):
    leaf.grad = g
    leaf.grad = None


@pytest.mark.parametrize(
    "body",
    [take, take_outside, take_and_write, write_and_take, take_and_accumulate, take_and_drop],
    ids=lambda body: body.__name__,
)
def test_an_assigned_gradient_is_the_very_tensor(body):
    eager, replayed = (cr.tensor([1.0, 2.0, 3.0]).requires_grad_() for _ in range(2))
    step = cr.compile(lambda g: body(replayed, g))
    for i in range(5):
        ours, theirs = (cr.tensor([0.5, 1.5, 2.5]) + float(i) for _ in range(2))
        body(eager, ours)
        step(theirs)
        np.testing.assert_array_equal(theirs.numpy(), ours.numpy())
        if eager.grad is None:
            assert replayed.grad is None
            continue
        np.testing.assert_array_equal(replayed.grad.numpy(), eager.grad.numpy())
        assert (replayed.grad is theirs) == (eager.grad is ours)
        assert (replayed.grad is OUTSIDE) == (eager.grad is OUTSIDE)
    assert step.stats["replays"] == 3


def test_a_part_of_an_argument_as_a_gradient_shares_its_memory():
    leaf = cr.zeros(2, requires_grad=True)

    def step(g):
        leaf.grad = g[1:]
        g.add_(1.0)

    step = cr.compile(step)
    for _ in range(4):
        g = cr.tensor([1.0, 2.0, 3.0])
        step(g)
        assert leaf.grad.tolist() == [3.0, 4.0]
        g.zero_()
        assert leaf.grad.tolist() == [0.0, 0.0]
    assert step.stats["replays"] == 2


def test_one_gradient_for_two_leaves():
    a, b = (cr.ones(2, requires_grad=True) for _ in range(2))
    a.grad = cr.ones(2)

    def step():
        b.grad = a.grad

    step = cr.compile(step)
    for i in range(4):
        a.grad = cr.ones(2) * float(i)
        b.grad = None
        step()
        assert b.grad is a.grad
    assert step.stats["replays"] == 2


def test_a_leaf_as_its_own_gradient():
    leaf = cr.ones(2, requires_grad=True)

    def step():
        leaf.grad = leaf.detach()

    step = cr.compile(step)
    for _ in range(4):
        leaf.grad = None
        step()
        assert leaf.grad is not leaf and not leaf.grad.requires_grad
        assert leaf.grad.data_ptr() == leaf.data_ptr()
    assert step.stats["replays"] == 2


def backward(x):
    (x * x).sum().backward()


def clear_and_backward(x):
    x.grad = None
    backward(x)


@pytest.mark.parametrize("body", [backward, clear_and_backward], ids=lambda body: body.__name__)
def test_a_gradient_arrives_at_the_argument_that_was_passed(body):
    step = cr.compile(body)
    kept = [(cr.ones(2) * float(i + 1)).requires_grad_() for i in range(6)]
    for _ in range(3):  # None first, then something to add to, or to clear
        for x in kept:
            step(x)
    assert step.stats["replays"] >= 12
    times = 3 if body is backward else 1
    for i, x in enumerate(kept):
        assert x.grad.tolist() == [2.0 * (i + 1) * times] * 2


def test_the_end_of_a_replaced_gradient_may_call_the_same_plan():
    w = nn.Parameter(cr.ones(3))
    optimizer = cr.optim.SGD([w], lr=0.25)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(4):
        step(cr.ones(3))
    assert w.tolist() == [0.0, 0.0, 0.0]
    memory, inside = np.ones(3, dtype="float32"), []
    weakref.finalize(memory, lambda: inside.append(step(cr.full((3,), 2.0)).item()))
    w.grad = cr.from_numpy(memory)
    del memory
    # The call inside finds all of the outer one's commit done, and a plan that is free.
    assert step(cr.ones(3)).item() == 0.0 and inside == [-1.5]
    assert w.tolist() == [-0.75, -0.75, -0.75] and w.grad.tolist() == [2.0, 2.0, 2.0]
    assert step.stats["replays"] == 4


def gradient_of_a_clone(x):
    y = x.clone().requires_grad_()
    (y * y).sum().backward()
    return y.grad


def gradient_added_up(x):
    y = (x * 1).requires_grad_()
    y.grad = x * 3
    (y[1:] * y[1:]).sum().backward()
    first = y.grad
    y.grad = None
    (y * 5).sum().backward()
    return first + y.grad


@pytest.mark.parametrize("body", [gradient_of_a_clone, gradient_added_up])
def test_a_tensor_made_inside_has_a_gradient_there(body):
    fast = cr.compile(body)
    for i in range(5):
        x = cr.full((3,), float(i))
        assert fast(x).tolist() == body(x).tolist()
    assert fast.stats == {"replays": 3, "recordings": 2}


def with_gradient(x):
    y = x.clone().requires_grad_()
    (y * y).sum().backward()
    return y


def retaining_gradient(x):
    y = x * OUTSIDE.clone().requires_grad_()
    y.retain_grad()
    return y


def detached(x):
    y = x.detach().requires_grad_()
    (y * y).sum().backward()
    return y.grad


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (with_gradient, r"without a \.grad of their own"),
        (retaining_gradient, r"without a \.grad of their own"),
        (detached, r"\.grad of one tensor of sizes \(3,\), then of another"),
    ],
)
def test_gradients_that_a_replay_could_not_leave_are_errors(body, message):
    fast = cr.compile(body)
    with pytest.raises(cr.CaptureError, match=message):
        for _ in range(4):
            fast(cr.ones(3))


def returns_a_product(w, v, x):
    (w * x).sum().backward()
    return x * 1


def reads_the_argument_first(w, v, x):
    y = x * 1
    (w * x).sum().backward()
    return y + x


def two_leaves(w, v, x):
    (w * x + v * 2).sum().backward()
    return x * 1


def writes_the_argument(w, v, x):
    x.add_(1)
    return w.grad * 1


def apart(w, v):
    return cr.ones(3)


def the_gradient(w, v):
    return w.grad


def a_part_of_the_gradient(w, v):
    w.grad = cr.ones(4)[:3]
    return w.grad[:]


def another_gradient_of_it(w, v):
    v.grad = w.grad
    return cr.ones(3)


def parts_of_one_row(w, v):
    row = cr.ones(9)
    w.grad, v.grad = row[:3], row[3:6]
    return row[6:]


SHARING = [apart, the_gradient, a_part_of_the_gradient, another_gradient_of_it, parts_of_one_row]


@pytest.mark.parametrize("after", SHARING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("before", SHARING, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "body",
    [returns_a_product, reads_the_argument_first, two_leaves, writes_the_argument],
    ids=lambda body: body.__name__,
)
def test_what_a_gradient_shares_is_part_of_a_plan(body, before, after):
    def run(compiled):
        w, v = (nn.Parameter(cr.ones(3)) for _ in range(2))
        fn = lambda x: body(w, v, x)
        fn = cr.compile(fn) if compiled else fn
        seen = []
        for share in [before] * 3 + [after] * 3:
            w.grad, v.grad = cr.ones(3) * 2, cr.ones(3) * 3
            x = share(w, v)
            result = fn(x)
            seen.append((result.tolist(), x.tolist(), w.grad.tolist(), v.grad.tolist()))
        if compiled and before is after:
            assert fn.stats == {"replays": 4, "recordings": 2}
        return seen

    try:
        compiled = run(True)
    except cr.CaptureError:
        assert parts_of_one_row in (before, after)
    else:
        assert compiled == run(False)
