"""Compiled functions that write memory over which several tensors lie that know nothing of each
other: of NumPy and DLPack. What is written is right, or the call is refused."""

import numpy as np
import pytest

import chainrule as cr

REFUSED = r"\[compile\] expected written memory to be that of one tensor and its views"


def apart():
    return cr.ones(4), cr.ones(4)


def one_array():
    memory = np.arange(4, dtype="float32")
    return cr.from_numpy(memory), cr.from_numpy(memory)


def overlapping():
    memory = np.arange(6, dtype="float32")
    return cr.from_numpy(memory[:4]), cr.from_numpy(memory[2:])


def the_other_way_round():
    return overlapping()[::-1]


def dlpack():
    x = cr.arange(4.0)
    return x, cr.from_dlpack(x)


def an_array_of_a_tensor():
    x = cr.arange(6.0)
    return x[:4], cr.from_numpy(x.numpy()[2:])


def neighbours():
    memory = np.arange(8, dtype="float32")
    return cr.from_numpy(memory[:4]), cr.from_numpy(memory[4:])


def parts_that_do_not_meet():
    memory = np.arange(8, dtype="float32")
    return cr.from_numpy(memory)[:4], cr.from_numpy(memory)[4:]


def write_first(x, y):
    x.add_(1)
    return x * y


def write_second(x, y):
    y.mul_(2)
    return x * y


def write_both(x, y):
    x.add_(1)
    y.mul_(2)
    return x + y


def replace(x, y):
    x.copy_(y * 2)
    return y + x


BODIES = [write_first, write_second, write_both, replace]
OVERLAPPING = [one_array, overlapping, the_other_way_round, dlpack, an_array_of_a_tensor]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("make", OVERLAPPING)
def test_arguments_that_begin_to_overlap_are_refused(body, make):
    fast = cr.compile(body)
    for _ in range(4):
        fast(*apart())
    with pytest.raises(cr.CaptureError, match=REFUSED):
        fast(*make())
    fast(*apart())
    assert fast.stats == {"replays": 3, "recordings": 2}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("make", OVERLAPPING)
def test_arguments_that_overlap_run_eagerly_as_fallback_asks(body, make):
    fast = cr.compile(body, fallback=True)
    for _ in range(4):
        fast(*apart())
    with pytest.warns(UserWarning, match="run eagerly"):
        fast(*make())
    for _ in range(3):
        compiled, eager = make(), make()
        assert fast(*compiled).tolist() == body(*eager).tolist()
        assert [t.tolist() for t in compiled] == [t.tolist() for t in eager]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("make", OVERLAPPING)
def test_a_recording_of_arguments_that_overlap_is_refused(body, make):
    fast = cr.compile(body)
    for _ in range(3):
        with pytest.raises(cr.CaptureError, match=REFUSED):
            fast(*make())


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("make", [neighbours, parts_that_do_not_meet])
def test_arrays_that_do_not_overlap_replay(body, make):
    fast = cr.compile(body)
    for _ in range(5):
        compiled, eager = make(), make()
        assert fast(*compiled).tolist() == body(*eager).tolist()
        assert [t.tolist() for t in compiled] == [t.tolist() for t in eager]
    assert fast.stats == {"replays": 3, "recordings": 2}


@pytest.mark.parametrize("make", OVERLAPPING)
def test_what_is_only_read_may_overlap(make):
    total = cr.zeros(4)

    @cr.compile
    def fast(x, y, out):
        out.copy_(x * y)
        total.add_(out)

    for _ in range(5):
        x, y = make()
        out = cr.zeros(4)
        fast(x, y, out)
        assert out.tolist() == (x * y).tolist()
    assert total.tolist() == (x * y * 5).tolist()
    assert fast.stats == {"replays": 3, "recordings": 2}


@pytest.mark.parametrize("written", ["state", "argument"])
def test_an_argument_that_begins_to_overlap_a_tensor_from_outside_is_refused(written):
    memory = np.arange(6, dtype="float32")
    state = cr.from_numpy(memory[:4])

    @cr.compile
    def fast(x):
        (state if written == "state" else x).add_(1)
        return x * state

    for _ in range(4):
        fast(cr.ones(4))
    with pytest.raises(cr.CaptureError, match=REFUSED):
        fast(cr.from_numpy(memory[2:]))
    fast(cr.from_numpy(np.ones(4, dtype="float32")))
    assert fast.stats == {"replays": 3, "recordings": 2}


@pytest.mark.parametrize("written", ["first", "second"])
def test_tensors_from_outside_that_overlap_are_refused(written):
    memory = np.arange(6, dtype="float32")
    a, b = cr.from_numpy(memory[:4]), cr.from_numpy(memory[2:])

    @cr.compile
    def fast():
        (a if written == "first" else b).add_(1)
        return a * b

    with pytest.raises(cr.CaptureError, match=REFUSED):
        fast()
    read = cr.compile(lambda: a * b)
    for _ in range(4):
        assert read().tolist() == (a * b).tolist()
    assert read.stats["replays"] == 2


def test_gradients_over_one_array_are_refused():
    p, q = cr.ones(4, requires_grad=True), cr.ones(4, requires_grad=True)
    fast = cr.compile(lambda x: (p * q * x).sum().backward())

    def call(p_grad, q_grad):
        p.grad, q.grad = p_grad, q_grad
        fast(cr.ones(4))
        return p.grad.tolist(), q.grad.tolist()

    for _ in range(4):
        assert call(*apart()) == ([2.0] * 4, [2.0] * 4)
    with pytest.raises(cr.CaptureError, match=REFUSED):
        call(*one_array())
    assert call(*neighbours()) == ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0])
    assert fast.stats == {"replays": 3, "recordings": 2}


def test_a_gradient_over_the_memory_of_an_argument_is_refused():
    p = cr.ones(4, requires_grad=True)
    fast = cr.compile(lambda x: (p * x).sum().backward())
    for _ in range(4):
        p.grad = cr.ones(4)
        fast(cr.ones(4))
    p.grad, x = one_array()
    with pytest.raises(cr.CaptureError, match=REFUSED):
        fast(x)
