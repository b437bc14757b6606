"""Weights that are computed when they are read: weight and spectral normalisation, and others."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.utils import parametrize
from chainrule.nn.utils.parametrizations import spectral_norm, weight_norm


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


class Scaled(nn.Module):
    """Of two tensors; right_inverse gives both."""

    def forward(self, direction, scale):
        return direction * scale

    def right_inverse(self, x):
        return x / 2, cr.full((), 2.0)


def linear(*sizes, **settings):
    cr.manual_seed(3)
    return nn.Linear(*sizes, **settings)


def norms_but(weight, dim):
    axes = tuple(i for i in range(weight.ndim) if i != dim % weight.ndim)
    return np.sqrt((weight**2).sum(axis=axes, keepdims=True))


@pytest.mark.parametrize("dim", [0, 1, -2, None])
def test_weight_norm_is_length_times_direction(dim):
    layer = linear(3, 4, dtype=cr.float64)
    before = layer.weight.detach().clone()
    assert weight_norm(layer, dim=dim) is layer
    whole = dim is None
    lengths = np.sqrt((before.numpy() ** 2).sum()) if whole else norms_but(before.numpy(), dim)
    originals = layer.parametrizations.weight
    np.testing.assert_allclose(originals.original0.detach().numpy(), lengths, rtol=1e-15)
    assert originals.original1.equal(before)
    np.testing.assert_allclose(layer.weight.detach().numpy(), before.numpy(), rtol=1e-14)
    with cr.no_grad():
        originals.original0.mul_(3)
        originals.original1.mul_(5)  # its length does not count
    np.testing.assert_allclose(layer.weight.detach().numpy(), 3 * before.numpy(), rtol=1e-14)
    x = cr.randn(2, 3, dtype=cr.float64)
    np.testing.assert_allclose(
        layer(x).detach().numpy(),
        x.numpy() @ (3 * before.numpy()).T + layer.bias.detach().numpy(),
        rtol=1e-12,
    )


def test_the_gradients_of_weight_norm():
    layer = weight_norm(linear(3, 4, dtype=cr.float64))
    chain = layer.parametrizations.weight
    assert cr.autograd.gradcheck(
        lambda g, v: chain[0](g, v).sin(), (chain.original0, chain.original1)
    )


def largest(weight):
    return np.linalg.svd(weight)[1][0]


def test_spectral_norm_divides_by_the_largest_singular_value():
    layer = linear(6, 5, dtype=cr.float64)
    before = layer.weight
    values = before.detach().numpy().copy()
    spectral_norm(layer, n_power_iterations=300)
    layer(cr.ones(1, 6, dtype=cr.float64))
    np.testing.assert_allclose(layer.weight.detach().numpy(), values / largest(values), rtol=1e-9)
    assert layer.parametrizations.weight.original is before
    assert before.detach().numpy().tolist() == values.tolist()


def test_the_power_iteration_is_numpys_and_stops_in_evaluation_mode():
    layer = spectral_norm(linear(6, 5, dtype=cr.float64), n_power_iterations=2)
    chain = layer.parametrizations.weight
    matrix, u, v = (t.detach().numpy().copy() for t in (chain.original, chain[0]._u, chain[0]._v))
    for _ in range(2):
        u = matrix @ v / np.linalg.norm(matrix @ v)
        v = matrix.T @ u / np.linalg.norm(matrix.T @ u)
    got = layer.weight.detach().numpy()
    np.testing.assert_allclose(got, matrix / (u @ matrix @ v), rtol=1e-13)
    np.testing.assert_allclose(chain[0]._u.numpy(), u, rtol=1e-13)
    layer.eval()
    state = {k: t.clone() for k, t in layer.state_dict().items()}
    np.testing.assert_array_equal(layer.weight.detach().numpy(), layer.weight.detach().numpy())
    assert all(t.equal(state[k]) for k, t in layer.state_dict().items())


def test_spectral_norm_of_a_vector_is_its_direction():
    layer = spectral_norm(linear(2, 3, dtype=cr.float64), "bias")
    bias = layer.parametrizations.bias.original.detach().numpy()
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias / np.linalg.norm(bias), rtol=1e-14)
    assert list(layer.state_dict()) == ["weight", "parametrizations.bias.original"]


@pytest.mark.parametrize(
    "norm", [weight_norm, lambda m: weight_norm(m, dim=None), spectral_norm, None]
)
def test_captured_as_eager(norm):
    def trained(compiled):
        net = nn.Sequential(linear(5, 8), nn.Tanh(), linear(8, 1))
        for layer in (net[0], net[2]):
            if norm is None:
                parametrize.register_parametrization(layer, "weight", Doubled())
            else:
                norm(layer)
        optimizer = cr.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) - 1).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        x = cr.linspace(-1, 1, 50).reshape(10, 5)
        losses = [step(x).item() for _ in range(8)]
        assert not compiled or step.stats["replays"] >= 4
        net.eval()
        return losses, [*(t.clone() for t in net.state_dict().values()), net(x).detach()]

    (losses, state), (again, other) = trained(False), trained(True)
    assert losses == again and losses[-1] < losses[0]
    assert all(a.equal(b) for a, b in zip(state, other, strict=True))


def test_two_forwards_before_a_backward():
    layer = spectral_norm(linear(3, 2))
    (layer(cr.ones(1, 3)).sum() - layer(cr.zeros(1, 3)).sum()).backward()
    assert layer.parametrizations.weight.original.grad is not None


def test_a_chain_of_parametrizations():
    layer = linear(3, 3)
    before = layer.weight
    values = before.detach().clone()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer.parametrizations.weight.original is before
    want = 2 * (values.triu() + values.triu(1).T)
    assert layer.weight.equal(want) and layer.weight.requires_grad
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert type(layer).__name__ == "ParametrizedLinear" and isinstance(layer, nn.Linear)
    with pytest.raises(cr.StateError, match="got Doubled, which has none"):
        layer.weight = values
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and layer.weight is before and before.equal(want)
    assert list(layer.state_dict()) == ["bias", "weight"]
    assert parametrize.type_before_parametrizations(layer) is nn.Linear


def test_assigning_writes_the_originals():
    layer = weight_norm(linear(2, 2))
    first = layer.parametrizations.weight.original1
    layer.weight = cr.tensor([[3.0, 4.0], [0.0, 2.0]])
    assert layer.parametrizations.weight.original0.tolist() == [[5.0], [2.0]]
    assert layer.parametrizations.weight.original1 is first
    np.testing.assert_allclose(layer.weight.tolist(), [[3.0, 4.0], [0.0, 2.0]], rtol=1e-6)


def test_removing():
    layer = linear(2, 2)
    values = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "bias", Doubled())
    bias = layer.parametrizations.bias.original.detach().clone()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert layer.weight.equal(values.triu())  # what right_inverse made of it
    assert type(layer).__name__ == "ParametrizedLinear"
    parametrize.remove_parametrizations(layer, "bias")
    assert layer.bias.equal(2 * bias) and isinstance(layer.bias, nn.Parameter)
    weight_norm(layer)
    with pytest.raises(ValueError, match="leave_parametrized=True for a tensor computed from 2"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter)
    np.testing.assert_allclose(layer.weight.tolist(), values.triu().tolist(), rtol=1e-6)
    assert type(layer) is nn.Linear


def test_buffers_and_several_tensors():
    module = nn.Module()
    module.register_buffer("scale", cr.tensor([2.0, 4.0]))
    parametrize.register_parametrization(module, "scale", Scaled())
    assert list(module.state_dict()) == [
        "parametrizations.scale.original0",
        "parametrizations.scale.original1",
    ]
    assert list(module.parameters()) == [] and module.scale.tolist() == [2.0, 4.0]
    module.scale = cr.tensor([6.0, 8.0])
    assert module.parametrizations.scale.original0.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("norm", [weight_norm, spectral_norm])
def test_copies_stand_alone(copied, norm):
    layer = norm(linear(3, 2)).eval()
    other = copied(layer)
    assert type(other) is type(layer) and repr(other) == repr(layer)
    x = cr.ones(1, 3)
    want = layer(x)
    assert other(x).equal(want)
    with cr.no_grad():
        next(other.parametrizations.parameters()).mul_(3)
    assert layer(x).equal(want)
    other.load_state_dict(layer.state_dict())
    assert other(x).equal(want)
    parametrize.remove_parametrizations(other, "weight")
    assert type(other) is nn.Linear and other(x).allclose(want)
    shallow = copy.copy(layer)
    assert shallow(x).equal(want)


def test_functional_call_reaches_the_originals():
    layer = weight_norm(linear(3, 2))
    given = {name: p.detach() * 2 for name, p in layer.named_parameters()}
    x = cr.ones(1, 3)
    assert cr.func.functional_call(layer, given, x).allclose(2 * layer(x))


class Wider(nn.Module):
    def forward(self, x):
        return cr.cat([x, x])


class Text(nn.Module):
    def forward(self, x):
        return "text"


class Single(nn.Module):
    def forward(self, x):
        return x

    def right_inverse(self, x):
        return 3


@pytest.mark.parametrize(
    ("error", "match", "act"),
    [
        (ValueError, "a parameter or a buffer of Linear; got 'w'", lambda m: weight_norm(m, "w")),
        (ValueError, "a parameter of Linear; got 'w'", lambda m: spectral_norm(m, "w")),
        (ValueError, "n_power_iterations >= 1; got 0", lambda m: spectral_norm(m, "weight", 0)),
        (TypeError, "n_power_iterations to be an int", lambda m: spectral_norm(m, "weight", 1.5)),
        (ValueError, "eps > 0; got 0", lambda m: spectral_norm(m, eps=0)),
        (IndexError, r"dim in \[-2, 1\]", lambda m: spectral_norm(m, dim=2)),
        (IndexError, r"dim in \[-2, 1\]", lambda m: weight_norm(m, dim=2)),
        (TypeError, "an nn.Module; got int", lambda m: weight_norm(3)),
        (
            TypeError,
            "an nn.Module; got function",
            lambda m: parametrize.register_parametrization(m, "weight", lambda x: x),
        ),
        (
            ValueError,
            r"float32 and shape \(2, 3\); got .*\(4, 3\)",
            lambda m: parametrize.register_parametrization(m, "weight", Wider()),
        ),
        (
            ValueError,
            "to be a Tensor; got str",
            lambda m: parametrize.register_parametrization(m, "weight", Text()),
        ),
        (
            ValueError,
            "from right_inverse; got int",
            lambda m: parametrize.register_parametrization(m, "weight", Single()),
        ),
        (
            ValueError,
            "a parametrized tensor of Linear; got 'weight'",
            lambda m: parametrize.remove_parametrizations(m, "weight"),
        ),
    ],
)
def test_misuse_changes_nothing(error, match, act):
    layer = linear(3, 2)
    before = dict(layer.state_dict())
    with pytest.raises(error, match=match):
        act(layer)
    assert type(layer) is nn.Linear and list(layer.state_dict()) == list(before)
    assert all(t.equal(before[k]) for k, t in layer.state_dict().items())


def test_unsafe_allows_another_shape():
    layer = parametrize.register_parametrization(linear(3, 2), "weight", Wider(), unsafe=True)
    assert tuple(layer.weight.shape) == (4, 3)
    assert layer.parametrizations.weight.unsafe


def test_registering_ends_plans_and_is_refused_while_recording():
    layer = linear(3, 2)
    run = cr.compile(lambda x: layer(x).detach())
    x = cr.ones(1, 3)
    for _ in range(4):
        run(x)
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert run(x).equal(layer(x))
    with pytest.raises(cr.CaptureError):
        cr.compile(lambda x: spectral_norm(layer, "bias")(x))(x)
    assert list(layer.parametrizations) == ["weight"]
