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
