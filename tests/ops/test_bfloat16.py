"""bfloat16 in every operation: the float32 result, rounded once to nearest even.

A NumPy twin rounds; results are compared with the rounded results of the same operation on the same
numbers in float32, which ops/test_ops_matrix.py compares with its twins. What is composed of
several roundings states how far it may be from that.
"""

import numpy as np
import pytest

import chainrule as cr
import harness
from cases import all_cases
from optim_family import ANY_SHAPE

CASES = [case for case in all_cases() if "float32" in case.dtypes]

# Put together from a product that is rounded and a sum: how far from the float32 result, in units
# of 2^-8 of the largest number around.
ROUNDED_STEPS = dict.fromkeys(["addmm", "baddbmm", "addbmm", "nn.functional.linear"], 2)


def rounded(array):
    """float32 numbers to the nearest that bfloat16 has, ties to even."""
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32).astype(np.uint64)
    up = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    quiet = (bits | 0x400000) & 0xFFFF0000
    kept = np.where(np.isnan(array), quiet, up).astype(np.uint32)
    return kept.view(np.float32).reshape(np.shape(array))


def strided(t):
    return cr.stack([t, cr.full_like(t, 3)], -1)[..., 0]


def transposed(t):
    order = tuple(range(t.dim()))[::-1]
    return t.permute(order).clone().permute(order)


def misaligned(t):
    flat = t.reshape(-1)
    return cr.cat([flat[:1], flat])[1:].reshape(t.shape) if t.numel() else t


LAYOUTS = (lambda t: t, strided, transposed, misaligned)


def inputs_of(case, index):
    """The sample's inputs, floating ones as float32 numbers that bfloat16 has."""
    arrays = harness.make_inputs(case, index, "float32")
    return [rounded(a) if a.dtype == np.float32 else a for a in arrays]


def call(case, index, tensors):
    args, kwargs = case.samples[index].fill(tensors)
    return harness.outputs_of(harness.resolve(case.name)(*args, **kwargs))


def halves(tensors):
    return [t.bfloat16() if t.dtype == cr.float32 else t for t in tensors]


def wide(value):
    """A result as an array."""
    if isinstance(value, cr.Tensor) and value.dtype == cr.bfloat16:
        value = value.float()
    return harness.to_numpy(value)


def compare(case, got, want, where):
    if not isinstance(want, cr.Tensor) or want.dtype != cr.float32:
        np.testing.assert_array_equal(wide(got), wide(want), err_msg=where)
        return
    assert got.dtype == cr.bfloat16, where
    got, want = wide(got), rounded(wide(want))
    units = ROUNDED_STEPS.get(case.id)
    if units is None:
        np.testing.assert_array_equal(got, want, err_msg=where)
        return
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite], err_msg=where)
    error = np.abs(got[finite].astype(np.float64) - want[finite])
    bound = units * 2.0**-8 * harness.magnitude(want)
    assert (error <= bound).all(), f"{where}: {error.max()} where {bound} is stated"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_results_are_those_of_float32_rounded(case, isa):
    for index in range(len(case.samples)):
        arrays = inputs_of(case, index)
        want = call(case, index, [cr.tensor(a) for a in arrays])
        where = f"{case.id}[{index}] {case.samples[index]}"
        for layout in LAYOUTS[:1] if case.dense else LAYOUTS:
            tensors = halves([cr.tensor(a) for a in arrays])
            got = call(case, index, [layout(t) if t.dtype == cr.bfloat16 else t for t in tensors])
            for mine, other in zip(got, want, strict=True):
                compare(case, mine, other, where)


@pytest.mark.parametrize("case", [c for c in CASES if c.replays], ids=lambda c: c.id)
def test_replays_have_the_bits_of_eager_calls(case, isa):
    for index in range(len(case.samples)):
        tensors = halves([cr.tensor(a) for a in inputs_of(case, index)])
        eager = call(case, index, tensors)
        args, kwargs = case.samples[index].fill(tensors)
        step = cr.compile(harness.resolve(case.name))
        for _ in range(3):
            replayed = harness.outputs_of(step(*args, **kwargs))
        assert step.stats["replays"] >= 1, case.samples[index]
        for mine, other in zip(replayed, eager, strict=True):
            assert wide(mine).tobytes() == wide(other).tobytes(), case.samples[index]


def matrix(rng, shape, transposed=False):
    """Numbers that float32 has, dense or as the transpose of a dense matrix."""
    if not transposed:
        return cr.tensor(rng.normal(size=shape).astype("float32"))
    return cr.tensor(rng.normal(size=shape[::-1]).astype("float32")).T


SIZES = [(1, 1, 1), (5, 7, 3), (17, 33, 49), (64, 785, 96), (33, 1027, 10), (200, 64, 130)]


@pytest.mark.parametrize("m, k, n", SIZES)
@pytest.mark.parametrize("turned", [(False, False), (False, True), (True, False)])
def test_operands_are_rounded_as_they_are_read(m, k, n, turned, isa):
    """The forms that autocast uses give what casts and a product of bfloat16 give."""
    ops, rng = cr._core._ops, np.random.default_rng(m * k * n)
    a, b = matrix(rng, (m, k), turned[0]), matrix(rng, (k, n), turned[1])
    a = a.T.bfloat16().T if turned[0] else a.bfloat16()  # as it lies
    want = ops.product(a, b.T.bfloat16().T if turned[1] else b.bfloat16())
    assert wide(ops.product_bfloat16(a, b, cr.bfloat16)).tobytes() == wide(want).tobytes()
    sums = ops.product_bfloat16(a, b, cr.float32)
    assert sums.dtype == cr.float32
    assert wide(sums.bfloat16()).tobytes() == wide(want).tobytes()
    exact = a.double().numpy() @ b.bfloat16().double().numpy()
    size = np.abs(a.double().numpy()) @ np.abs(b.double().numpy())
    assert (np.abs(sums.numpy() - exact) <= 2.0**-24 * (k + 2) * size).all()


