"""Zero is absorbing in backward: a derivative that is not finite never turns a zero into NaN."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import functional as F

INF, NAN = float("inf"), float("nan")


def leaf(values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


# The operation and a place where its derivative is infinite or undefined.
SINGULAR = {
    "log": (cr.log, 0.0),
    "log2": (cr.log2, 0.0),
    "log10": (cr.log10, 0.0),
    "log1p": (cr.log1p, -1.0),
    "sqrt": (cr.sqrt, 0.0),
    "sqrt of a negative": (cr.sqrt, -1.0),
    "rsqrt": (cr.rsqrt, 0.0),
    "reciprocal": (cr.reciprocal, 0.0),
    "division": (lambda x: 1.0 / x, 0.0),
    "divided by nan": (lambda x: x / (x * NAN).detach(), 1.0),
    "pow below 1": (lambda x: x**0.5, 0.0),
    "pow negative": (lambda x: x**-1.5, 0.0),
    "base 0": (lambda x: (x * 0).detach() ** x, -1.0),
    "exp overflow": (cr.exp, 1000.0),
    "expm1 overflow": (cr.expm1, 1000.0),
    "atan2": (lambda x: cr.atan2(x, (x * 0).detach()), 0.0),
    "tan": (cr.tan, INF),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_a_zero_incoming_gradient_stays_zero(name):
    function, point = SINGULAR[name]
    x = leaf([point, 0.75])
    y = function(x)
    y.backward(cr.tensor([0.0, 0.0], dtype=cr.float64))
    np.testing.assert_array_equal(x.grad.numpy(), [0.0, 0.0])


@pytest.mark.parametrize("name", SINGULAR)
def test_where_hides_a_singularity(name):
    function, point = SINGULAR[name]
    x = leaf([point, 0.75])
    safe = cr.tensor([False, True])
    cr.where(safe, function(x), 2.0).sum().backward()
    alone = leaf([0.75])
    function(alone).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0.0, alone.grad.item()], rtol=1e-15)


@pytest.mark.parametrize("name", SINGULAR)
def test_the_tangent_through_two_backwards_survives_a_zero_gradient(name):
    """JVP = derivative of <VJP(v), u> by v, at v = 0: where() in absorb's rule would make it 0."""
    function, point = SINGULAR[name]
    x, v = leaf([point, 0.75]), leaf([0.0, 0.0])
    (vjp,) = cr.autograd.grad([function(x)], [x], [v], create_graph=True)
    np.testing.assert_array_equal(vjp.detach().numpy(), [0.0, 0.0])
    u = cr.tensor([0.0, 2.0], dtype=cr.float64)
    (jvp,) = cr.autograd.grad([vjp], [v], [u])
    alone = leaf([0.75])
    function(alone).sum().backward()
    np.testing.assert_allclose(jvp.numpy(), [0.0, 2.0 * alone.grad.item()], rtol=1e-14)


def of_one_tensor():
    """Names and functions of all operations that take one tensor and are differentiable."""
    for op in cr._core._op_table():
        if not op["differentiable"]:
            continue
        for name in {signature.split("(")[0] for signature in op["signatures"]}:
            for place in (cr, F, cr.linalg, cr.Tensor):
                if hasattr(place, name):
                    yield name, getattr(place, name)
                    break


def results(function, x):
    """What it makes of x, with a dimension where it wants one; nothing if it wants more."""
    for more in ((), (-1,)):
        try:
            y = function(x, *more)
        except (TypeError, ValueError):
            continue
        return [t for t in (y if isinstance(y, tuple) else (y,)) if t.requires_grad]
    return []


