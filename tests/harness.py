"""Runs cases: finds the operation, lays inputs out in memory, compares with the twin."""

import functools
import math
import os

import numpy as np

import chainrule as cr
from chainrule import _core

# All of this build and processor, or the one that CHAINRULE_ISA asks for.
ISAS = [_core._isa()] if os.environ.get("CHAINRULE_ISA") else _core._available_isas().split(", ")


def resolve(name):
    """The callable behind a case's name; `Tensor.x` is the method."""
    return functools.reduce(getattr, name.split("."), cr)


def seed_of(case, index):
    """The same numbers in every process: Python's hash is salted."""
    return [index, *case.id.encode()]


def make_inputs(case, index, dtype):
    """The arrays of one sample."""
    rng = np.random.default_rng(seed_of(case, index))
    return [spec.make(rng, dtype) for spec in case.samples[index].inputs()]


# ---- Layouts: the same elements, placed differently in memory.
def dense(array):
    return cr.tensor(array)


def strided(array):
    """Every second element of the last dimension of something larger."""
    if array.ndim == 0:
        return cr.tensor(np.stack([array, array]))[1]
    wide = np.repeat(array, 2, axis=-1)
    if array.dtype.kind == "f":
        wide[..., 1::2] = np.nan
    return cr.tensor(wide)[..., ::2]


def transposed(array):
    """Dimensions stored in reverse order."""
    axes = tuple(range(array.ndim))[::-1]
    return cr.tensor(np.array(array.transpose(axes), order="C")).permute(axes)


def misaligned(array):
    """Dense, but one element after an aligned address."""
    flat = np.concatenate([array.ravel()[:1], array.ravel()]) if array.size else array.ravel()
    return cr.tensor(flat)[1:].reshape(array.shape) if array.size else cr.tensor(array)


LAYOUTS = (dense, strided, transposed, misaligned)


def to_numpy(value):
    return value.detach().numpy() if isinstance(value, cr.Tensor) else np.asarray(value)


def outputs_of(result):
    return list(result) if isinstance(result, tuple | list) else [result]


def run(case, index, arrays, layout=dense, function=None):
    """The operation's results as tensors (or Python values), and the inputs it saw."""
    tensors = [layout(a) for a in arrays]
    args, kwargs = case.samples[index].fill(tensors)
    return outputs_of((function or resolve(case.name))(*args, **kwargs)), tensors


def run_twin(case, index, arrays, wide=np.longdouble):
    """The twin's results, floating inputs in extended precision."""
    exact = [a.astype(wide) if a.dtype.kind == "f" else a for a in arrays]
    args, kwargs = case.samples[index].fill(exact)
    with np.errstate(all="ignore"):
        return [np.asarray(v) for v in outputs_of(case.twin(*args, **kwargs))]


def magnitude(*arrays):
    """The largest finite absolute value among floating arrays."""
    top = 0.0
    for a in arrays:
        if a.dtype.kind == "f" and a.size:
            finite = np.abs(a[np.isfinite(a)])
            top = max(top, float(finite.max(initial=0)))
    return top


def compare(case, got, want, dtype, inputs, where):
    """Fails unless `got` is right in shape, dtype and within the case's stated error of `want`."""
    assert got.shape == want.shape, f"{where}: shape {got.shape}, the twin gives {want.shape}"
    if want.dtype.kind != "f":
        assert got.dtype == want.dtype, f"{where}: dtype {got.dtype}, the twin gives {want.dtype}"
        np.testing.assert_array_equal(got, want, err_msg=where)
        return
    assert got.dtype == np.dtype(dtype), f"{where}: dtype {got.dtype} in a {dtype} run"
    rounded = want.astype(dtype)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(rounded), err_msg=f"{where}: NaN")
    infinite = np.isinf(rounded)
    np.testing.assert_array_equal(got[infinite], rounded[infinite], err_msg=f"{where}: infinity")
    finite = np.isfinite(rounded)
    error = np.abs(got[finite].astype(np.longdouble) - want[finite])
    info = np.finfo(dtype)
    # Half an ULP of a number just below a power of two is a quarter of the ULP above it.
    bound = case.ulp * 1.001 * np.spacing(np.abs(rounded[finite])).astype(np.longdouble)
    bound = bound + case.scale * info.eps * magnitude(*inputs, want)
    worst = error - bound
    if (worst > 0).any():
        at = int(np.argmax(worst))
        raise AssertionError(
            f"{where}: error {float(error[at]):.3g} where {float(bound[at]):.3g} is stated; "
            f"got {got[finite][at]!r}, the twin gives {want[finite][at]!r}"
        )


def check(case, index, dtype, layout=dense):
    """One sample in one layout against the twin; inputs must stay as they were."""
    arrays = make_inputs(case, index, dtype)
    want = run_twin(case, index, arrays)
    results, tensors = run(case, index, arrays, layout)
    where = f"{case.id}[{index}] {layout.__name__} {case.samples[index]}"
    assert len(results) == len(want), f"{where}: {len(results)} results for {len(want)}"
    for i, (got, exact) in enumerate(zip(results, want, strict=True)):
        compare(case, to_numpy(got), exact, dtype, arrays, f"{where} result {i}")
    for array, tensor in zip(arrays, tensors, strict=True):
        np.testing.assert_array_equal(array, tensor.numpy(), err_msg=f"{where}: an input changed")
    return results


def bits(results):
    """Results as bytes, for comparisons to the last bit."""
    return [(to_numpy(r).shape, to_numpy(r).tobytes()) for r in results]


def over_threads(call):
    """The result of `call` as an array, with the same bits on 1, 2 and 4 threads."""
    before, results = cr.get_num_threads(), []
    try:
        for n in (1, 2, 4):
            cr.set_num_threads(n)
            results.append(call().numpy())
    finally:
        cr.set_num_threads(before)
    assert len({r.tobytes() for r in results}) == 1
    return results[0]


def relative(difference, scale):
    return abs(difference) / scale if scale > 0 and math.isfinite(scale) else abs(difference)
