"""cross_entropy's gradient by the class weights."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import functional as F


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(("classes", "ignored"), [(3, -100), (5, 1), (40, 0)])
def test_first_and_second_derivatives(classes, ignored, smoothing, reduction):
    rng = np.random.default_rng(classes)
    x = cr.tensor(rng.standard_normal((7, classes))).requires_grad_()
    target = cr.tensor(rng.integers(0, classes, 7))
    weight = cr.tensor(rng.uniform(0.5, 2, classes)).requires_grad_()
    dy = cr.tensor(rng.standard_normal(7))

    def loss(x, weight):
        found = F.cross_entropy(
            x,
            target,
            weight,
            ignore_index=ignored,
            label_smoothing=smoothing,
            reduction=reduction,
        )
        return (found * dy).sum() if reduction == "none" else found

    assert cr.autograd.gradcheck(loss, (x, weight))
    assert cr.autograd.gradgradcheck(loss, (x, weight))


def test_it_is_that_of_nll_loss():
    x, target = cr.randn(6, 4), cr.tensor([0, 1, 2, 0, 3, 1])
    weights = [cr.ones(4, requires_grad=True) for _ in range(2)]
    F.cross_entropy(x, target, weights[0]).backward()
    F.nll_loss(F.log_softmax(x, 1), target, weights[1]).backward()
    assert cr.allclose(weights[0].grad, weights[1].grad, atol=1e-6)


def test_rows_that_do_not_count_have_no_part():
    x = cr.tensor([[-1e30, 0.0], [0.0, 1.0]])
    weight = cr.ones(2, requires_grad=True)
    losses = F.cross_entropy(x, cr.tensor([0, 1]), weight, reduction="none")
    (losses * cr.tensor([0.0, 1.0])).sum().backward()
    assert weight.grad.isfinite().all() and weight.grad[0] == 0
