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
