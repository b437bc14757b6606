"""Tensors from sizes and numbers: values, dtypes as PyTorch chooses them, and what is refused."""

import math

import numpy as np
import pytest

import chainrule as cr

DTYPES = [cr.bool, cr.uint8, cr.int32, cr.int64, cr.float32, cr.float64]


def check(tensor, values, dtype):
    assert tensor.dtype == dtype
    np.testing.assert_array_equal(tensor.numpy(), np.asarray(values, dtype=tensor.numpy().dtype))


@pytest.fixture
def double_by_default():
    cr.set_default_dtype(cr.float64)
    yield
    cr.set_default_dtype(cr.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(), (3,), (2, 3), (0, 4), (2, 1, 2)])
def test_filled_tensors(size, dtype):
    check(cr.zeros(size, dtype=dtype), np.zeros(size), dtype)
    check(cr.ones(size, dtype=dtype), np.ones(size), dtype)
    check(cr.full(size, 1, dtype=dtype), np.ones(size), dtype)
    like = cr.zeros(size, dtype=dtype)
    check(cr.ones_like(like), np.ones(size), dtype)
    check(cr.full_like(like, 1), np.ones(size), dtype)
    check(cr.zeros_like(like, dtype=cr.int64), np.zeros(size), cr.int64)
    assert cr.empty_like(like).shape == cr.empty(size, dtype=dtype).shape == size


def test_tensors_of_anothers_dtype():
    x = cr.zeros(3, dtype=cr.float64)
    check(x.new_zeros(2, 2), np.zeros((2, 2)), cr.float64)
    check(x.new_ones((2,), dtype=cr.int32), [1, 1], cr.int32)
    check(x.new_full((2,), 7), [7, 7], cr.float64)
    assert x.new_empty(4).dtype == cr.float64 and x.new_empty(4).shape == (4,)


def test_like_tensors_are_dense():
    strided = cr.zeros(3, 4).t()
    for like in (cr.zeros_like, cr.ones_like, cr.empty_like, cr.rand_like, cr.randn_like):
        assert like(strided).stride() == (3, 1)
    assert cr.full_like(strided, 2.0).stride() == (3, 1)


def test_the_dtype_follows_the_value():
    assert cr.full((2,), 1).dtype == cr.int64
    assert cr.full((2,), True).dtype == cr.bool
    assert cr.full((2,), 1.5).dtype == cr.float32
    assert cr.zeros(2).dtype == cr.ones(2).dtype == cr.eye(2).dtype == cr.float32
    check(cr.full((2,), 2**53 + 1), [2**53 + 1] * 2, cr.int64)
    check(cr.full((2,), -1.7, dtype=cr.int32), [-1, -1], cr.int32)
    check(cr.full((1,), math.inf), [math.inf], cr.float32)


def test_the_default_dtype_is_read(double_by_default):
    for tensor in (
        cr.zeros(2),
        cr.ones(2),
        cr.full((2,), 1.0),
        cr.arange(2.0),
        cr.linspace(0, 1, 2),
        cr.eye(2),
    ):
        assert tensor.dtype == cr.float64
    assert cr.rand(2).dtype == cr.randn(2).dtype == cr.float64


def test_sizes_come_one_by_one_or_as_a_list():
    assert cr.zeros(2, 3).shape == cr.zeros((2, 3)).shape == cr.zeros([2, 3]).shape == (2, 3)
    assert cr.zeros(cr.ones(2, 3).shape).shape == (2, 3)


def test_factories_take_device_and_requires_grad():
    assert cr.zeros(2, requires_grad=True, device="cpu").requires_grad
    assert cr.ones_like(cr.zeros(2), requires_grad=True).requires_grad


@pytest.mark.parametrize(
    "args",
    [
        (5,),
        (2, 7),
        (0, 10, 3),
        (10, 0, -3),
        (0, 9, 3),
        (3, 3),
        (-5, 5, 2),
        (0,),
        (2**40, 2**40 + 3),
    ],
)
def test_integer_ranges(args):
    check(cr.arange(*args), np.arange(*args), cr.int64)


@pytest.mark.parametrize(
    "args", [(5.0,), (0, 1, 0.25), (0, 1, 0.1), (1.0, -1, -0.5), (0.5, 0.5), (1, 2.0000001, 1)]
)
def test_real_ranges(args):
    check(cr.arange(*args, dtype=cr.float64), np.arange(*args, dtype=np.float64), cr.float64)
    got = cr.arange(*args)
    assert got.dtype == cr.float32
    np.testing.assert_array_equal(
        got.numpy(), np.arange(*args, dtype=np.float64).astype(np.float32)
    )


def test_long_ranges_do_not_drift():
    n = 1_000_003
    got = cr.arange(0, n * 0.1, 0.1, dtype=cr.float64).numpy()
    np.testing.assert_array_equal(got, np.arange(got.size) * 0.1)
    np.testing.assert_array_equal(cr.arange(n).numpy(), np.arange(n))


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
@pytest.mark.parametrize(
    "start, end, steps", [(0, 1, 11), (-3, 5, 4), (2, 2, 3), (1, 0, 2), (4, 9, 1), (0, 1, 0)]
)
def test_linspace(start, end, steps, dtype):
    got = cr.linspace(start, end, steps, dtype=dtype).numpy()
    want = np.linspace(start, end, steps)
    np.testing.assert_allclose(got, want, rtol=0, atol=8 * np.finfo(got.dtype).eps)
    if steps > 1:
        assert got[0] == start and got[-1] == end
        back = cr.linspace(end, start, steps, dtype=dtype).numpy()[::-1]
        outer = np.arange(steps) != (steps - 1) / 2  # counted from the nearer end, so symmetric
        np.testing.assert_array_equal(got[outer], back[outer])


