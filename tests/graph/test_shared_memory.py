"""Compiled functions that write what shares memory: windows of larger tensors, arguments that
overlap, gradients of any layout, memory that may not be written. Eager calls say what is right."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

WINDOWS = {
    "whole": lambda a: a,
    "transposed": lambda a: a.t(),
    "columns": lambda a: a[:, 2:5],
    "every second row": lambda a: a[::2],
    "rows": lambda a: a[1:3],
}


def add_to_all(x):
    x.add_(1)
    return x * 1


def add_to_a_row(x):
    x[0].add_(1)
    return x * 1


def replace(x):
    x.copy_(x * 2 + 1)
    return x * 1


def read_before_and_after(x):
    y = x.t() * 2
    x[1:].mul_(2)
    x[-1, -1] = 5
    return y.t() + x


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("body", [add_to_all, add_to_a_row, replace, read_before_and_after])
def test_a_window_of_a_larger_tensor_may_be_written(body, window):
    fast = cr.compile(body)
    for i in range(4):
        compiled = cr.arange(32.0).reshape(4, 8) + i
        eager = compiled.clone()
        result, expected = fast(WINDOWS[window](compiled)), body(WINDOWS[window](eager))
        np.testing.assert_array_equal(result.numpy(), expected.numpy())
        np.testing.assert_array_equal(compiled.numpy(), eager.numpy())
    assert fast.stats == {"replays": 2, "recordings": 2}


def apart():
    return cr.arange(4.0), cr.arange(4.0) + 10


def the_same_memory():
    x = cr.arange(4.0)
    return x[:], x[:]


def neighbours():
    x = cr.arange(8.0)
    return x[4:], x[:4]


def overlapping():
    x = cr.arange(6.0)
    return x[2:], x[:4]


def write_first(x, y):
    x.add_(1)
    return y * 1


def write_second(x, y):
    y.add_(1)
    return x * 1


def write_both(x, y):
    x.add_(1)
    y.mul_(2)
    return x + y


@pytest.mark.parametrize("body", [write_first, write_second, write_both])
@pytest.mark.parametrize("before", [apart, the_same_memory, neighbours, overlapping])
@pytest.mark.parametrize("after", [apart, the_same_memory, neighbours, overlapping])
def test_what_arguments_share_is_a_guard_where_one_is_written(body, before, after):
    fast = cr.compile(body)
    for arguments in [before] * 3 + [after] * 3:
        compiled, eager = arguments(), arguments()
        np.testing.assert_array_equal(fast(*compiled).numpy(), body(*eager).numpy())
        for a, b in zip(compiled, eager, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert fast.stats["replays"] == (4 if before is after else 2)


def test_arguments_that_share_other_memory_in_each_call_are_no_error():
    fast = cr.compile(write_first)
    for at in (5, 5, 5, 5, 1, 1, 1, 1, 2, 3, 5, 0, 1, 4, 6, 2, 2, 2, 2):
        compiled, eager = cr.arange(16.0), cr.arange(16.0)
        result = fast(compiled[:4], compiled[at : at + 4])
        assert result.tolist() == write_first(eager[:4], eager[at : at + 4]).tolist()
        assert compiled.tolist() == eager.tolist()
    assert fast.stats == {"replays": 9, "recordings": 10}


def read_both(x, y):
    return x[1:] * 2 + y[1:]


@pytest.mark.parametrize("before", [apart, the_same_memory, neighbours, overlapping])
@pytest.mark.parametrize("after", [apart, the_same_memory, neighbours, overlapping])
def test_arguments_that_are_only_read_may_share_what_they_like(before, after):
    fast = cr.compile(read_both)
    for arguments in [before] * 3 + [after] * 3:
        x, y = arguments()
        np.testing.assert_array_equal(fast(x, y).numpy(), read_both(x, y).numpy())
    if before in (apart, neighbours):
        assert fast.stats == {"replays": 4, "recordings": 2}


def test_an_argument_that_begins_to_share_memory_with_a_written_state_is_noticed():
    state = cr.zeros(4)

    @cr.compile
    def fn(x):
        state.add_(1)
        return x * 1

    for _ in range(4):
        fn(cr.ones(4))
    assert fn(state[:]).tolist() == state.tolist() == [5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: cr.ones(2, 3) * 7,
        lambda: (cr.arange(6.0).reshape(3, 2)).t(),
        lambda: cr.arange(12.0).reshape(4, 3)[1:3],
        lambda: cr.arange(12.0).reshape(2, 6)[:, 1:4],
    ],
)
def test_gradients_of_any_layout_accumulate(make):
    def run(compiled):
        w = nn.Parameter(cr.ones(2, 3))
        fn = lambda x: (w * x).sum().backward()
        fn = cr.compile(fn) if compiled else fn
        w.grad = cr.zeros(2, 3)
        grads = []
        for i in range(8):
            if i == 4:
                w.grad = make()
            fn(cr.full((2, 3), float(i)))
            grads.append(w.grad.tolist())
        return grads

    assert run(True) == run(False)


def read_only():
    memory = np.zeros(3, dtype="float32")
    memory.flags.writeable = False
    return cr.from_numpy(memory)


def made_in_inference_mode():
    with cr.inference_mode():
        return cr.zeros(3)


def twice_in_place(x):
    y = x * 2
    x.add_(1).mul_(2)
    return y


@pytest.mark.parametrize("make", [read_only, made_in_inference_mode])
def test_an_argument_that_may_not_be_written_is_refused_as_by_eager(make):
    fast = cr.compile(twice_in_place)
    for _ in range(3):
        fast(cr.zeros(3))
    refused = make()
    with pytest.raises(cr.StateError) as eager:
        twice_in_place(refused)
    with pytest.raises(cr.StateError) as compiled:
        fast(refused)
    assert str(compiled.value) == str(eager.value)
    assert refused.tolist() == [0.0, 0.0, 0.0]
    x = cr.zeros(3)
    fast(x)
    assert x.tolist() == [2.0, 2.0, 2.0]
    assert fast.stats == {"replays": 2, "recordings": 2}


def test_a_read_only_gradient_is_refused_as_by_eager():
    w = nn.Parameter(cr.ones(3))
    w.grad = cr.zeros(3)
    fast = cr.compile(lambda: (w * 2).sum().backward())
    for _ in range(3):
        fast()
    w.grad = read_only()
    with pytest.raises(cr.StateError, match=r"\[add\] expected writable memory"):
        fast()
    assert w.grad.tolist() == [0.0, 0.0, 0.0]
    w.grad = cr.zeros(3)
    fast()
    assert w.grad.tolist() == [2.0, 2.0, 2.0]
    assert fast.stats == {"replays": 2, "recordings": 2}


def test_a_write_with_history_into_a_tensor_from_outside_is_an_error():
    w = cr.ones(3, requires_grad=True)

    @cr.compile
    def double(x):
        x.mul_(2)
        return x

    with pytest.raises(cr.CaptureError, match=r"expected writes into tensors from outside .* at "):
        for _ in range(4):
            double(w * 1)
    with cr.no_grad():
        for _ in range(4):
            assert double(w * 1).tolist() == [2.0] * 3
