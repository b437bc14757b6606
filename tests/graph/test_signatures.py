"""What is part of a compiled call's signature, and the constants that its programs hold."""

import enum
import math
import warnings
from collections import OrderedDict, defaultdict

import pytest

import chainrule as cr


class Scale:
    def __init__(self, factor):
        self.factor = factor


def test_an_object_that_is_gone_is_not_taken_for_the_next_one():
    step = cr.compile(lambda x, scale: x * scale.factor)
    for factor in range(1, 8):
        scale = Scale(float(factor))  # where the last one lay, were nobody to keep that
        for _ in range(4):
            assert step(cr.ones(2), scale).tolist() == [factor, factor]
        del scale


def test_a_constant_may_be_nan():
    step = cr.compile(lambda x: cr.where(x > 0, x, float("nan")))
    for _ in range(4):
        a, b = step(cr.tensor([1.0, -1.0])).tolist()
        assert a == 1.0 and math.isnan(b)
    assert step.stats["replays"] == 2


def test_numbers_beside_bfloat16_replay():
    half = cr.tensor([1.0, -2.0]).to(cr.bfloat16)
    step = cr.compile(lambda x: cr.where(x.float() > 0, x, 1.00390625))
    eager = cr.where(half.float() > 0, half, 1.00390625)
    for _ in range(4):
        out = step(half)
        assert out.dtype == cr.bfloat16
        assert out.float().tolist() == eager.float().tolist()
    assert step.stats["replays"] == 2


def test_results_of_inference_mode_are_marked_in_replays():
    step = cr.compile(lambda x: (x * 2, x.reshape(-1)))
    x = cr.ones(2, 2)
    for _ in range(3):
        for mode, mark in ((cr.no_grad, False), (cr.inference_mode, True), (cr.enable_grad, False)):
            for _ in range(4):
                with mode():
                    out = step(x)
                assert [t.is_inference() for t in out] == [mark, False]  # a view is as its base
    assert step.plans == 3
    assert step.stats["recordings"] == 6  # the modes have plans of their own


def inside(x):
    with cr.inference_mode():
        y = x * 2
        return y, y + 1, y.reshape(-1)


def partly_inside(x):
    y = x * 2
    with cr.inference_mode():
        z = y[:]
        return y, z, z + 1


def written_inside(x):
    y, z = x * 2, x * 3
    with cr.inference_mode():
        y.add_(1)
        z[0].add_(1)
        return y, z, y[0], z * 1


def written_outside(x):
    y = x * 2
    with cr.inference_mode():
        z = y[0]
    y.add_(1)
    return y, z, y * 1


@pytest.mark.parametrize("function", [inside, partly_inside, written_inside, written_outside])
@pytest.mark.parametrize("made_inside", [False, True])
def test_marks_of_inference_mode_are_those_of_an_eager_call(function, made_inside):
    step = cr.compile(function)
    with cr.no_grad():
        x = cr.arange(6.0).reshape(3, 2)
        if made_inside:
            with cr.inference_mode():
                x = x * 1
        want = function(x)
        for _ in range(5):
            out = step(x)
            assert [t.is_inference() for t in out] == [t.is_inference() for t in want]
            assert [t.tolist() for t in out] == [t.tolist() for t in want]
    assert step.stats["replays"] == 3


def test_a_view_of_an_argument_has_the_mark_of_that_argument():
    step = cr.compile(lambda x: (x[0], x * 2))
    plain = cr.ones(2, 2)
    with cr.inference_mode():
        made_inside = cr.ones(2, 2)
    with cr.no_grad():
        for x in (plain, made_inside, plain, made_inside, plain):
            assert [t.is_inference() for t in step(x)] == [x.is_inference(), False]


def test_a_gradient_assigned_in_inference_mode_is_marked():
    w = cr.ones(2)

    @cr.compile
    def step(x):
        w.grad = x * 2

    with cr.inference_mode():
        for _ in range(4):
            step(cr.ones(2))
            assert w.grad.is_inference()
    assert step.stats["replays"] == 2


def test_a_number_that_changes_with_every_call_is_warned_of():
    scaled = cr.compile(lambda x, k: x * k)
    x = cr.ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(15):
            scaled(x, k)
    with pytest.warns(UserWarning, match="16 signatures and none was replayed.*0-d tensor") as seen:
        [scaled(x, k) for k in range(15, 40)]
    assert len(seen) == 1 and seen[0].filename == __file__
    useful = cr.compile(lambda x, k: x * k)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in (*[0] * 3, *range(40)):
            useful(x, k)


