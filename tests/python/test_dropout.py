"""Dropout in its forms: whole channels, SELU's, the deck's; in captures, with gradients."""

import math
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

F = nn.functional
FORMS = [
    (nn.Dropout, (6, 4)),
    (lambda *args: nn.Dropout(*args, scale_at_test=True), (6, 4)),
    (nn.Dropout1d, (6, 4, 3)),
    (nn.Dropout2d, (6, 4, 3, 2)),
    (nn.Dropout3d, (6, 4, 3, 2, 2)),
    (nn.AlphaDropout, (6, 4)),
    (nn.FeatureAlphaDropout, (6, 4, 3)),
]
IDS = ["plain", "deck", "1d", "2d", "3d", "alpha", "feature alpha"]


def mask(seed, shape, p=0.5):
    """Where `dropout` keeps after manual_seed(seed)."""
    cr.manual_seed(seed)
    kept = F.dropout(cr.ones(*shape), p).numpy() != 0
    cr.manual_seed(seed)
    return kept


@pytest.mark.parametrize(
    ("function", "shape", "leading"),
    [
        (F.dropout1d, (20, 9, 5), 2),
        (F.dropout1d, (9, 5), 1),
        (F.dropout2d, (20, 9, 5, 2), 2),
        (F.dropout3d, (20, 9, 5, 2, 3), 2),
        (F.dropout3d, (9, 5, 2, 3), 1),
    ],
)
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_channels_are_dropped_together(function, shape, leading, p):
    x = cr.randn(*shape, dtype=cr.float64)
    ones = (1,) * (len(shape) - leading)
    kept = mask(3, (*shape[:leading], *ones), p)
    want = np.where(kept, x.numpy() * (1 / (1 - p) if p < 1 else 0), 0)
    np.testing.assert_array_equal(function(x, p).numpy(), want)
    assert function(x, p, training=False) is x


def test_shapes_that_pytorch_warns_of_are_read_as_there():
    x = cr.ones(8, 3, 50)
    with pytest.warns(UserWarning, match=r"\[dropout2d\] expected shape \(N, C, H, W\); got"):
        out = F.dropout2d(x, 0.5)
    assert set(out.sum(-1).flatten().tolist()) == {0.0, 100.0}
    with pytest.warns(UserWarning, match=r"\[dropout3d\] expected shape"):
        out = F.dropout3d(x, 0.5)
    assert set(out.sum((1, 2)).tolist()) == {0.0, 300.0}


def test_shapes_that_have_no_channels():
    with pytest.raises(cr.ShapeError, match=r"\[dropout1d\] .* got \(3,\)"):
        F.dropout1d(cr.ones(3))
    with pytest.raises(cr.ShapeError, match=r"\[feature_alpha_dropout\] .*\(N, C, \.\.\.\)"):
        F.feature_alpha_dropout(cr.ones(3), training=True)
    with warnings.catch_warnings(), pytest.raises(cr.ShapeError, match=r"\[dropout2d\]"):
        warnings.simplefilter("ignore")
        F.dropout2d(cr.ones(3))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("feature", [False, True])
def test_alpha_dropout_is_the_papers_formula(p, feature):
    x = cr.randn(500, 40, 3, dtype=cr.float64)
    kept = mask(5, (500, 40, 1) if feature else (500, 40, 3), p)
    floor = 1.6732632423543772848 * 1.0507009873554804934
    a = ((1 - p) * (1 + p * floor**2)) ** -0.5
    want = a * np.where(kept, x.numpy(), -floor) + a * p * floor
    function = F.feature_alpha_dropout if feature else F.alpha_dropout
    got = function(x, p, training=True).numpy()
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)
    spread = 5 * math.sqrt(10 / (20_000 if feature else 60_000))
    assert abs(got.mean()) < spread and abs(got.var() - 1) < spread
    assert function(x, p) is x  # PyTorch's default is not to train


def test_alpha_dropout_of_everything_is_zero():
    assert F.alpha_dropout(cr.ones(3), 1.0, True).tolist() == [0.0, 0.0, 0.0]
    assert F.feature_alpha_dropout(cr.ones(3, 2), 1.0, True).tolist() == [[0.0, 0.0]] * 3


