"""print(tensor) against PyTorch's, over many random tensors: equal but for the module's name."""

import re

import numpy as np
import pytest
import torch

import chainrule as cr

DTYPES = {"float32": np.float32, "float64": np.float64, "int64": np.int64, "int32": np.int32}
DTYPES |= {"uint8": np.uint8, "bool": np.bool_}


def normal(text):
    """Our module's longer name may move `dtype=...` to the next line; nothing else may differ."""
    return re.sub(r",\s+dtype=", ", dtype=", text.replace("chainrule.", "torch."))


def same_print(array):
    assert normal(repr(cr.from_numpy(array))) == normal(repr(torch.from_numpy(array)))


def random_array(rng):
    shape = tuple(rng.integers(0, 7, rng.integers(0, 5)))
    if rng.random() < 0.15:
        shape = tuple(rng.integers(6, 60, rng.integers(1, 4)))
    dtype = list(DTYPES)[rng.integers(len(DTYPES))]
    scale = 10.0 ** rng.integers(-9, 10)
    values = rng.standard_normal(shape) * scale
    kind = rng.integers(6)
    if kind == 0:
        values = np.round(values)
    elif kind == 1:
        values = np.where(rng.random(shape) < 0.3, 0, values)
    elif kind == 2:
        special = np.array([np.nan, np.inf, -np.inf])[rng.integers(0, 3, shape)]
        values = np.where(rng.random(shape) < 0.2, special, values)
    if not dtype.startswith("float"):
        values = np.clip(np.nan_to_num(values), -(2**31) + 1, 2**31 - 1)
    if dtype == "uint8":
        values = np.abs(values) % 256
    if dtype == "bool":
        values = values > 0
    return np.asarray(values).astype(DTYPES[dtype])


@pytest.mark.parametrize("seed", range(300))
def test_random_tensors(seed):
    same_print(random_array(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    "options",
    [
        {"precision": 2},
        {"precision": 8, "linewidth": 120},
        {"threshold": 5, "edgeitems": 1},
        {"threshold": 10, "edgeitems": 2, "sci_mode": True},
        {"sci_mode": False},
        {"profile": "short"},
        {"profile": "full", "linewidth": 40},
    ],
)
def test_options(seed, options):
    rng = np.random.default_rng(seed)
    cr.set_printoptions(**options)
    torch.set_printoptions(**options)
    try:
        same_print(random_array(rng))
    finally:
        cr.set_printoptions(profile="default")
        torch.set_printoptions(profile="default")


def both(make):
    return repr(make(cr)).replace("chainrule.", "torch."), repr(make(torch))


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t.tensor(1.5, requires_grad=True),
        lambda t: t.tensor([1.0, 2.0], requires_grad=True) * 2,
        lambda t: t.tensor([1.0, 2.0], requires_grad=True).double(),
        lambda t: t.tensor([], dtype=t.int64),
        lambda t: t.zeros(0, 3),
        lambda t: t.zeros(2, 0, dtype=t.float64),
        lambda t: t.tensor(True),
        lambda t: t.tensor(3, dtype=t.int32),
        lambda t: t.nn.Parameter(t.tensor([[1.0, 2.0]])),
        lambda t: t.nn.Parameter(t.zeros(2), requires_grad=False),
        lambda t: t.arange(2000.0),
        lambda t: t.arange(2000.0).reshape(50, 40).requires_grad_(),
        lambda t: t.zeros(30, 30, 30),
        lambda t: t.arange(24.0).reshape(2, 3, 4).transpose(0, 2),
        lambda t: t.ones(2, 2).max(dim=1),
        lambda t: t.tensor([1e-5, 1.0]),
        lambda t: t.tensor([1e10, 1.5]),
        lambda t: t.tensor(float("nan")),
        lambda t: t.tensor([float("inf"), 1]),
        lambda t: t.full((20,), 123456.789),
        lambda t: t.full((3,), 1e-3, dtype=t.float64, requires_grad=True),
        lambda t: t.ones(3).to(t.bfloat16),
    ],
)
def test_cases(make):
    ours, theirs = both(make)
    if (
        "grad_fn" in theirs and "MulBackward0" not in theirs
    ):  # names of nodes are each library's own
        ours, theirs = (s.partition("grad_fn")[0] for s in (ours, theirs))
    assert ours == theirs


def test_default_dtype_is_not_shown():
    cr.set_default_dtype(cr.float64)
    torch.set_default_dtype(torch.float64)
    try:
        ours, theirs = both(lambda t: [t.tensor([1.0]), t.tensor([1.0], dtype=t.float32)])
        assert ours == theirs
    finally:
        cr.set_default_dtype(cr.float32)
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "make",
    [
        lambda t: str(t.tensor([1.0])),
        lambda t: str(t.tensor(1.5)),
        lambda t: f"{t.tensor(1.23456):.2f}",
        lambda t: f"{t.tensor(3.14159)} {t.tensor(3)} {t.tensor(True)} {t.tensor(float('nan'))}",
        lambda t: f"{t.tensor(0.1, requires_grad=True) * 2} {t.tensor(0.1, dtype=t.float64):>30}",
        lambda t: f"{t.tensor([1.0])} {t.zeros(0)} {t.nn.Parameter(t.tensor(1.5))}",
    ],
)
def test_str_and_format(make):
    assert make(cr) == make(torch)
