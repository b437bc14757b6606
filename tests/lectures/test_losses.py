"""The losses of the decks by their formulas, each as its slide has it."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F

RNG = np.random.default_rng(8)
P, Y, X = RNG.uniform(0.05, 0.95, 7), RNG.integers(0, 2, 7).astype(float), RNG.normal(size=7)
CLASSES, SCORES = RNG.integers(0, 3, 7), RNG.normal(size=(7, 3))


def same(loss, expected):
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-13)


def test_squared_errors():
    a, y = cr.tensor(X, requires_grad=True), cr.tensor(Y)
    same(F.half_mse_loss(a, y, reduction="sum"), (0.5 * (X - Y) ** 2).sum())
    same(nn.MSELoss()(a, y), ((X - Y) ** 2).mean())
    same(nn.MSELoss(reduction="sum")(a, y), ((X - Y) ** 2).sum())  # the squared distance
    nn.HalfMSELoss(reduction="sum")(a, y).backward()
    np.testing.assert_allclose(a.grad.numpy(), X - Y, rtol=1e-15)


def test_binary_cross_entropy_is_the_bernoulli_likelihood():
    p, y = cr.tensor(P), cr.tensor(Y)
    likelihood = np.prod(P**Y * (1 - P) ** (1 - Y))
    same(F.binary_cross_entropy(p, y, reduction="sum"), -np.log(likelihood))
    same(F.binary_cross_entropy_with_logits((p / (1 - p)).log(), y), -np.log(likelihood) / 7)


def test_the_logistic_loss_of_signs_is_the_cross_entropy_of_zeros_and_ones():
    a, y = cr.tensor(X), cr.tensor(Y)
    same(F.logistic_loss(a, 2 * y - 1), np.log1p(np.exp(-(2 * Y - 1) * X)).mean())
    same(nn.LogisticLoss()(a, 2 * y - 1), F.binary_cross_entropy_with_logits(a, y).item())


def test_cross_entropy_of_integer_and_one_hot_labels():
    scores, labels = cr.tensor(SCORES), cr.tensor(CLASSES)
    p = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
    indicators = np.eye(3)[CLASSES]
    expected = -(indicators * np.log(p)).sum() / 7
    same(nn.CrossEntropyLoss()(scores, labels), expected)
    same(nn.CrossEntropyLoss()(scores, F.one_hot(labels, 3).double()), expected)
    same(nn.NLLLoss()(nn.LogSoftmax(dim=1)(scores), labels), expected)


@pytest.mark.parametrize("variance", [1.0, 0.25])
def test_fitting_a_line_with_gaussian_noise_is_least_squares(variance):
    a, y = cr.tensor(X), cr.tensor(Y)
    density = np.exp(-((Y - X) ** 2) / (2 * variance)) / np.sqrt(2 * math.pi * variance)
    likelihood = F.gaussian_nll_loss(a, y, variance, full=True, reduction="sum")
    same(likelihood, -np.log(density).sum())
    squares = F.half_mse_loss(a, y, reduction="sum") / variance
    same(likelihood - squares, 7 * 0.5 * np.log(2 * math.pi * variance))


def test_total_and_mean():
    scores, labels = cr.tensor(SCORES), cr.tensor(CLASSES)
    total, mean = (nn.CrossEntropyLoss(reduction=r)(scores, labels) for r in ("sum", "mean"))
    same(total, 7 * mean.item())


def test_the_regularised_cost():
    v, w = cr.tensor(SCORES, requires_grad=True), cr.tensor(X, requires_grad=True)
    strength = 0.3
    cost = F.half_mse_loss(w, cr.tensor(Y), reduction="sum")
    cost = cost + nn.regularization.l2([v, w], strength)
    same(cost, (0.5 * (X - Y) ** 2).sum() + strength * ((SCORES**2).sum() + (X**2).sum()))
    cost.backward()
    np.testing.assert_allclose(v.grad.numpy(), 2 * strength * SCORES, rtol=1e-15)
    np.testing.assert_allclose(w.grad.numpy(), X - Y + 2 * strength * X, rtol=1e-13)
