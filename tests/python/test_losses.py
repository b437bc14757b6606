"""The losses: settings, reductions, weights of samples, ends of the range, what replays refuse."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F

INF, NAN = math.inf, math.nan
RNG = np.random.default_rng(5)
X, Y, Z = (cr.tensor(RNG.normal(size=(6, 3))) for _ in range(3))
SIGNS = cr.tensor(np.where(RNG.random((6, 3)) < 0.5, 1.0, -1.0))
SHARES, CLASSES = X.sigmoid(), cr.tensor([0, 2, 1, 1, 0, 2])
LISTS = cr.tensor([[0, -1, 1], [2, 0, -1], [-1, 0, 0], [0, 1, 2], [1, 1, -1], [2, -1, -1]])
LOG = F.log_softmax(Y, 1)

# Every loss: what it is called on, before `reduction`.
LOSSES = {
    "mse_loss": (X, Y),
    "half_mse_loss": (X, Y),
    "l1_loss": (X, Y),
    "smooth_l1_loss": (X, Y),
    "huber_loss": (X, Y),
    "gaussian_nll_loss": (X, Y, SHARES),
    "poisson_nll_loss": (X, SHARES),
    "binary_cross_entropy": (SHARES, SHARES),
    "binary_cross_entropy_with_logits": (Y, SHARES),
    "cross_entropy": (X, CLASSES),
    "nll_loss": (LOG, CLASSES),
    "kl_div": (LOG, SHARES),
    "soft_margin_loss": (X, SIGNS),
    "logistic_loss": (X, SIGNS),
    "hinge_loss": (X, SIGNS),
    "hinge_embedding_loss": (X, SIGNS),
    "margin_ranking_loss": (X, Y, SIGNS),
    "multi_margin_loss": (X, CLASSES),
    "multilabel_margin_loss": (X, LISTS),
    "multilabel_soft_margin_loss": (X, SHARES),
    "cosine_embedding_loss": (X, Y, SIGNS[:, 0]),
    "triplet_margin_loss": (X, Y, Z),
    "triplet_margin_with_distance_loss": (X, Y, Z),
}


def test_every_loss_is_here():
    named = {name for name in F.__all__ if "loss" in name or "cross_entropy" in name}
    assert LOSSES.keys() == named | {"kl_div"}


@pytest.mark.filterwarnings("ignore:.*batchmean:UserWarning")
@pytest.mark.parametrize("name", LOSSES)
def test_reductions_are_those_of_the_losses_of_samples(name):
    function, values = getattr(F, name), LOSSES[name]
    each = function(*values, reduction="none")
    assert each.shape in ((6,), (6, 3))
    for how, want in (("sum", each.sum()), ("mean", each.mean())):
        np.testing.assert_allclose(function(*values, reduction=how).item(), want.item(), rtol=1e-14)
    with pytest.raises(ValueError, match="reduction"):
        function(*values, reduction="median")


@pytest.mark.parametrize("name", LOSSES)
def test_a_weight_of_a_sample_is_how_often_it_counts(name):
    """As scikit-learn's sample_weight: `none`, then a weighted mean."""
    function, times = getattr(F, name), [1, 0, 3, 2, 0, 1]
    often = cr.tensor([i for i, n in enumerate(times) for _ in range(n)])
    x = LOSSES[name][0].clone().requires_grad_()
    rest = LOSSES[name][1:]
    weight = cr.tensor(times, dtype=cr.float64)
    losses = function(x, *rest, reduction="none")
    losses = losses.mean(1) if losses.dim() == 2 else losses
    weighted = (losses * weight).sum() / weight.sum()
    (found,) = cr.autograd.grad(weighted, x)
    each = function(x[often], *(t[often] for t in rest), reduction="none")
    (want,) = cr.autograd.grad(each.mean(), x)
    np.testing.assert_allclose(weighted.item(), each.mean().item(), rtol=1e-13)
    np.testing.assert_allclose(found.numpy(), want.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_would_broadcast_are_refused(name):
    function, values = getattr(F, name), LOSSES[name]
    for place in range(1, len(values)):
        wrong = list(values)
        wrong[place] = values[place][:1]
        if (name, place) == ("gaussian_nll_loss", 2):
            continue  # a variance may
        with pytest.raises(cr.ShapeError, match=r"\(1, 3\)|\(1,\)"):
            function(*wrong, reduction="sum")


@pytest.mark.parametrize("name", LOSSES)
def test_no_samples(name):
    values = [t[:0] for t in LOSSES[name]]
    assert getattr(F, name)(*values, reduction="none").numel() == 0
    assert getattr(F, name)(*values, reduction="sum").item() == 0


# ---- Settings.


@pytest.mark.parametrize(
    ("error", "match", "make"),
    [
        (ValueError, "eps >= 0; got -1", lambda: nn.GaussianNLLLoss(eps=-1)),
        (TypeError, "full to be True or False; got 'no'", lambda: nn.GaussianNLLLoss(full="no")),
        (TypeError, "eps to be a number; got None", lambda: nn.PoissonNLLLoss(eps=None)),
        (ValueError, "eps >= 0; got nan", lambda: nn.PoissonNLLLoss(eps=NAN)),
        (TypeError, "log_input to be True or False; got 3", lambda: nn.PoissonNLLLoss(3)),
        (TypeError, "log_target to be True or False", lambda: nn.KLDivLoss(log_target=1)),
        (ValueError, "'sum' or 'batchmean'; got 'x'", lambda: nn.KLDivLoss(reduction="x")),
        (ValueError, "'none', 'mean' or 'sum'", lambda: nn.HalfMSELoss(reduction="batchmean")),
        (ValueError, "p to be 1 or 2; got 3", lambda: nn.HingeLoss(p=3)),
        (ValueError, "p to be 1 or 2; got 0", lambda: nn.MultiMarginLoss(0)),
        (ValueError, "weight of one dimension; got 2", lambda: nn.MultiMarginLoss(weight=X)),
        (TypeError, "margin to be a number", lambda: nn.MultiMarginLoss(margin="1")),
        (TypeError, "margin to be a number", lambda: nn.HingeEmbeddingLoss([1])),
        (TypeError, "margin to be a number", lambda: nn.MarginRankingLoss(None)),
        (TypeError, "margin to be a number", lambda: nn.CosineEmbeddingLoss("sum")),
        (ValueError, "margin > 0; got 0", lambda: nn.TripletMarginLoss(0)),
        (TypeError, "swap to be True or False", lambda: nn.TripletMarginLoss(swap=1)),
        (
            TypeError,
            "a function; got int",
            lambda: nn.TripletMarginWithDistanceLoss(distance_function=3),
        ),
        (ValueError, "margin > 0", lambda: nn.TripletMarginWithDistanceLoss(margin=-1)),
        (TypeError, "dim to be an int", lambda: nn.CosineSimilarity(dim=1.5)),
        (TypeError, "keepdim to be True or False", lambda: nn.PairwiseDistance(keepdim=0)),
        (TypeError, "p to be a number", lambda: nn.PairwiseDistance(p="fro")),
        (ValueError, "margin > 0", lambda: F.triplet_margin_with_distance_loss(X, Y, Z, margin=0)),
        (TypeError, "a Tensor; got int", lambda: F.triplet_margin_with_distance_loss(X, 3, Z)),
    ],
)
def test_settings_are_refused_where_they_are_given(error, match, make):
    with pytest.raises(error, match=match):
        make()


def test_a_distance_of_ones_own_is_part_of_the_module():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(cr.tensor(2.0, dtype=cr.float64))

        def forward(self, a, b):
            return self.scale * (a - b).abs().sum(-1)

    loss = nn.TripletMarginWithDistanceLoss(distance_function=Scaled(), swap=True)
    assert list(loss.state_dict()) == ["distance_function.scale"]
    near, far, swap = (2 * (a - b).abs().sum(1) for a, b in ((X, Y), (X, Z), (Y, Z)))
    want = (1 + near - far.minimum(swap)).clamp(min=0).mean()
    assert loss(X, Y, Z).item() == pytest.approx(want.item(), rel=1e-14)
    assert cr.compile(loss)(X, Y, Z).item() == loss(X, Y, Z).item()


@pytest.mark.parametrize("dtype", [cr.int64, cr.int32, cr.float32])
def test_labels_of_any_dtype(dtype):
    for name in ("soft_margin_loss", "hinge_loss", "hinge_embedding_loss", "margin_ranking_loss"):
        *values, signs = LOSSES[name]
        want, got = (getattr(F, name)(*values, s) for s in (signs, signs.to(dtype)))
        assert got.dtype == cr.float64 and got.item() == want.item()
    counts = cr.tensor([[0.0, 1.0, 7.0]])
    want, got = (
        F.poisson_nll_loss(Y[:1], c, full=True) for c in (counts.double(), counts.to(dtype))
    )
    assert got.item() == pytest.approx(want.item(), rel=1e-6)


def test_p_of_a_margin_may_be_any_number_1_or_2():
    for name in ("hinge_loss", "multi_margin_loss"):
        function, values = getattr(F, name), LOSSES[name]
        assert function(*values, p=2.0).item() == function(*values, p=2).item()
    assert nn.MultiMarginLoss(2.0)(X, CLASSES).item() == nn.MultiMarginLoss(2)(X, CLASSES).item()


# ---- The ends.


def test_the_logistic_loss_is_finite_for_every_finite_input():
    x = cr.tensor([-1e30, -100.0, 100.0, 1e30], requires_grad=True)
    losses = F.logistic_loss(x, cr.ones(4), reduction="none")
    assert losses.tolist() == [np.float32(1e30), 100.0, np.float32(np.exp(-100)), 0.0]
    losses.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [-1, -1, 0, 0], atol=1e-43)
    assert F.logistic_loss is F.soft_margin_loss


