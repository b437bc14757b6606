"""Python's operators on tensors."""

import math
import operator

import numpy as np
import pytest

import chainrule as cr

FLOATS = (cr.float32, cr.float64)

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("op", BINARY, ids=lambda f: f.__name__)
def test_binary_operators(op):
    a, b = np.array([1.0, 2.5, 3.0]), np.array([2.0, 1.5, 3.0])
    x, y = cr.tensor(a), cr.tensor(b)
    for left, right, expected in (
        (x, y, op(a, b)),
        (x, 2, op(a, 2)),
        (2.0, y, op(2.0, b)),
        *([] if op is operator.sub else [(x, True, op(a, 1))]),  # bool is not subtracted
    ):
        np.testing.assert_allclose(op(left, right).numpy(), expected, rtol=1e-14)
    for other in (None, "a", [1, 2, 3], {}, 1j):
        if op in (operator.eq, operator.ne):
            assert op(x, other) is (op is operator.ne)
        else:
            with pytest.raises(TypeError):
                op(x, other)
            if (op, other) != (operator.mod, "a"):  # formatting
                with pytest.raises(TypeError):
                    op(other, x)


@pytest.mark.parametrize(
    "op",
    [
        operator.iadd,
        operator.isub,
        operator.imul,
        operator.itruediv,
        operator.ifloordiv,
        operator.imod,
        operator.ipow,
    ],
    ids=lambda f: f.__name__,
)
def test_in_place_operators(op):
    a = np.array([1.0, 2.5, 3.0])
    x = cr.tensor(a)
    address, same = x.data_ptr(), x
    same = op(same, 2)
    same = op(same, cr.full((3,), 2.0, dtype=cr.float64))
    assert same is x and x.data_ptr() == address
    np.testing.assert_allclose(x.numpy(), op(op(a, 2), np.full(3, 2.0)), rtol=1e-14)


def test_other_operators():
    x = cr.tensor([-1.0, 2.0])
    assert (-x).tolist() == [1, -2] and (+x) is x and abs(x).tolist() == [1, 2]
    assert (x @ x).item() == 5 and (cr.eye(2) @ x).tolist() == [-1, 2]
    for bad in (3, None, 2.0):
        with pytest.raises(TypeError):
            x @ bad
    p, q = cr.tensor([True, True, False]), cr.tensor([True, False, False])
    assert ((p & q).tolist(), (p | q).tolist()) == ([True, False, False], [True, True, False])
    assert ((p ^ q).tolist(), (~p).tolist()) == ([False, True, False], [False, False, True])
    assert (p & True).tolist() == p.tolist()
    p &= q
    assert p.tolist() == q.tolist()


def test_masks_and_bits():
    mask, bits = cr.tensor([True, False]), cr.tensor([6, 3])
    assert (mask & True).tolist() == [True, False] and (mask | ~mask).tolist() == [True, True]
    assert (bits & 2).tolist() == [2, 2] and (1 ^ bits).tolist() == [7, 2]
    assert (~bits).tolist() == [-7, -4] and (bits | mask).dtype == cr.int64
    bits &= 1
    assert bits.tolist() == [0, 1]
    for bad in (lambda: mask & 1.5, lambda: cr.ones(2) | mask, lambda: ~cr.ones(2)):
        with pytest.raises(cr.DtypeError, match="expected bool, .* int64; got float32"):
            bad()


def test_a_class_of_the_users_answers_for_itself():
    class Answer:
        def __radd__(self, other):
            return "radd"

        def __rmatmul__(self, other):
            return "rmatmul"

        def __eq__(self, other):
            return "eq"

        __hash__ = None

    x = cr.ones(2)
    assert x + Answer() == "radd" and x @ Answer() == "rmatmul" and (x == Answer()) == "eq"


def test_numbers_stay_weak():
    for dtype in FLOATS:
        x = cr.ones(2, dtype=dtype)
        for number in (2, 2.0, True, np.float64(2), np.float32(2), np.int64(2)):
            assert (x * number).dtype is dtype and (number * x).dtype is dtype
    assert (cr.ones(2, dtype=cr.int32) * 2).dtype is cr.int32
    assert (cr.ones(2, dtype=cr.int32) * 2.0).dtype is cr.float32
    with pytest.raises(OverflowError):
        cr.ones(2) * 2**70


@pytest.mark.parametrize(
    ("limits", "slope"),
    [
        ({"max": -math.inf}, 0),
        ({"min": math.inf, "max": 3.0}, 0),
        ({"min": 0.0, "max": -math.inf}, 0),
        ({"min": -math.inf}, 1),
        ({"min": -math.inf, "max": math.inf}, 1),
    ],
)
def test_the_gradient_of_clamp_at_infinite_limits(limits, slope):
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    x.clamp(**limits).backward(cr.tensor([1.0, 3.0]))
    assert x.grad.tolist() == [slope, 3.0 * slope]
