"""Products whose few elements are long sums, which threads share by blocks of k: the bits do not
depend on how many there are."""

import numpy as np
import pytest

import chainrule as cr
import chainrule.nn.functional as F
import harness

DTYPES = [cr.float32, cr.float64]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("m", "n", "k"),
    # Blocks of 512: whole ones and a rest, more than are kept at once, the most elements, few.
    [
        (32, 4, 10_000),
        (16, 32, 2048),
        (17, 33, 2049),
        (7, 5, 40_001),
        (64, 64, 2_500),
        (1, 1, 600_000),
    ],
)
def test_layouts(m, n, k, dtype):
    a, b = cr.randn(m, k, dtype=dtype), cr.randn(k, n, dtype=dtype)
    expected = a.numpy().astype(np.float64) @ b.numpy().astype(np.float64)
    for left in (a, a.t().contiguous().t()):
        for right in (b, b.t().contiguous().t()):
            got = harness.over_threads(lambda left=left, right=right: left @ right)
            scale = 1e-4 if dtype == cr.float32 else 1e-12
            np.testing.assert_allclose(got, expected, atol=scale * k**0.5, rtol=0)


def test_operands_that_are_copied_first():
    a, b = cr.randn(12, 3, 9000)[:, 1].expand(12, 9000), cr.randn(2 * 9000, 14)[::2]
    dense = harness.over_threads(lambda: a.contiguous() @ b[:, ::2].contiguous())
    assert harness.over_threads(lambda: a @ b[:, ::2]).tobytes() == dense.tobytes()
    batch = harness.over_threads(lambda: a[:, None] @ b[:, ::2])
    assert batch.tobytes() == dense.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_a_layer(isa, dtype):
    """Eager and captured, with the sums of the bias and with what follows on the gradient."""
    x, target = cr.randn(20_000, 6, dtype=dtype), cr.randn(20_000, 5, dtype=dtype)
    w = cr.randn(5, 6, dtype=dtype).requires_grad_()
    b = cr.randn(5, dtype=dtype).requires_grad_()

    def step(x, target):
        w.grad = b.grad = None
        loss = F.mse_loss(F.linear(x, w, b).tanh(), target)
        (loss + 0.01 * w.square().sum()).backward()

    compiled = cr.compile(step)
    for _ in range(3):
        compiled(x, target)

    def gradients(f):
        f(x, target)
        return cr.cat([w.grad.flatten(), b.grad])

    eager = harness.over_threads(lambda: gradients(step))
    assert harness.over_threads(lambda: gradients(compiled)).tobytes() == eager.tobytes()
    assert compiled.stats["replays"] >= 4


@pytest.mark.parametrize("bias", [True, False])
def test_long_rows_of_a_linear_layer(bias):
    x, w = cr.randn(30, 8000), cr.randn(40, 8000)
    b = cr.randn(40) if bias else None
    compiled = cr.compile(lambda x: F.linear(x, w, b))
    with cr.no_grad():
        for _ in range(3):
            compiled(x)
        eager = harness.over_threads(lambda: F.linear(x, w, b))
        assert harness.over_threads(lambda: compiled(x)).tobytes() == eager.tobytes()


def test_peak_bytes_know_the_scratch_memory():
    a, b = cr.randn(4, 50_000), cr.randn(50_000, 3)
    compiled = cr.compile(lambda a, b: a @ b)
    with cr.no_grad():
        for _ in range(3):
            compiled(a, b)
    assert 32 * 64 <= compiled.program.peak_bytes <= 32 * 128 + 64