def test_integer_linspace_truncates():
    check(cr.linspace(0, 10, 4, dtype=cr.int64), [0, 3, 6, 10], cr.int64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_eye(dtype):
    for n, m in ((3, 3), (2, 5), (5, 2), (0, 3), (1, 1)):
        check(cr.eye(n, m, dtype=dtype), np.eye(n, m), dtype)
    check(cr.eye(4, dtype=dtype), np.eye(4), dtype)


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda: cr.zeros(2, -3), ValueError, r"sizes >= 0; got \(2, -3\)"),
        (lambda: cr.zeros(2**40, 2**40), MemoryError, "fewer than 2"),
        (lambda: cr.ones(10**15), MemoryError, "."),
        (lambda: cr.zeros(1, 1, 1, 1, 1, 1, 1, 1, 1), ValueError, "at most 8 dimensions"),
        (lambda: cr.full((2,), 300, dtype=cr.uint8), ValueError, "fits uint8; got 300"),
        (lambda: cr.full((2,), -1, dtype=cr.uint8), ValueError, "fits uint8"),
        (lambda: cr.full((2,), math.nan, dtype=cr.int64), ValueError, "fits int64"),
        (lambda: cr.full((2,), 1e300, dtype=cr.float32), ValueError, "fits float32"),
        (lambda: cr.arange(0, 5, 0), ValueError, "step != 0"),
        (lambda: cr.arange(0, 5, -1), ValueError, "leads from start to end"),
        (lambda: cr.arange(math.inf), ValueError, "finite"),
        (lambda: cr.arange(1e30), MemoryError, "fewer than 2"),
        (lambda: cr.arange(-(2**63), 2**63 - 1), MemoryError, "fewer than 2"),
        (lambda: cr.arange(3, dtype=cr.bool), TypeError, "got bool"),
        (lambda: cr.linspace(0, 1, -1), ValueError, "steps >= 0"),
        (lambda: cr.eye(-1), ValueError, "sizes >= 0"),
        (lambda: cr.zeros("a"), TypeError, "zeros"),
        (lambda: cr.zeros(2, device="cuda"), (ValueError, RuntimeError), "cpu"),
    ],
)
def test_bad_calls(call, error, match):
    with pytest.raises(error, match=match):
        call()


INTEGERS = (cr.uint8, cr.int32, cr.int64)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300, -(2.0**63) * 2])
def test_numbers_that_their_place_cannot_hold(dtype, value):
    mask = cr.tensor([True, False])

    def x():
        return cr.ones(2, dtype=dtype)

    for name, call in {
        "fill_": lambda: x().fill_(value),
        "index": lambda: x().__setitem__(0, value),
        "index_put": lambda: x().__setitem__(mask, value),
        "masked_fill": lambda: x().masked_fill(mask, value),
        "full": lambda: cr.full((2,), value, dtype=dtype),
        "linspace": lambda: cr.linspace(0, value, 3, dtype=dtype),
    }.items():
        with pytest.raises(ValueError, match=r"expected a value that fits") as caught:
            call()
        assert str(caught.value).startswith("[index]" if name == "index_put" else f"[{name}]")
    y = x()
    with pytest.raises(ValueError, match="expected a value that fits"):
        y.masked_fill_(mask, value)
    assert y.tolist() == [1, 1]


def test_numbers_are_cut_and_tensors_are_cast():
    assert cr.zeros(2, dtype=cr.uint8).fill_(255.9).tolist() == [255, 255]
    assert cr.zeros(2, dtype=cr.uint8).fill_(cr.tensor(256)).tolist() == [0, 0]
    for wrong in (256, -1, 2**40):
        with pytest.raises(ValueError, match="fits uint8"):
            cr.zeros(2, dtype=cr.uint8).fill_(wrong)
    for small in (cr.float32, cr.bfloat16):
        with pytest.raises(ValueError, match=f"fits {small}".replace("chainrule.", "")):
            cr.zeros(2, dtype=small).fill_(1e300)
    least = -(2.0**63)  # a float that int64 holds, whoever is asked
    assert cr.full((1,), least, dtype=cr.int64).tolist() == [-(2**63)]
    assert cr.tensor([least], dtype=cr.int64).tolist() == [-(2**63)]
    assert cr.zeros(2).fill_(math.inf).tolist() == [math.inf] * 2
    assert cr.zeros(2, dtype=cr.bool).fill_(math.nan).tolist() == [True, True]


@pytest.mark.parametrize("sizes", [(0, 2**62, 4), (2**62, 4, 0), (2**62, 0), (2**40, 0, 2**40)])
def test_sizes_whose_strides_would_overflow(sizes):
    for call in (
        lambda: cr.zeros(sizes),
        lambda: cr.zeros(0).reshape(sizes),
        lambda: cr.zeros([min(s, 1) for s in sizes]).expand(sizes),
        lambda: cr._core._ops.as_strided(cr.zeros(0), sizes, [1] * len(sizes)),
    ):
        with pytest.raises((MemoryError, cr.ShapeError), match=r"^\[\w+\] expected "):
            call()
    assert cr.zeros(0, 2**58).sum(1).shape == (0,)
