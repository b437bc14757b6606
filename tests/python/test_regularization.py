"""Penalties of parameters: the regularised cost of the lectures, and what weight decay makes of
it."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.regularization import l1, l2


def network():
    cr.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()


def sums(net, power):
    return {n: (np.abs(p.detach().numpy()) ** power).sum() for n, p in net.named_parameters()}


def test_values():
    net = network()
    for penalty, power in ((l1, 1), (l2, 2)):
        each = sums(net, power)
        np.testing.assert_allclose(penalty(net, 0.25).item(), 0.25 * sum(each.values()))
        weights = each["0.weight"] + each["2.weight"]
        for parameters in (net, net.named_parameters()):
            np.testing.assert_allclose(penalty(parameters, 0.25, False).item(), 0.25 * weights)
        for parameters in (net.parameters(), [*net.parameters()]):
            np.testing.assert_allclose(penalty(parameters, 1).item(), sum(each.values()))
        alone = penalty(net[0].weight, cr.tensor(0.5, dtype=cr.float64))
        np.testing.assert_allclose(alone.item(), 0.5 * each["0.weight"])


def test_gradients():
    net = network()
    l2(net, 0.3).backward()
    for p in net.parameters():
        np.testing.assert_allclose(p.grad.numpy(), 2 * 0.3 * p.detach().numpy(), rtol=1e-15)
    net.zero_grad()
    with cr.no_grad():
        net[0].weight[0] = 0.0
    l1(net, 0.3, biases=False).backward()
    for name, p in net.named_parameters():
        want = None if "bias" in name else 0.3 * np.sign(p.detach().numpy())
        if want is None:
            assert p.grad is None
        else:
            np.testing.assert_array_equal(p.grad.numpy(), want)


def test_a_gradient_reaches_lambda():
    net, strength = network(), cr.tensor(0.1, dtype=cr.float64, requires_grad=True)
    l2(net, strength).backward()
    np.testing.assert_allclose(strength.grad.item(), sum(sums(net, 2).values()))


def descend(optimizer_of, penalty, decay, biases=True, captured=False):
    net = network()
    cr.manual_seed(2)
    x, y = cr.randn(8, 3, dtype=cr.float64), cr.randn(8, 1, dtype=cr.float64)
    named = [*net.named_parameters()]
    decayed = [p for n, p in named if biases or not n.endswith("bias")]
    rest = [p for n, p in named if not (biases or not n.endswith("bias"))]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    optimizer = optimizer_of(groups[: 2 if rest else 1])

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        if penalty:
            loss = loss + l2(net, penalty, biases=biases)
        loss.backward()
        optimizer.step()
        return loss

    step = cr.compile(step) if captured else step
    losses = [step(x, y).item() for _ in range(20)]
    return losses, [p.detach().numpy().copy() for p in net.parameters()]


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda groups: cr.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True),
        lambda groups: cr.optim.Adam(groups, lr=0.05),
    ],
)
def test_weight_decay_is_twice_lambda(optimizer, biases):
    losses, ours = descend(optimizer, 0.05, 0.0, biases)
    without, decayed = descend(optimizer, 0.0, 0.1, biases)
    plain = descend(optimizer, 0.0, 0.0, biases)[1]
    for a, b, c in zip(ours, decayed, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
        assert np.abs(a - c).max() > 1e-3
    assert losses[0] > without[0]  # the cost has the penalty in it


def test_captured_steps_have_the_bits_of_eager_ones():
    def sgd(groups):
        return cr.optim.SGD(groups, lr=0.1)

    eager, captured = descend(sgd, 0.05, 0.0), descend(sgd, 0.05, 0.0, captured=True)
    assert eager[0] == captured[0]
    for a, b in zip(eager[1], captured[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("penalty", [l1, l2])
def test_what_is_refused(penalty):
    net = network()
    for error, match, arguments in [
        (ValueError, "lambda_ >= 0; got -1", (net, -1)),
        (ValueError, "lambda_ >= 0; got nan", (net, float("nan"))),
        (TypeError, "lambda_ to be a number", (net, "0.1")),
        (TypeError, "biases to be True or False", (net, 0.1, "no")),
        (ValueError, "one parameter or more; got none", ([], 0.1)),
        (ValueError, "one parameter or more; got none", (nn.ReLU(), 0.1)),
        (ValueError, "by which biases are left out", (net.parameters(), 0.1, False)),
        (TypeError, "got int among them", ([3], 0.1)),
        (TypeError, "or tensors; got int", (3, 0.1)),
    ]:
        with pytest.raises(error, match=rf"^\[{penalty.__name__}\] expected .*{match}"):
            penalty(*arguments)
