"""What is part of a compiled call's signature, and the constants that its programs hold."""

import math
import warnings

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
