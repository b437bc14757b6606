"""The gradient checker itself: it must reject rules that are wrong by a thousandth."""

import numpy as np
import pytest

import chainrule as cr
import gradients
from cases import Case, In, samples


class Scaled(cr.autograd.Function):
    """x^3 with a gradient wrong by the factor `wrong`."""

    wrong = 1.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * 3 * x * x * Scaled.wrong


class Cube(cr.autograd.Function):
    """x^3 whose gradient has a second derivative wrong by the factor `wrong`."""

    wrong = 1.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        # The value is 3 x^2; the part that carries history is scaled.
        exact = 3 * x * x
        return dy * (exact.detach() + (exact - exact.detach()) * Cube.wrong)


CASE = Case("exp", lambda x: x**3, samples((In((17,), 0.5, 2),), (In((3, 4), 0.5, 2),)))


@pytest.mark.parametrize("wrong, accepted", [(1.0, True), (1.001, False), (0.999, False)])
def test_a_rule_wrong_by_a_thousandth_is_rejected(monkeypatch, wrong, accepted):
    monkeypatch.setattr(Scaled, "wrong", wrong)
    for index in range(len(CASE.samples)):
        if accepted:
            gradients.check_first(CASE, index, function=Scaled.apply)
            gradients.check_first(CASE, index, "float32", 2e-5, function=Scaled.apply)
            continue
        with pytest.raises(AssertionError, match="where the twin says"):
            gradients.check_first(CASE, index, function=Scaled.apply)
        with pytest.raises(AssertionError, match="where the twin says"):
            gradients.check_first(CASE, index, "float32", 2e-5, function=Scaled.apply)


@pytest.mark.parametrize("wrong, accepted", [(1.0, True), (1.001, False), (0.999, False)])
def test_a_second_derivative_wrong_by_a_thousandth_is_rejected(monkeypatch, wrong, accepted):
    monkeypatch.setattr(Cube, "wrong", wrong)
    for index in range(len(CASE.samples)):
        if accepted:
            gradients.check_second(CASE, index, function=Cube.apply)
            continue
        with pytest.raises(AssertionError, match="where differences say"):
            gradients.check_second(CASE, index, function=Cube.apply)


def test_one_wrong_element_among_many_is_rejected():
    def spoiled(x):
        y = x * x * x
        mask = np.ones(x.shape)
        mask.flat[3] = 1.001
        keep = cr.tensor(mask, dtype=x.dtype)
        return y.detach() + (y - y.detach()) * keep

    for index in range(len(CASE.samples)):
        with pytest.raises(AssertionError, match="where the twin says"):
            gradients.check_first(CASE, index, function=spoiled)


def test_a_missing_gradient_is_rejected():
    with pytest.raises(AssertionError, match="no result needs a gradient"):
        gradients.check_first(CASE, 0, function=lambda x: (x * x * x).detach())
