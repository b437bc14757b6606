"""Rows of docs/divergences.md about losses that have no test elsewhere."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import functional as F


def test_the_gradient_of_a_short_vector():
    x, y = cr.tensor([[0.25, 0.0]], requires_grad=True), cr.tensor([[3.0, 4.0]])
    F.cosine_similarity(x, y, eps=0.5).backward()
    np.testing.assert_allclose(x.grad.numpy(), [[1.2, 1.6]], rtol=1e-6)  # (y / 5) / 0.5


def test_one_variance_for_all():
    x, y = cr.randn(3, 2), cr.randn(3, 2)
    want = F.gaussian_nll_loss(x, y, cr.full((3, 2), 2.0)).item()
    for var in (2, 2.0, cr.tensor(2.0), cr.tensor(2)):
        assert F.gaussian_nll_loss(x, y, var).item() == want


def test_labels_out_of_range():
    scores = cr.zeros(2, 3)
    for target in ([0, 3], [0, -1]):
        with pytest.raises(IndexError, match=r"targets in \[0, 3\); got -?\d in row 1"):
            F.multi_margin_loss(scores, cr.tensor(target))
    for labels in ([3, -1, -1], [-2, -1, -1], [0, -1, 3]):
        with pytest.raises(IndexError, match="labels in .*row 1"):
            F.multilabel_margin_loss(scores, cr.tensor([[0, -1, -1], labels]))


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_places_without_classes(name):
    loss, scores = getattr(F, name), cr.zeros(2, 0, 2)
    target = cr.full((2, 2), -100)
    assert loss(scores, target, reduction="none").tolist() == [[0.0, 0.0]] * 2
    assert loss(scores, target).isnan() and loss(scores, target, reduction="sum") == 0
    target[1, 1] = 0
    with pytest.raises(
        IndexError, match=r"targets in \[0, 0\) or ignore_index -100; got 0 in row 3"
    ):
        loss(scores, target)


ARGUMENTS = {
    "mse_loss": (cr.ones(3), cr.ones(3)),
    "l1_loss": (cr.ones(3), cr.ones(3)),
    "huber_loss": (cr.ones(3), cr.ones(3)),
    "smooth_l1_loss": (cr.ones(3), cr.ones(3)),
    "soft_margin_loss": (cr.ones(3), cr.ones(3)),
    "binary_cross_entropy": (cr.full((3,), 0.5), cr.ones(3)),
    "binary_cross_entropy_with_logits": (cr.ones(3), cr.ones(3)),
    "kl_div": (cr.zeros(3, 1), cr.ones(3, 1)),
    "poisson_nll_loss": (cr.ones(3), cr.ones(3)),
    "margin_ranking_loss": (cr.full((3,), 2.0), cr.ones(3), -cr.ones(3)),
    "triplet_margin_loss": (cr.ones(2, 3), cr.zeros(2, 3), cr.ones(2, 3)),
    "cosine_embedding_loss": (cr.ones(2, 3), cr.eye(2, 3), cr.ones(2)),
}


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.filterwarnings("ignore:.*batchmean")
def test_dtypes_are_promoted_as_in_arithmetic(name):
    loss, (x, *others) = getattr(F, name), ARGUMENTS[name]
    want = loss(x.double(), *(y.double() for y in others))
    for first, second in (("float32", "float64"), ("float64", "float32"), ("bfloat16", "float32")):
        first, second = getattr(cr, first), getattr(cr, second)
        got = loss(x.to(first), *(y.to(second) for y in others))
        assert got.dtype is cr.promote_types(first, second)
        rounded = 2**-8 if cr.bfloat16 in (first, second) else 1e-6
        assert got.item() == pytest.approx(want.item(), rel=rounded)


@pytest.mark.filterwarnings("ignore:.*batchmean")
@pytest.mark.parametrize("name", [n for n in ARGUMENTS if not n.startswith("binary")])
def test_integers_alone_have_no_losses(name):
    with pytest.raises(cr.DtypeError, match=rf"^\[{name}\] expected .*; got int64"):
        getattr(F, name)(*(x.long() for x in ARGUMENTS[name]))


@pytest.mark.parametrize(("reduction", "want"), [("none", [1, 2]), ("sum", 3)])
def test_distances_of_integers_are_taken(reduction, want):
    loss = F.l1_loss(cr.tensor([1, 2]), cr.tensor([2, 0]), reduction=reduction)
    assert loss.dtype is cr.int64 and loss.tolist() == want


def test_a_smoothing_out_of_range():
    scores = cr.tensor([[1.0, 2.0]])
    for target in (cr.tensor([1]), cr.tensor([[0.5, 0.5]])):
        for smoothing in (-0.1, -5, 1.5, float("nan")):
            with pytest.raises(ValueError, match=r"label_smoothing in \[0, 1\]; got"):
                F.cross_entropy(scores, target, label_smoothing=smoothing)
            with pytest.raises(ValueError, match="0 <= label_smoothing <= 1; got"):
                cr.nn.CrossEntropyLoss(label_smoothing=smoothing)
