"""chainrule.tensor and the constructor: numbers, nested lists, bad data."""

import math

import numpy as np
import pytest

import chainrule as cr


@pytest.mark.parametrize(
    "data, dtype, shape",
    [
        (1, cr.int64, ()),
        (1.5, cr.float32, ()),
        (True, cr.bool, ()),
        ([], cr.float32, (0,)),
        ([[], []], cr.float32, (2, 0)),
        ([1, 2], cr.int64, (2,)),
        ([1, 2.5], cr.float32, (2,)),
        ([True, 2], cr.int64, (2,)),
        ([[1], [2]], cr.int64, (2, 1)),
        (((1, 2), [3, 4]), cr.int64, (2, 2)),
        (range(3), cr.int64, (3,)),
        (np.float32(1), cr.float32, ()),
        (np.float64(1), cr.float64, ()),
        (np.int32(1), cr.int32, ()),
        (np.True_, cr.bool, ()),
        ([np.float64(1), 2], cr.float64, (2,)),
        ([np.int32(1), np.int32(2)], cr.int32, (2,)),
        (np.zeros((2, 0)), cr.float64, (2, 0)),
        ([np.zeros(3), np.ones(3)], cr.float64, (2, 3)),
        ([np.zeros(2, dtype=np.float32), [1, 2]], cr.float32, (2, 2)),
        (bytearray(b"ab"), cr.uint8, (2,)),
        (memoryview(b"ab"), cr.uint8, (2,)),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_tensor_from_data(data, dtype, shape):
    t = cr.tensor(data)
    assert (t.dtype, tuple(t.shape)) == (dtype, shape)
    if not isinstance(data, (bytearray, memoryview)):
        assert np.array_equal(
            t.numpy(), np.array(data if not isinstance(data, range) else list(data))
        )


def test_tensors_in_lists():
    a, b = cr.tensor([1.0, 2.0], dtype=cr.float64), cr.tensor([3, 4])
    assert cr.tensor([a, b]).tolist() == [[1, 2], [3, 4]] and cr.tensor([a, b]).dtype is cr.float64
    assert cr.tensor([cr.tensor(1), 2.5]).tolist() == [1, 2.5]
    assert cr.tensor([a.requires_grad_()]).requires_grad is False


@pytest.mark.parametrize(
    "data, words",
    [
        ([[1, 2], [3]], ("length 2", "[1]", "got length 1")),
        ([[1, 2], 3], ("length 2", "[1]", "got int")),
        ([1, [2]], ("number", "[1]", "list")),
        ([[[1], [2]], [[3], [4, 5]]], ("length 1", "[1][1]", "got length 2")),
        ([np.zeros(2), np.zeros(3)], ("(2,)", "[1]", "(3,)")),
        ([[1], np.zeros(2)], ("(1,)", "[1]", "(2,)")),
    ],
    ids=str,
)
def test_ragged_data(data, words):
    with pytest.raises(ValueError) as caught:
        cr.tensor(data)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    "data", [None, "a", b"a", {}, object(), [None], [1, "a"], 1j, [[1], [{}]], ...]
)
def test_data_of_the_wrong_type(data):
    with pytest.raises(TypeError, match="got"):
        cr.tensor(data)


def test_numbers_that_do_not_fit():
    with pytest.raises(OverflowError):
        cr.tensor(2**63)
    for value, dtype in (
        (300, cr.uint8),
        (-1, cr.uint8),
        (2**31, cr.int32),
        (float("nan"), cr.int64),
    ):
        with pytest.raises(ValueError, match=r"fits .* at \[1\]"):
            cr.tensor([0, value], dtype=dtype)
    assert cr.tensor(1e39).item() == math.inf
    assert cr.tensor([2.9, -2.9], dtype=cr.int64).tolist() == [2, -2]
    assert cr.tensor([0.0, 0.1, math.nan], dtype=cr.bool).tolist() == [False, True, True]


STORES = {
    "fill_": lambda x, v: x.fill_(v),
    "[0] =": lambda x, v: x.__setitem__(0, v),
    "[index] =": lambda x, v: x.__setitem__(cr.tensor([0]), v),
    "[mask] =": lambda x, v: x.__setitem__(cr.tensor([True, False]), v),
    "masked_fill": lambda x, v: x.masked_fill(cr.tensor([True, False]), v),
    "masked_fill_": lambda x, v: x.masked_fill_(cr.tensor([True, False]), v),
    "index_fill": lambda x, v: x.index_fill(0, cr.tensor([0]), v),
    "scatter": lambda x, v: x.scatter(0, cr.tensor([0]), v),
}


@pytest.mark.parametrize("how", STORES)
def test_a_number_that_does_not_fit_is_not_stored(how):
    store = STORES[how]
    for dtype, good, bad in (
        (cr.uint8, (255, 0, 7.9, True), (300, -1, 256.0, math.nan, math.inf)),
        (cr.int32, (-(2**31), 2**31 - 1), (2**31, -(2**40), 1e10)),
        (cr.int64, (2**63 - 1, -1.5), (math.nan, 1e19)),
        (cr.float32, (1e38, math.inf, math.nan, -0.0), (1e39, -1e39)),
        (cr.bool, (3, 0.0, math.nan), ()),
    ):
        x = cr.ones(2, dtype=dtype)
        for value in bad:
            with pytest.raises(ValueError, match="expected a value that fits"):
                store(x, value)
        assert x.tolist() == [1, 1]
        for value in good:
            store(x, value)


def test_where_with_a_number_that_does_not_fit():
    mask, x = cr.tensor([True, False]), cr.zeros(2, dtype=cr.uint8)
    for call in (lambda: cr.where(mask, x, 300), lambda: cr.where(mask, -1, x)):
        with pytest.raises(ValueError, match="expected a value that fits uint8; got "):
            call()
    assert cr.where(mask, x, 255).tolist() == [0, 255]
    assert cr.where(mask, x, 300.0).tolist() == [0, 300]


def test_nesting_deeper_than_eight():
    data = 1.0
    for _ in range(8):
        data = [data]
    assert cr.tensor(data).dim() == 8
    loop = []
    loop.append(loop)
    for bad in ([data], loop):
        with pytest.raises(cr.ShapeError):
            cr.tensor(bad)


def test_tensor_keywords():
    t = cr.tensor([1, 2], dtype=cr.float64, device="cpu", requires_grad=True)
    assert t.requires_grad and t.dtype is cr.float64 and t.device == cr.device("cpu")
    copied = cr.tensor(t)
    assert copied.data_ptr() != t.data_ptr() and copied.is_leaf and not copied.requires_grad
    assert cr.tensor([1], dtype=float).dtype is cr.float64
    with pytest.raises(TypeError):
        cr.tensor([1], dtype="float32")
    with pytest.raises(RuntimeError):
        cr.tensor([1], requires_grad=True)
    for bad in ("cuda", "cuda:0", "tpu"):
        with pytest.raises((ValueError, RuntimeError), match="cpu"):
            cr.tensor([1.0], device=bad)


def test_constructor():
    assert cr.Tensor([1, 2]).dtype is cr.float32
    assert tuple(cr.Tensor(2, 3).shape) == (2, 3) and tuple(cr.Tensor().shape) == (0,)
    with pytest.raises(TypeError):
        cr.Tensor([1], dtype=cr.float64)
    with pytest.raises(ValueError):
        cr.Tensor(-1)