def test_what_has_no_probability_diverges_by_nothing():
    log_p = cr.tensor([-INF, 0.0, -INF], requires_grad=True)
    target = cr.tensor([0.0, 1.0, 0.5])
    losses = F.kl_div(log_p, target, reduction="none")
    assert losses.tolist() == [0.0, 0.0, INF]
    losses[:2].sum().backward()
    assert log_p.grad.tolist() == [0.0, -1.0, 0.0]
    logs = F.kl_div(log_p, target.log(), reduction="none", log_target=True)
    assert logs.tolist() == [0.0, 0.0, INF]


def test_masked_samples_that_are_not_finite_leave_no_nan():
    for name in ("soft_margin_loss", "hinge_loss", "poisson_nll_loss", "half_mse_loss"):
        x = cr.tensor([INF, -INF, 0.5], dtype=cr.float64, requires_grad=True)
        each = getattr(F, name)(x, cr.ones(3, dtype=cr.float64), reduction="none")
        cr.where(cr.tensor([False, False, True]), each, 0.0).sum().backward()
        assert x.grad[:2].tolist() == [0.0, 0.0] and x.grad[2].isfinite().item(), name


def test_scores_that_are_not_numbers_show():
    x = cr.tensor([[0.0, NAN], [NAN, 0.0], [0.0, 1.0]])
    each = F.multi_margin_loss(x, cr.tensor([0, 0, 0]), reduction="none")
    assert each.isnan().tolist() == [True, True, False]
    each = F.multilabel_margin_loss(x, cr.tensor([[0, -1]] * 3), reduction="none")
    assert each.isnan().tolist() == [True, True, False]