@pytest.mark.parametrize("with_bias", [False, True])
def test_linear_layers_from_float32_weights(with_bias, isa):
    rng = np.random.default_rng(5)
    x, w = matrix(rng, (21, 37)).bfloat16(), matrix(rng, (19, 37)).requires_grad_()
    bias = matrix(rng, (1, 19))[0].requires_grad_() if with_bias else None
    halves = [w.bfloat16(), bias.bfloat16() if with_bias else None]
    want = cr.nn.functional.linear(x, *halves)
    got = cr._core._ops.linear_rows_bfloat16(x, w, bias)
    assert got.dtype == cr.bfloat16 and wide(got).tobytes() == wide(want).tobytes()
    dy = matrix(rng, (21, 19)).bfloat16()
    leaves = [w, bias][: 1 + with_bias]
    for mine, other in zip(
        cr.autograd.grad(got, leaves, dy), cr.autograd.grad(want, leaves, dy), strict=True
    ):
        assert mine.dtype == other.dtype == cr.float32
        np.testing.assert_array_equal(rounded(mine.numpy()), other.numpy())


@pytest.mark.parametrize("threads", [2, 3])
def test_products_have_the_same_bits_for_any_number_of_threads(threads, isa):
    rng, before = np.random.default_rng(1), cr.get_num_threads()
    a, b = matrix(rng, (300, 500)).bfloat16(), matrix(rng, (500, 700)).bfloat16()
    try:
        cr.set_num_threads(1)
        want = a @ b
        cr.set_num_threads(threads)
        assert wide(a @ b).tobytes() == wide(want).tobytes()
    finally:
        cr.set_num_threads(before)


def test_numbers_that_bfloat16_would_round_are_taken_as_they_are():
    x = cr.tensor([1.0, 3.0, -5.0]).bfloat16()
    for call in (lambda x: x * 0.1, lambda x: 0.1 - x, lambda x: x / 3.3, lambda x: x + 1e-3):
        np.testing.assert_array_equal(wide(call(x)), rounded(wide(call(x.float()))))
    y = x.clone()
    y.mul_(0.1)
    assert y.tolist() == (x * 0.1).tolist()
    assert (x > 0.1).dtype == cr.bool and x.dtype == (x * 0.1).dtype == cr.bfloat16


def test_printing_and_leaving():
    x = cr.tensor([1.0, 2.5]).bfloat16()
    assert repr(x) == "tensor([1.0000, 2.5000], dtype=chainrule.bfloat16)"
    assert x.tolist() == [1.0, 2.5] and x.sum().item() == 3.5 and float(x[1]) == 2.5
    with pytest.raises(cr.DtypeError, match=r"\[numpy\] .* bfloat16. Use float\(\) first"):
        x.numpy()


@pytest.mark.parametrize("name, flags", ANY_SHAPE.items())
def test_parameters_of_bfloat16_are_updated_in_float32_and_rounded(name, flags, isa):
    w = cr.tensor(rounded(np.linspace(-2, 2, 37).astype("float32"))).bfloat16()
    wide_w = w.float()
    w.requires_grad_(), wide_w.requires_grad_()
    g = cr.tensor(rounded(np.cos(np.arange(37)).astype("float32")))
    if name == "Adafactor":  # whose None is the eps of each dtype
        flags = {"eps": (1e-7, 1.0)}
    w.grad, wide_w.grad = g.bfloat16(), g
    for p in (w, wide_w):
        getattr(cr.optim, name)([p], lr=0.05, **flags).step()
    np.testing.assert_array_equal(wide(w.detach()), rounded(wide_w.detach().numpy()))


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (-3.0, -1.0), (0.5, 1.5)])
def test_random_numbers(low, high):
    x = cr.empty(5000, dtype=cr.bfloat16).uniform_(low, high).float()
    assert low <= x.min().item() and x.max().item() < high
    assert abs(x.mean().item() - (low + high) / 2) < 0.05 * (high - low)
    z = cr.randn(5000, dtype=cr.bfloat16)
    assert z.dtype == cr.bfloat16 and abs(z.float().std().item() - 1) < 0.05
    kept = cr.dropout(cr.ones(5000, dtype=cr.bfloat16), 0.25).float()
    assert set(kept.tolist()) == {0.0, float(rounded(np.float32(1 / 0.75)))}


def test_subnormal_numbers_in_products(isa):
    """The dot instructions take them as 0; every other way counts them."""
    tiny = cr.full((4, 4), 2.0**-130, dtype=cr.bfloat16)
    ones = cr.ones(4, 4, dtype=cr.bfloat16)
    got = (tiny @ ones).float().tolist()[0][0]
    assert got in (0.0, 2.0**-128) and ((tiny * ones).float() == 2.0**-130).all()
    if isa != "v4":
        assert got == 2.0**-128
