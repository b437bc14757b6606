"""Casts that instruction sets have code of their own for."""

import numpy as np
import pytest

import chainrule as cr

BYTES = np.arange(600, dtype=np.int64).astype(np.uint8)


@pytest.mark.parametrize("length", [0, 1, 3, 15, 16, 17, 33, 64, 100, 127, 300])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("begin", [0, 1])
def test_bytes_become_float32(isa, begin, step, length):
    part = BYTES[begin:][::step][:length]
    got = cr.from_numpy(part).to(cr.float32).numpy()
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, part.astype(np.float32), strict=True)