def test_a_variance_below_eps_learns():
    var = cr.tensor([1e-9], requires_grad=True)
    F.gaussian_nll_loss(cr.zeros(1), cr.ones(1), var, eps=0.5).backward()
    assert var.grad.item() == pytest.approx(0.5 * (1 / 0.5 - 1 / 0.25))


# ---- Replays refuse what eager calls refuse.


@pytest.mark.parametrize(
    ("function", "good", "bad"),
    [
        (F.multi_margin_loss, CLASSES, cr.tensor([0, 1, 2, 3, 0, -1])),
        (F.multilabel_margin_loss, LISTS, LISTS + 1),
        (lambda x, v: F.gaussian_nll_loss(x, Y, v), SHARES, -SHARES),
    ],
)
def test_a_replay_tells_bad_values_as_an_eager_call(function, good, bad):
    with pytest.raises((IndexError, ValueError)) as eager:
        function(X, bad)
    step = cr.compile(function)
    for _ in range(3):
        found = step(X, good)
    assert found.item() == function(X, good).item()
    with pytest.raises(type(eager.value)) as replayed:
        step(X, bad)
    assert step.stats["replays"] >= 1 and str(replayed.value) == str(eager.value)
    assert step(X, good).item() == found.item()


@pytest.mark.filterwarnings("ignore:.*batchmean:UserWarning")
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_captured_losses_have_the_bits_of_eager_ones(name):
    function, (x, *rest) = getattr(F, name), LOSSES[name]

    def gradient(x):
        x = x.detach().requires_grad_()
        loss = function(x, *rest)
        return loss, cr.autograd.grad(loss, x)[0]

    eager, step = gradient(x), cr.compile(gradient)
    for _ in range(3):
        replayed = step(x)
    assert step.stats["replays"] >= 1
    assert [t.tolist() for t in replayed] == [t.tolist() for t in eager]


def test_smooth_l1_with_a_beta_that_float32_has_not():
    x = cr.tensor([1.0, -2.0], requires_grad=True)
    loss = cr.nn.functional.smooth_l1_loss(x, cr.zeros(2), beta=1e-50)
    loss.backward()
    assert loss.item() == 1.5 and x.grad.tolist() == [0.5, -0.5]