def test_the_decks_dropout_scales_at_test():
    """004_207294fe22f678c8.txt: a mask while training, weights adjusted at test."""
    x = cr.randn(1000, dtype=cr.float64)
    layer = nn.Dropout(0.3, scale_at_test=True)
    kept = mask(8, (1000,), 0.3)
    np.testing.assert_array_equal(layer(x).numpy(), np.where(kept, x.numpy(), 0))
    np.testing.assert_array_equal(layer.eval()(x).numpy(), x.numpy() * 0.7)
    # to scale the output is to scale the weights of the layer behind it
    reader, adjusted = nn.Linear(1000, 3).double(), nn.Linear(1000, 3).double()
    adjusted.load_state_dict(reader.state_dict())
    with cr.no_grad():
        adjusted.weight.mul_(0.7)
    np.testing.assert_allclose(reader(layer(x)).tolist(), adjusted(x).tolist(), rtol=1e-12)
    assert repr(layer) == "Dropout(p=0.3, inplace=False, scale_at_test=True)"


def test_both_forms_of_dropout_have_one_expectation():
    x = cr.ones(200_001)
    spread = 5 / math.sqrt(200_001)
    for scale_at_test in (False, True):
        layer = nn.Dropout(0.4, scale_at_test=scale_at_test)
        trained = layer(x).mean().item()
        measured = layer.eval()(x).mean().item()
        assert abs(trained - measured) < spread


@pytest.mark.parametrize(("make", "shape"), FORMS, ids=IDS)
def test_dropped_elements_pass_nothing_on(make, shape):
    """Neither their value nor the gradient behind them counts, also if it is infinite."""
    layer = make(0.5)
    x = cr.full(shape, 2.0, dtype=cr.float64, requires_grad=True)
    cr.manual_seed(1)
    plain = layer(x)
    dropped = (plain == plain.detach().min()).detach()
    assert 0 < dropped.sum().item() < x.numel()
    cr.manual_seed(1)
    held = layer(x.detach().masked_fill(dropped, math.nan).requires_grad_())
    assert held.equal(plain)
    dy = cr.ones(shape, dtype=cr.float64).masked_fill(dropped, math.inf)
    (dx,) = cr.autograd.grad(plain, x, dy)
    assert dx.isfinite().all() and (dx == 0).equal(dropped)


@pytest.mark.parametrize(("make", "shape"), FORMS, ids=IDS)
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_captured_as_eager(make, shape, dtype):
    layer = make(0.4)

    def step(x):
        x = x * 1.5
        loss = layer(x).sin().sum()
        return loss, cr.autograd.grad(loss, x)[0]

    def results(step):
        cr.manual_seed(2)
        found = [step(cr.ones(shape, dtype=dtype, requires_grad=True)) for _ in range(6)]
        return [tensor for pair in found for tensor in pair]

    captured = cr.compile(step)
    for own, other in zip(results(step), results(captured), strict=True):
        assert own.equal(other)
    assert captured.stats["replays"] >= 3


@pytest.mark.parametrize(("make", "shape"), FORMS[:5], ids=IDS[:5])
@pytest.mark.parametrize("training", [True, False])
def test_in_place(make, shape, training):
    plain, layer = make(0.5).train(training), make(0.5, True).train(training)
    x = cr.randn(*shape, requires_grad=True)
    outs, grads = [], []
    for module in (plain, layer):
        cr.manual_seed(4)
        y = x * 1.0
        out = module(y)
        assert (out is y) == (module is layer or out.equal(y))
        (grad,) = cr.autograd.grad(out.sum(), x)
        outs.append(out)
        grads.append(grad)
    assert outs[0].equal(outs[1]) and grads[0].equal(grads[1])


def test_alpha_dropout_in_place():
    x = cr.randn(6, 4)
    cr.manual_seed(4)
    want = F.alpha_dropout(x, 0.5, True)
    cr.manual_seed(4)
    assert F.alpha_dropout(x, 0.5, True, True) is x and x.equal(want)


@pytest.mark.parametrize(("make", "shape"), FORMS, ids=IDS)
def test_probabilities(make, shape):
    for p in (-0.1, 1.5, math.nan):
        with pytest.raises(ValueError, match="0 <= p <= 1"):
            make(p)
    for p in ("0.5", None, True, False):
        with pytest.raises(TypeError, match="p to be a number"):
            make(p)
    x = cr.zeros(0, *shape[1:])
    assert tuple(make(0.5)(x).shape) == tuple(x.shape)


def test_the_decks_dropout_takes_tensors_alone():
    for inplace in (False, True):
        with pytest.raises(TypeError, match=r"\[dropout\] expected a Tensor; got list"):
            F.dropout([1.0], inplace=inplace, scale_at_test=True)


@pytest.mark.parametrize(
    "function",
    [F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout],
)
def test_arguments_of_functions(function):
    x = cr.ones(2, 3, 4, 5) if function is not F.dropout1d else cr.ones(2, 3, 4)
    with pytest.raises(ValueError, match=r"p.* got 1\.5"):
        function(x, 1.5, True)
    with pytest.raises(TypeError, match="expected a Tensor|Tensor"):
        function([1.0], 0.5, True)
