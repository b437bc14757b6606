"""Dataclasses, scalars of NumPy and sets as arguments of compiled functions: they count by what is in
them."""

from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from typing import ClassVar

import numpy as np
import pytest

import chainrule as cr

Pair = namedtuple("Pair", "x k")


@dataclass
class Batch:
    x: object
    k: float = 2.0
    more: list = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    x: object
    k: float = 2.0


def of_fields(x, batch):
    return x * batch.x * batch.k


@pytest.mark.parametrize("kind", [Batch, Frozen, Pair])
def test_what_a_dataclass_holds_is_an_argument(kind):
    step, x = cr.compile(of_fields), cr.ones(2)
    for call in range(8):
        value = kind(cr.tensor([float(call), 1.0]), k=3.0)
        assert step(x, value).tolist() == [3.0 * call, 3.0]
    assert step.stats == {"recordings": 2, "replays": 6}
    assert step(x, kind(cr.ones(2), k=4.0)).tolist() == [4.0, 4.0]


def test_arrays_in_named_tuples_are_copied_in_and_in_dataclasses_refused():
    step, x = cr.compile(of_fields), cr.ones(2)
    for call in range(4):
        array = np.array([call, 1], np.float32)
        assert step(x, Pair(array, 2.0)).tolist() == [2.0 * call, 2.0]
    with pytest.raises(cr.CaptureError, match="got an array as an operand"):
        step(x, Batch(array))


def test_a_dataclass_that_is_changed_between_calls():
    step, x = cr.compile(of_fields), cr.ones(2)
    batch = Batch(cr.ones(2))
    for call in range(6):
        assert step(x, batch).tolist() == [2.0 * max(call, 1)] * 2
        batch.x = cr.full((2,), call + 1.0)
    assert step.stats["replays"] == 4
    batch.k = -1.0
    assert step(x, batch).tolist() == [-6.0, -6.0]
    total = cr.compile(lambda x, batch: x * sum(batch.more))
    for call in range(6):
        batch.more = [1.0, float(call // 3)]
        assert total(x, batch).tolist() == [1.0 + call // 3] * 2
        batch.more[0] = 5.0  # in the list that is there
        assert total(x, batch).tolist() == [5.0 + call // 3] * 2


def test_a_dataclass_stays_as_it_is_in_a_call():
    def body(x, batch):
        batch.x = x * 2

    with pytest.raises(cr.CaptureError, match="changes argument 1"):
        cr.compile(body)(cr.ones(2), Batch(cr.ones(2)))


def test_dataclasses_that_hold_each_other_and_the_same_twice():
    step, x = cr.compile(of_fields), cr.ones(2)
    batch = Batch(cr.ones(2))
    batch.more += [batch, [batch], batch.__repr__]
    for k in (2.0, 3.0):
        batch.k = k
        assert [step(x, batch).tolist() for _ in range(4)] == [[k, k]] * 4
    same = cr.compile(lambda x, p, q: x * (2 if p is q else 3))
    one, other = Batch(x), Batch(x)
    for _ in range(4):
        assert same(x, one, one).tolist() == [2.0, 2.0]
        assert same(x, one, other).tolist() == [3.0, 3.0]
    assert same.plans == 2


def test_fields_that_are_not_of_the_instance():
    @dataclass
    class Odd(Batch):
        __slots__ = ("own",)
        shared: ClassVar[float] = 3.0
        given: InitVar[float] = 0.5
        size: int = 0

        def __post_init__(self, given):
            self.own = given

        @property
        def size(self):  # noqa: F811 - it takes the place of the field's value
            return 7

        @size.setter
        def size(self, value):
            pass

    step, x = cr.compile(lambda x, o: (x * o.own * o.size, o)), cr.ones(1)
    for own in (1.0, 2.0):
        value = Odd(x, given=own)
        for _ in range(4):
            product, same = step(x, value)
            assert product.item() == 7 * own and same.own == own
            assert "shared" not in vars(same)


def test_numbers_count_by_their_value_whatever_they_look_like():
    class Rounded(float):
        def __repr__(self):
            return f"{float(self):.1f}"

    step, x = cr.compile(lambda x, k: x * k), cr.ones(1, dtype=cr.float64)
    for _ in range(4):
        assert step(x, Rounded(2.01)).item() == 2.01
        assert step(x, Rounded(2.04)).item() == 2.04


@pytest.mark.parametrize("scalar", [np.float64, np.float32, np.int64, np.bool_])
def test_scalars_of_numpy_are_numbers(scalar):
    def body(x, k):
        return x[: int(k)] * k if scalar is np.int64 else x * k

    step = cr.compile(body)
    for dtype in (cr.uint8, cr.float32):
        x = cr.ones(3, dtype=dtype)
        for k in (0, 1, 2):
            want = body(x, scalar(k))
            for _ in range(3):
                got = step(x, scalar(k))
                assert got.dtype == want.dtype and got.tolist() == want.tolist()


def test_sets_and_byte_arrays_count_by_what_is_in_them():
    step, x = cr.compile(lambda x, held: x * len(held)), cr.ones(1)
    for held, grow in ((set("ab"), lambda s: s.add("c")), (bytearray(2), lambda b: b.append(1))):
        assert [step(x, held).item() for _ in range(4)] == [2.0] * 4
        grow(held)
        assert [step(x, held).item() for _ in range(4)] == [3.0] * 4