@pytest.mark.parametrize(
    "body",
    [
        lambda x, d: d.update(y=x * 2),
        lambda x, d: d.pop("k"),
        lambda x, d: d["list"].append(x),
        lambda x, d: d["list"].reverse(),
        lambda x, d: d["ordered"].move_to_end("a"),
        lambda x, d: d.update(k=4),
    ],
)
def test_lists_and_dicts_among_the_arguments_stay_as_they_are(body):
    a, b = cr.ones(2), cr.ones(2)
    for by_name in (False, True):
        held = {"k": 3, "list": [a, b], "ordered": OrderedDict(a=a, b=b)}
        arguments, named = ((a,), {"d": held}) if by_name else ((a, held), {})
        place = "'d'" if by_name else "1"
        message = (
            rf"^\[compile\] expected a function that leaves lists .* changes argument {place}\."
        )
        with pytest.raises(cr.CaptureError, match=message):
            cr.compile(body)(*arguments, **named)
    assert cr._core._recording() is None


def test_tensors_in_lists_and_dicts_may_be_written():
    fast = cr.compile(lambda held: held["x"][0].add_(1))
    x = cr.zeros(2)
    for _ in range(4):
        fast({"x": [x]})
    assert x.tolist() == [4.0, 4.0]


@pytest.mark.parametrize(
    "body",
    [
        lambda x, t: x.clamp(min=t),
        lambda x, t: x.clip(t, t + 1),
        lambda x, t: x.clone().clamp_(max=t),
        lambda x, t: x.clamp_min(t),
        lambda x, t: cr.clamp_max(x, t),
    ],
)
def test_a_0d_tensor_as_a_bound_is_read_by_every_replay(body):
    step = cr.compile(body)
    for call in range(5):
        x, t = cr.arange(4.0) - call, cr.tensor(0.5 * call)
        assert step(x, t).tolist() == body(x, t).tolist()
    assert step.stats["replays"] == 3


def test_a_0d_tensor_as_a_bound_promotes_as_a_tensor():
    wide = cr.tensor(0.5, dtype=cr.float64)
    for bounded in (cr.arange(2).clamp(wide), cr.arange(2).clamp_min(wide)):
        assert bounded.dtype == cr.float64 and bounded.tolist() == [0.5, 1.0]
    assert cr.arange(2.0).clamp(wide).dtype == cr.float32


class Table(dict):
    pass


def test_kinds_of_dicts_and_of_equal_keys_have_plans_of_their_own():
    kinds = cr.compile(lambda d, x: (type(d).__name__, x + 1))
    makes = [dict, OrderedDict, Table, lambda **items: defaultdict(int, **items)]
    names = ["dict", "OrderedDict", "Table", "defaultdict"]
    for _ in range(4):
        assert [kinds(make(a=cr.ones(1)), cr.ones(1))[0] for make in makes] == names
    assert kinds.plans == 4

    keys = cr.compile(lambda d, x: (repr(list(d)), x + 1))
    several = [1, True, 1.0, 0.0, -0.0, (1,), (True,), (0.0,), (-0.0,), ((1.0,),)]
    for _ in range(4):
        assert [keys({k: cr.ones(1)}, cr.ones(1))[0] for k in several] == [
            f"[{k}]" for k in several
        ]
    assert keys.plans == len(several)
    assert keys.stats["replays"] == 2 * len(several)


def test_numbers_of_equal_value_and_name_of_type_have_plans_of_their_own():
    def of(number):
        return enum.IntEnum("Kind", {f"is_{number}": 1})(1)

    names = cr.compile(lambda kind, x: (kind.name, x + 1))
    first, second = of(1), of(2)
    for _ in range(4):
        assert [names(k, cr.ones(1))[0] for k in (first, second)] == ["is_1", "is_2"]


def test_a_keyword_of_any_name():
    @cr.compile
    def total(**named):
        return named["self"] + named["args"]

    for number in range(4):
        assert total(self=cr.ones(2) * number, args=cr.ones(2)).tolist() == [number + 1] * 2
    assert total.stats["replays"] > 0
    assert total.profile(self=cr.ones(2), args=cr.ones(2))
