"""Padding beside PyTorch: layers, and the function with random sizes, numbers and dtypes."""

import math
import random

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import compare_modules

LAYERS = [
    (lambda nn: nn.ZeroPad1d(2), (2, 3, 5)),
    (lambda nn: nn.ZeroPad2d((1, 2, 0, -3)), (2, 3, 5, 6)),
    (lambda nn: nn.ZeroPad3d(1), (3, 5, 6, 2)),
    (lambda nn: nn.ConstantPad1d((1, -2), 3.5), (7,)),
    (lambda nn: nn.ConstantPad2d(1, 1), (2, 3, 5)),
    (lambda nn: nn.ConstantPad3d((1, 2, 3, 4, 5, 6), -1), (2, 3, 2, 1, 2)),
    (lambda nn: nn.ReflectionPad1d((3, 1)), (2, 3, 5)),
    (lambda nn: nn.ReflectionPad2d((3, 1, 0, 2)), (3, 5, 6)),
    (lambda nn: nn.ReflectionPad3d((1, 0, 2, 1, 1, 1)), (2, 3, 2, 3, 4)),
    (lambda nn: nn.ReplicationPad1d(6), (3, 5)),
    (lambda nn: nn.ReplicationPad2d((3, -1, 0, 2)), (2, 3, 5, 6)),
    (lambda nn: nn.ReplicationPad3d(2), (3, 2, 3, 4)),
    (lambda nn: nn.CircularPad1d((5, 4)), (2, 3, 5)),
    (lambda nn: nn.CircularPad2d((3, -1, 0, 2)), (2, 3, 5, 6)),
    (lambda nn: nn.CircularPad3d((1, 2, 3, 1, 2, 0)), (2, 3, 2, 3, 4)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers(make, shape):
    assert repr(make(cr.nn)) == repr(make(torch.nn))
    compare_modules(make, [np.random.default_rng(0).normal(size=shape)])


def call(lib, x, dtype, *args):
    """The result as float64, or the error."""
    try:
        y = lib.nn.functional.pad(lib.tensor(x).to(getattr(lib, dtype)), *args)
        assert y.dtype is getattr(lib, dtype)
        return y.to(lib.float64).numpy()
    except (ValueError, RuntimeError, TypeError) as error:
        return error


def differs_by_choice(x, pad, mode, dtype):
    """What docs/divergences.md says of padding."""
    if mode in ("reflect", "replicate") and dtype == "bool":
        return True
    sides = [
        (n, *p) for n, p in zip(x.shape[::-1], zip(pad[::2], pad[1::2], strict=True), strict=False)
    ]
    if mode == "circular":
        return any(max(b, a) > n + min(b, 0) + min(a, 0) for n, b, a in sides)
    first = x.shape[: x.ndim - len(sides)]
    return mode != "constant" and (0 in (*x.shape, *first) or any(sum(s) == 0 for s in sides))


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_the_function(mode):
    """Where both take a call, both give the same; and both take the same calls but for the chosen."""
    rng = random.Random(0)
    compared = refused = 0
    for _ in range(500):
        dims = rng.randrange(6)
        shape = [
            rng.choice((0, 1, 2, 3, 4) if rng.random() < 0.1 else (1, 2, 3, 4)) for _ in range(dims)
        ]
        padded = (
            rng.randrange(dims + 2) if rng.random() < 0.3 else max(1, dims - rng.choice((1, 2)))
        )
        pad = tuple(
            rng.randrange(-2, 4) if rng.random() < 0.4 else rng.randrange(3)
            for _ in range(2 * padded)
        )
        dtype = rng.choice(("float32", "float64", "bfloat16", "int64", "int32", "uint8", "bool"))
        x = (np.arange(np.prod(shape, dtype=int)) % 7).reshape(shape)
        value = rng.choice((None, 0, 1, 2.0)) if mode == "constant" else None
        got, want = (call(lib, x, dtype, pad, mode, value) for lib in (cr, torch))
        if isinstance(got, Exception) or isinstance(want, Exception):
            both = isinstance(got, Exception) and isinstance(want, Exception)
            assert both or differs_by_choice(x, pad, mode, dtype), (shape, pad, dtype, got, want)
            refused += both
        else:
            np.testing.assert_array_equal(got, want, err_msg=f"{shape} {pad} {dtype}")
            compared += 1
    assert compared > 50 and refused > 50


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("value", [0.5, 1.7, -0.5, 255.9, 300, -1.7, math.nan, math.inf])
def test_a_value_is_cut_to_the_dtype(dtype, value):
    results = []
    for lib in (cr, torch):
        x = lib.tensor([3, 4]).to(getattr(lib, dtype))
        rows = [x, x[:1]]
        for act in (
            lambda nn, x, _: nn.functional.pad(x, (1, 1), value=value),
            lambda nn, x, _: nn.ConstantPad1d(1, value)(x),
            lambda nn, _, rows: nn.utils.rnn.pad_sequence(rows, padding_value=value),
        ):
            try:
                results.append(act(lib.nn, x, rows).tolist())
            except (ValueError, RuntimeError):
                results.append("refused")
    if dtype == "uint8" and value in (-0.5, 255.9):  # in docs/divergences.md, as all such numbers
        left = int(value)
        assert results[:3] == [[left, 3, 4, left]] * 2 + [[[3, 3], [4, left]]]
        assert results[3:] == ["refused"] * 3
    else:
        assert results[:3] == results[3:]


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_sequences(batch_first, side):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, 2)) for n in (3, 0, 4, 1)]
    results = []
    for lib in (cr, torch):
        utils = lib.nn.utils.rnn
        rows = [lib.tensor(a).requires_grad_() for a in arrays]
        padded = utils.pad_sequence(rows, batch_first, 2.5, padding_side=side)
        padded.pow(3).sum().backward()
        back = utils.unpad_sequence(padded.detach().clone(), lib.tensor([3, 0, 4, 1]), batch_first)
        results.append([t.detach().numpy() for t in (padded, *(r.grad for r in rows), *back)])
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)


def test_divergences_of_sequences():
    row = torch.ones(2, 1)
    assert torch.nn.utils.rnn.pad_sequence([torch.ones(2, 3), row]).shape == (2, 2, 3)
    assert torch.nn.utils.rnn.pad_sequence([row.long(), row + 0.5]).dtype is torch.int64
    padded = torch.ones(3, 2)
    assert len(torch.nn.utils.rnn.unpad_sequence(padded, torch.tensor([9, -1]))[0]) == 3
    assert padded.shape == (2, 3)  # turned round
