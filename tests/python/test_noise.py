"""Noise on inputs and hidden units, on weights, and on targets."""

import copy
import math
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.utils import weight_noise

SIZE = 200_001


def test_gaussian_noise_has_its_standard_deviation():
    cr.manual_seed(0)
    layer = nn.GaussianNoise(0.3)
    x = cr.full((SIZE,), 2.0)
    drawn = (layer(x) - x).numpy().astype(np.float64)
    assert abs(drawn.mean()) < 5 * 0.3 / math.sqrt(SIZE)
    assert abs(drawn.var() / 0.09 - 1) < 5 * math.sqrt(2 / SIZE)
    assert not layer(x).equal(layer(x))
    assert layer.eval()(x) is x
    assert nn.GaussianNoise(0)(x) is x
    assert repr(layer) == "GaussianNoise(std=0.3)"
    cr.manual_seed(5)
    want = x + 0.3 * cr.randn_like(x)
    cr.manual_seed(5)
    assert nn.functional.gaussian_noise(x, 0.3).equal(want)
    assert nn.functional.gaussian_noise(x, 0.3, training=False) is x


def test_the_gradient_passes_through_the_noise():
    x = cr.randn(5, 3, requires_grad=True)
    dy = cr.randn(5, 3)
    nn.GaussianNoise(1.0)(x).backward(dy)
    assert x.grad.equal(dy)


@pytest.mark.parametrize(
    "make", [nn.GaussianNoise, lambda std: weight_noise(nn.Linear(1, 1), std)], ids=["x", "w"]
)
def test_standard_deviations(make):
    for std in (-0.1, math.inf, math.nan):
        with pytest.raises(ValueError, match="finite std >= 0"):
            make(std)
    for std in ("1", None):
        with pytest.raises(TypeError, match="std to be a number"):
            make(std)


# ---- weights


def net():
    cr.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()


X = np.linspace(-1, 1, 15).reshape(5, 3)


def test_weights_are_noisy_in_training_alone():
    model, x = net(), cr.tensor(X)
    plain = model(x)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    noise = weight_noise(model, 0.5)
    assert not model(x).equal(plain) and not model(x).equal(model(x))
    assert all(p.equal(before[name]) for name, p in model.named_parameters())
    assert all(type(p) is nn.Parameter for p in model.parameters())
    assert model.eval()(x).equal(plain)
    assert list(model.state_dict()) == list(before)
    noise.remove()
    assert model.train()(x).equal(plain)


def test_gradients_are_those_at_the_noisy_weights():
    model, x = net(), cr.tensor(X)
    weight_noise(model, 0.5)
    cr.manual_seed(2)
    out = model(x).square().sum()
    out.backward()
    other = net()
    cr.manual_seed(2)
    with cr.no_grad():
        for p in other.parameters():
            p.add_(0.5 * cr.randn_like(p))
    want = other(x).square().sum()
    want.backward()
    assert out.equal(want)
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert p.grad.equal(q.grad)


def test_the_standard_deviation_of_the_noise_on_weights():
    cr.manual_seed(3)
    layer = nn.Linear(SIZE, 1, bias=False)
    weight_noise(layer, 0.2)
    x = cr.ones(SIZE, requires_grad=True)
    (seen,) = cr.autograd.grad(layer(x), x)  # the weights that the call saw
    drawn = (seen - layer.weight.detach()[0]).numpy().astype(np.float64)
    assert abs(drawn.mean()) < 5 * 0.2 / math.sqrt(SIZE)
    assert abs(drawn.var() / 0.04 - 1) < 5 * math.sqrt(2 / SIZE)


def test_names_modes_and_shared_weights():
    layer, x = nn.Linear(3, 2), cr.zeros(1, 3)
    weight_noise(layer, 1.0, name="weight")
    assert layer(x)[0].equal(layer.bias)
    with pytest.raises(ValueError, match="a parameter of Linear or below; got 'w'"):
        weight_noise(layer, 1.0, name="w")
    with pytest.raises(TypeError, match="an nn.Module; got int"):
        weight_noise(3, 1.0)
    model = net()
    weight_noise(model, 1.0)
    model[0].eval()  # a frozen part
    model[2].eval()
    assert model(cr.tensor(X)).equal(net()(cr.tensor(X)))
    tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    tied[1].weight = tied[0].weight
    weight_noise(tied, 1.0)
    cr.manual_seed(4)
    out = tied(cr.eye(2))
    cr.manual_seed(4)
    w = tied[0].weight + cr.randn_like(tied[0].weight)
    assert out.equal(nn.functional.linear(nn.functional.linear(cr.eye(2), w), w))


def test_an_error_leaves_the_stored_weights():
    model = net()
    stored = list(model.parameters())
    weight_noise(model, 1.0)
    with pytest.raises(cr.ShapeError):
        model(cr.zeros(2, 7, dtype=cr.float64))
    assert all(p is q for p, q in zip(model.parameters(), stored, strict=True))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_noisy_on_their_own(copied):
    model, x = net(), cr.tensor(X)
    weight_noise(model, 1.0)
    other = copied(model)
    assert not other(x).equal(other(x))
    assert other.eval()(x).equal(model.eval()(x))


def test_with_other_hooks_and_inside_each_other():
    model, x = net(), cr.tensor(X)
    seen = []
    model.register_forward_pre_hook(lambda m, args: seen.append(m[0].weight))
    model.register_forward_hook(lambda m, args, out: seen.append(m[0].weight))
    outer, inner = weight_noise(model, 0.5), weight_noise(model[0], 0.5)
    model(x)
    assert all(type(w) is nn.Parameter for w in seen) and len(seen) == 2
    with outer, inner:
        assert not model(x).equal(model(x))
    assert model(x).equal(net()(x))


def test_lazy_layers_have_no_noise_before_they_have_weights():
    layer = nn.LazyLinear(2)
    weight_noise(layer, 1.0)
    x = cr.ones(1, 3)
    assert layer(x).equal(nn.functional.linear(x, layer.weight, layer.bias))
    assert not layer(x).equal(layer(x))


@pytest.mark.parametrize("kind", ["inputs", "hidden", "weights", "parametrized"])
def test_captured_as_eager(kind):
    def trained(compiled):
        cr.manual_seed(0)
        layers = [nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)]
        if kind in ("inputs", "hidden"):
            layers.insert(0 if kind == "inputs" else 2, nn.GaussianNoise(0.1))
        model = nn.Sequential(*layers)
        if kind == "parametrized":
            nn.utils.parametrizations.weight_norm(model[0])
        if kind in ("weights", "parametrized"):
            weight_noise(model, 0.05)
        optimizer = cr.optim.Adam(model.parameters(), lr=0.05)

        def step(x):
            optimizer.zero_grad()
            loss = (model(x) - 1).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        x = cr.tensor(X.astype(np.float32))
        losses = [step(x).item() for _ in range(8)]
        assert not compiled or step.stats["replays"] >= 4
        return losses, [p.detach() for p in model.parameters()]

    (losses, weights), (again, others) = trained(False), trained(True)
    assert losses == again
    assert all(a.equal(b) for a, b in zip(weights, others, strict=True))


# ---- targets


def test_label_smoothing_is_noise_on_targets():
    """Each label goes to a class drawn evenly with probability 0.1: the expected loss."""
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 0])
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    targets = 0.9 * np.eye(4)[labels] + 0.1 / 4
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)(cr.tensor(scores), cr.tensor(labels))
    assert loss.item() == pytest.approx(-(targets * logs).sum(1).mean(), rel=1e-14)
