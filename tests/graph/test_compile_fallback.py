"""compile(fallback=True): a call that cannot be captured runs once, eagerly, to its end."""

import gc
import pickle
import warnings

import pytest

import chainrule as cr
from chainrule import nn


def changes_the_mode(x):
    cr.set_grad_enabled(False)
    return x * 2


def returns_an_object(x):
    return {"y": x * 2, "extra": object}


def changes_its_argument(x, found=None):
    if found is not None:
        found.append(x * 2)
    return x * 2


def writes_with_history(x):
    w = cr.ones(3, requires_grad=True)
    x[0] = w.sum()
    return x * 1


@pytest.mark.parametrize(
    ("body", "match", "more"),
    [
        (changes_the_mode, "leaves the gradient mode", ()),
        (returns_an_object, "expected results of tensors", ()),
        (changes_its_argument, "one that changes argument 1", ([],)),
        (writes_with_history, "expected writes into tensors from outside to have no history", ()),
    ],
)
def test_what_is_found_at_the_end_of_a_recording(body, match, more):
    calls = []

    def counted(x, *more):
        calls.append(1)
        return body(x, *more)

    fast = cr.compile(counted, fallback=True)
    try:
        with pytest.warns(UserWarning, match=match):
            got = fast(cr.tensor([1.0, 2.0, 3.0]), *more)
    finally:
        cr.set_grad_enabled(True)
    wanted = body(cr.tensor([1.0, 2.0, 3.0]), *(type(m)() for m in more))
    cr.set_grad_enabled(True)
    if isinstance(got, dict):
        assert got["extra"] is object
        got, wanted = got["y"], wanted["y"]
    assert got.tolist() == wanted.tolist()
    assert len(calls) == 1


def test_four_recordings_that_differ():
    rate = iter(range(1, 20))
    fast = cr.compile(lambda x: x * next(rate), fallback=True)
    with pytest.warns(UserWarning, match=r"got 3\.0, then 4\.0 at") as heard:
        results = [fast(cr.ones(1)).item() for _ in range(9)]
    assert results == list(range(1, 10))
    assert len(heard) == 1
    assert fast.stats == {"replays": 0, "recordings": 4}


def test_other_signatures_are_replayed():
    @cr.compile(fallback=True)
    def total(x):
        y = (x * x).sum()
        return y + y.item() if x.shape[0] == 3 else y

    with pytest.warns(UserWarning) as heard:
        results = [total(cr.ones(n)).item() for n in (3, 2) * 4]
    assert results == [6, 2] * 4
    assert len(heard) == 1
    assert total.stats == {"replays": 2, "recordings": 2}
    assert total.plans == 1


def test_one_warning_for_all_signatures():
    fast = cr.compile(lambda x: x.sum().item(), fallback=True)
    with pytest.warns(UserWarning) as heard:
        assert [fast(cr.ones(n)) for n in range(1, 5)] == [1, 2, 3, 4]
    assert len(heard) == 1


def appends(held, x):
    held.append(x * 2)
    return len(held)


def counts(held, x):
    held["n"] = held.get("n", cr.zeros(())) + x.sum()
    return held["n"].item()


def counts_inside(held, x):
    return counts(held["cache"][0], x)


@pytest.mark.parametrize(
    ("body", "make"),
    [(appends, list), (counts, dict), (counts_inside, lambda: {"cache": ({}, 1)})],
)
def test_lists_and_dicts_are_the_callers_own_in_every_call(body, make):
    fast = cr.compile(body, fallback=True)
    held = make()
    with pytest.warns(UserWarning):
        assert [fast(held, cr.ones(1)) for _ in range(4)] == [1, 2, 3, 4]
    named = make()
    assert [fast(held=named, x=cr.ones(1)) for _ in range(4)] == [1, 2, 3, 4]
    assert str(held) == str(named) != str(make())


def test_arrays_come_as_tensors_in_every_call():
    numpy = pytest.importorskip("numpy")
    kinds = []

    @cr.compile(fallback=True)
    def write(held, x):
        array = held["x"][0]
        kinds.append(type(array))
        array[0] += 1
        return x.sum().item()

    array = numpy.zeros(3)
    with pytest.warns(UserWarning):
        assert [write({"x": [array]}, cr.ones(3)) for _ in range(3)] == [3, 3, 3]
    assert kinds == [cr.Tensor] * 3
    assert array.tolist() == [0, 0, 0]  # what is written is a copy


def test_an_exception_after_the_recorder_was_dropped():
    calls = []

    @cr.compile(fallback=True)
    def fails(x):
        calls.append(x.sum().item())
        raise KeyError("own")

    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(KeyError, match="own"):
                fails(cr.ones(2))
    assert calls == [2, 2]
    assert cr._core._recording() is None


def test_compiled_functions_inside_the_rest_of_a_call_have_plans_of_their_own():
    inner = cr.compile(lambda x: x * 2 + 1)

    @cr.compile(fallback=True)
    def outer(x):
        first = inner(x)  # part of the outer recording while there is one
        first.sum().item()
        return inner(first)

    with pytest.warns(UserWarning):
        results = [outer(cr.ones(2)).tolist() for _ in range(4)]
    assert results == [[7, 7]] * 4
    assert inner.stats["recordings"] == 2
    assert inner.stats["replays"] == 5


def test_inside_a_recording_the_outer_function_decides():
    inner = cr.compile(lambda x: x.sum().item(), fallback=True)
    with pytest.raises(cr.CaptureError, match="got item"):
        cr.compile(lambda x: x * inner(x))(cr.ones(2))


def test_a_change_that_ended_a_recording_ends_the_plans_of_others():
    net = nn.Linear(2, 1)
    forward = cr.compile(lambda x: net(x) * net.scale)
    net.scale = 2.0
    x = cr.ones(1, 2)
    with cr.no_grad():
        before = [forward(x).item() for _ in range(4)]

    @cr.compile(fallback=True)
    def change(x):
        net.scale = 4.0
        return x * 1

    with pytest.warns(UserWarning, match=r"got one at test_compile_fallback\.py"):
        change(x)
    with cr.no_grad():
        assert forward(x).item() == 2 * before[0]


def test_nothing_is_kept_of_what_was_recorded():
    threads = cr.get_num_threads()
    cr.set_num_threads(1)  # a worker takes memory of its own in its first region

    @cr.compile(fallback=True)
    def read(x):
        return (x * 2).sum().item()

    before = cr._core._memory_stats()["allocated"]
    with pytest.warns(UserWarning):
        read(cr.ones(1000, 1000))
    gc.collect()
    assert cr._core._memory_stats()["allocated"] < before + 1_000_000
    cr.set_num_threads(threads)


class Counter:
    @cr.compile(fallback=True)
    def read(self, x):
        return x.sum().item()


def double(x):
    return x * (2 if x.sum().item() else 0)


def test_methods_copies_and_modules():
    with pytest.warns(UserWarning):
        assert Counter().read(cr.ones(3)) == 3
    copy = pickle.loads(pickle.dumps(cr.compile(double, fallback=True)))
    with pytest.warns(UserWarning):
        assert copy(cr.ones(1)).item() == 2
    with pytest.raises(cr.CaptureError):
        pickle.loads(pickle.dumps(cr.compile(double)))(cr.ones(1))


def test_fallback_is_a_bool():
    with pytest.raises(
        TypeError, match=r"^\[compile\] expected fallback to be True or False; got '"
    ):
        cr.compile(abs, fallback="yes")
    with pytest.raises(TypeError, match=r"alone; got mode"):
        cr.compile(abs, fallback=True, mode="default")
