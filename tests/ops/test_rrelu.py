"""rrelu: random slopes while training, their mean in evaluation."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import functional as F

pytestmark = pytest.mark.usefixtures("random_state")
SIZE = 200_001
DTYPES = {"float32": cr.float32, "float64": cr.float64}


def slopes(x, **settings):
    """What F.rrelu multiplied each element by."""
    return (F.rrelu(x, training=True, **settings) / x).numpy()


@pytest.mark.parametrize("dtype", DTYPES)
def test_slopes_are_uniform_below_zero_and_1_above(dtype):
    cr.manual_seed(3)
    x = cr.full((SIZE,), -1.0, dtype=DTYPES[dtype])
    drawn = slopes(x, lower=0.125, upper=0.375)
    assert drawn.min() >= 0.125 and drawn.max() <= 0.375
    shares = np.histogram(drawn, 8, (0.125, 0.375))[0] / SIZE
    np.testing.assert_allclose(shares, 1 / 8, atol=5 * np.sqrt(7 / 64 / SIZE))
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 5 / np.sqrt(SIZE)
    above = cr.tensor([0.5, 1.0, float("inf")])
    assert F.rrelu(above, training=True).tolist() == above.tolist()


def test_every_call_draws_and_a_seed_repeats():
    x = cr.full((64,), -1.0)
    cr.manual_seed(5)
    first, second = slopes(x), slopes(x)
    assert (first != second).any()
    cr.manual_seed(5)
    np.testing.assert_array_equal(slopes(x), first)
    own = cr.Generator().manual_seed(5)
    np.testing.assert_array_equal((-cr.rrelu(x, training=True, generator=own)).numpy(), first)
    cr.manual_seed(5)
    turned = x.reshape(8, 8).t()
    np.testing.assert_array_equal(slopes(turned).ravel(), first)


def test_threads_leave_no_trace():
    x, results = cr.full((SIZE,), -1.0), []
    for threads in (1, 2, 4):
        cr.set_num_threads(threads)
        cr.manual_seed(1)
        results.append(slopes(x).tobytes())
    cr.set_num_threads(1)
    assert len(set(results)) == 1


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_the_gradient_has_the_slopes_of_the_call(dtype):
    cr.manual_seed(7)
    x = cr.linspace(-2, 2, 41).to(getattr(cr, dtype)).requires_grad_()
    y = F.rrelu(x, training=True)
    (dx,) = cr.autograd.grad(y.sum(), x, retain_graph=True)
    below = (x.detach() < 0).numpy()
    np.testing.assert_allclose(
        (dx * x.detach()).float().numpy(), y.detach().float().numpy(), rtol=2**-7
    )
    assert (dx.float().numpy()[below] < 0.34).all() and (dx.float().numpy()[~below][1:] == 1).all()
    dy = cr.ones_like(x).requires_grad_()
    (first,) = cr.autograd.grad(y, x, dy, create_graph=True)
    (second,) = cr.autograd.grad(first.sum(), dy)
    np.testing.assert_array_equal(second.float().numpy(), dx.float().numpy())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("inplace", [False, True])
def test_captured_is_eager(training, inplace):
    module = cr.nn.RReLU(0.2, 0.4, inplace).train(training)

    def step(x):
        y = module(x * 1.0)
        return [y.detach(), *cr.autograd.grad(y.square().sum(), x)]

    x = cr.linspace(-2, 2, 33).requires_grad_()
    cr.manual_seed(9)
    want = [t.tolist() for _ in range(5) for t in step(x)]
    fast = cr.compile(step)
    cr.manual_seed(9)
    assert [t.tolist() for _ in range(5) for t in fast(x)] == want
    assert fast.stats["replays"] >= 2


def test_evaluation_takes_the_mean_and_draws_nothing():
    state = cr.get_rng_state().tolist()
    x = cr.tensor([-2.0, -0.0, 0.0, 3.0], dtype=cr.float64, requires_grad=True)
    y = F.rrelu(x, 0.1, 0.3)
    np.testing.assert_allclose(y.tolist(), [-0.4, 0, 0, 3], rtol=1e-15)
    np.testing.assert_allclose(cr.autograd.grad(y.sum(), x)[0].tolist(), [0.2, 0.2, 0.2, 1])
    assert cr.get_rng_state().tolist() == state


def test_in_place_and_what_is_refused():
    x = cr.full((5,), -1.0)
    assert F.rrelu(x, 0.5, 0.5, True, True) is x and x.tolist() == [-0.5] * 5
    assert x.rrelu_(0.5, 0.5) is x and x.tolist() == [-0.25] * 5
    assert F.rrelu(x[:0], training=True).shape == (0,)
    for call in (lambda: F.rrelu(x, 0.5, 0.25), lambda: cr.nn.RReLU(0.5, 0.25)):
        with pytest.raises(ValueError, match=r"lower <= upper; got 0.5 and 0.25"):
            call()
    with pytest.raises(TypeError, match="got int64"):
        F.rrelu(cr.ones(2, dtype=cr.int64), training=True)
    with pytest.raises(TypeError):
        F.rrelu([1.0])