@pytest.mark.parametrize("value", [INF, -INF, NAN, 0.0, -1.0, 1.0])
def test_no_operation_makes_nan_of_a_zero_gradient(value):
    names = set()
    for name, function in of_one_tensor():
        x = cr.full((2, 3), value, dtype=cr.float64, requires_grad=True)
        for y in results(function, x):
            (dx,) = cr.autograd.grad([y], [x], [cr.zeros_like(y)], retain_graph=True)
            np.testing.assert_array_equal(dx.numpy(), np.zeros((2, 3)), name)
            names.add(name)
    assert len(names) > 80 and {"square", "sin", "norm", "std", "softmax", "tanh", "prod"} <= names


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss])
def test_masked_labels_that_are_missing(loss):
    x, target = leaf([1.0, 2.0]), cr.tensor([NAN, 2.5], dtype=cr.float64)
    each = loss(x, target, reduction="none")
    cr.where(target.isnan(), 0.0, each).sum().backward()
    assert x.grad[0].item() == 0 and x.grad[1].isfinite().item() and x.grad[1].item() != 0


@pytest.mark.parametrize("loss", [F.mse_loss, F.half_mse_loss, F.smooth_l1_loss, F.huber_loss])
def test_an_infinite_incoming_gradient_meets_a_zero_second_one(loss):
    """Both in the squared part, whose second derivative reads the first gradient."""
    x, target, dy = leaf([1.0, 0.5]), leaf([0.75, 0.25]), leaf([INF, INF])
    each = loss(x, target, reduction="none")
    first = cr.autograd.grad([each], [x, target], [dy], create_graph=True)
    for g in first:
        zeros = cr.zeros(2, dtype=cr.float64)
        for second in cr.autograd.grad([g], [x, target], [zeros], retain_graph=True):
            np.testing.assert_array_equal(second.numpy(), [0, 0])


def test_a_finite_incoming_gradient_meets_the_infinite_slope():
    x = leaf([0.0])
    cr.sqrt(x).backward()
    assert x.grad.item() == INF
    x = leaf([0.0])
    cr.log(x).backward()
    assert x.grad.item() == INF


def test_unchosen_values_take_no_part():
    x = leaf([INF, -INF, NAN, 0.5])
    x.clamp(-1, 1).backward(cr.ones(4, dtype=cr.float64))
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0, 1])
    x = leaf([[-INF, 0.5], [1.0, -INF]])
    x.max(1).values.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0, 1], [1, 0]])
    x = leaf([INF, 2.0])
    (x / cr.tensor([INF, 1.0], dtype=cr.float64)).masked_fill(
        cr.tensor([True, False]), 0.0
    ).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 1])
    x = leaf([-INF, 1.0])
    F.relu(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 1])


def test_cross_entropy_at_certain_and_ignored_rows():
    x = leaf([[1000.0, 0.0], [0.0, 1000.0], [INF, NAN]])
    target = cr.tensor([0, 0, -100])
    losses = F.cross_entropy(x, target, reduction="none")
    np.testing.assert_array_equal(losses.detach().numpy(), [0, 1000, 0])
    losses.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0, 0], [-1, 1], [0, 0]])
    x = leaf([[INF, 0.0], [1.0, 2.0]])
    F.cross_entropy(x, cr.tensor([0, 1]), reduction="none")[1].backward()
    assert x.grad[0].tolist() == [0, 0] and np.isfinite(x.grad.numpy()).all()


def test_norms_and_deviations_at_zero():
    for function in (cr.norm, cr.linalg.vector_norm, lambda x: cr.std(x), lambda x: cr.norm(x, 3)):
        x = leaf([0.0, 0.0, 0.0])
        function(x).backward()
        np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0])


def test_second_derivatives_at_a_masked_singularity():
    x = leaf([0.0, 4.0])
    y = cr.where(cr.tensor([False, True]), cr.sqrt(x), 0.0).sum()
    (first,) = cr.autograd.grad([y], [x], create_graph=True)
    (second,) = cr.autograd.grad([first.sum()], [x])
    np.testing.assert_allclose(first.detach().numpy(), [0, 0.25])
    np.testing.assert_allclose(second.numpy(), [0, -1 / 32])
