"""The containers, layers and losses of nn."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

# ---- containers


def test_sequential_is_a_list_of_calls():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    x = cr.randn(4, 2)
    assert net(x).equal(c(b(a(x))))
    assert list(net) == [a, b, c]
    assert len(net) == 3
    assert net[0] is a
    assert net[-1] is c
    assert list(net[1:]) == [b, c]
    assert isinstance(net[1:], nn.Sequential)
    net[1] = nn.Tanh()
    del net[0]
    assert [n for n, _ in net.named_children()] == ["0", "1"]
    net.insert(0, a).append(b).extend([b, b])
    assert [type(m).__name__ for m in net] == ["Linear", "Tanh", "Linear", "ReLU", "ReLU", "ReLU"]
    assert net.pop(3) is b
    assert net.pop() is b
    assert list(net + nn.Sequential(b))[-1] is b
    assert len(nn.Sequential(a, b) * 3) == len(3 * nn.Sequential(a, b)) == 6
    net *= 2
    assert len(net) == 8
    net.extend(net)
    assert len(net) == 16


def test_sequential_with_names():
    net = nn.Sequential({"first": nn.Linear(2, 2), "act": nn.ReLU()})
    assert list(net.state_dict()) == ["first.weight", "first.bias"]
    assert net.act is net[1]
    assert [n for n, _ in net[:1].named_children()] == ["first"]
    net.act = None
    assert len(net) == 1
    assert net(cr.zeros(1, 2)).shape == (1, 2)


def test_modulelist():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(list(layers.parameters())) == 6
    assert isinstance(layers[:2], nn.ModuleList)
    layers += [nn.ReLU()]
    layers.insert(1, nn.Tanh())
    assert [n for n, _ in layers.named_children()] == ["0", "1", "2", "3", "4"]
    assert isinstance(layers[1], nn.Tanh)
    assert len(layers + [nn.ReLU()]) == 6
    with pytest.raises(NotImplementedError):
        layers(1)


@pytest.mark.parametrize(
    ("error", "act"),
    [
        (TypeError, lambda net: net.append(3)),
        (TypeError, lambda net: net.extend([nn.ReLU(), 3])),
        (TypeError, lambda net: net.insert(0, "x")),
        (TypeError, lambda net: net.__setitem__(0, None)),
        (IndexError, lambda net: net[2]),
        (IndexError, lambda net: net[-3]),
        (IndexError, lambda net: net.__setitem__(5, nn.ReLU())),
        (IndexError, lambda net: net.__delitem__(5)),
        (TypeError, lambda net: net["x"]),
        (ValueError, lambda net: net * 0),
    ],
)
def test_container_misuse_changes_nothing(error, act):
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    before = list(net)
    with pytest.raises(error):
        act(net)
    assert list(net) == before


# ---- layers and losses


def test_linear_shapes():
    layer = nn.Linear(4, 3)
    assert tuple(layer.weight.shape) == (3, 4)
    assert tuple(layer.bias.shape) == (3,)
    for shape in [(4,), (0, 4), (5, 4), (2, 5, 4)]:
        assert tuple(layer(cr.zeros(*shape)).shape) == (*shape[:-1], 3)
    assert nn.Linear(4, 3, bias=False).bias is None
    assert nn.Linear(4, 3, dtype=cr.float64).weight.dtype == cr.float64
    assert nn.Linear(0, 2)(cr.zeros(3, 0)).tolist() == [[0.0, 0.0]] * 3
    for sizes, error in [((-1, 2), ValueError), ((2, -1), ValueError), ((2.5, 2), TypeError)]:
        with pytest.raises(error, match="features"):
            nn.Linear(*sizes)


ACTIVATIONS = {
    "ReLU": lambda x: np.maximum(x, 0),
    "LeakyReLU": lambda x: np.where(x > 0, x, 0.01 * x),
    "SiLU": lambda x: x / (1 + np.exp(-x)),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Tanh": np.tanh,
    "Softplus": lambda x: np.log1p(np.exp(x)),
    "GELU": lambda x: x * np.vectorize(lambda v: 0.5 * (1 + __import__("math").erf(v / 2**0.5)))(x),
    "Identity": lambda x: x,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = np.linspace(-4, 4, 41)
    got = getattr(nn, name)()(cr.tensor(x)).numpy()
    np.testing.assert_allclose(got, ACTIVATIONS[name](x), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("make", [nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.Dropout])
def test_inplace_changes_the_input_and_keeps_the_gradient(make):
    x = cr.linspace(-2, 2, 9, dtype=cr.float64, requires_grad=True)
    layer, plain = make(inplace=True).eval(), make().eval()
    y = x * 1.0
    out = layer(y)
    assert out is y
    assert out.detach().equal(plain(x.detach()))
    (grad,) = cr.autograd.grad(out.sum(), x)
    (want,) = cr.autograd.grad(plain(x).sum(), x)
    assert grad.equal(want)
    with pytest.raises(RuntimeError):
        layer(x)  # a leaf that requires grad


def test_softmax_without_dim_warns_and_chooses_as_pytorch():
    x = cr.randn(2, 3, dtype=cr.float64)
    for make in (nn.Softmax, nn.LogSoftmax):
        with pytest.warns(UserWarning, match="dim"):
            assert make()(x).equal(make(dim=1)(x))
        with pytest.warns(UserWarning, match="dim"):
            assert make()(x[0]).equal(make(dim=0)(x[0]))


def test_flatten():
    x = cr.zeros(2, 3, 4, 5)
    assert tuple(nn.Flatten()(x).shape) == (2, 60)
    assert tuple(nn.Flatten(0, 1)(x).shape) == (6, 4, 5)


def test_losses_check_their_settings():
    for make in (nn.MSELoss, nn.L1Loss, nn.CrossEntropyLoss, nn.NLLLoss, nn.BCELoss):
        with pytest.raises(ValueError, match="reduction"):
            make(reduction="median")
    with pytest.raises(ValueError, match="label_smoothing"):
        nn.CrossEntropyLoss(label_smoothing=1.5)
    with pytest.raises(ValueError, match="delta"):
        nn.HuberLoss(delta=0)
    with pytest.raises(ValueError, match="beta"):
        nn.SmoothL1Loss(beta=-1)


def test_losses_never_broadcast():
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.BCEWithLogitsLoss(), nn.HuberLoss()):
        with pytest.raises(cr.ShapeError, match=r"\(4, 1\).*\(4,\)|\(4,\).*\(4, 1\)"):
            loss(cr.zeros(4, 1), cr.zeros(4))


def test_old_reduction_flags():
    x, y = cr.tensor([1.0, 3.0]), cr.tensor([0.0, 0.0])
    for flags, want in [((True, True), 5.0), ((False, None), 10.0), ((None, False), [1.0, 9.0])]:
        with pytest.warns(UserWarning, match="reduction="):
            assert nn.MSELoss(*flags)(x, y).tolist() == want
        with pytest.warns(UserWarning, match="reduction="):
            assert nn.functional.mse_loss(x, y, *flags).tolist() == want


def test_a_reduction_in_the_place_of_an_old_flag():
    x = cr.zeros(2)
    for call in (lambda: nn.MSELoss("sum"), lambda: nn.functional.l1_loss(x, x, "none")):
        with pytest.raises(TypeError, match=r"reduction='sum'"):
            call()


def test_class_weights_are_buffers():
    loss = nn.CrossEntropyLoss(weight=cr.tensor([1.0, 3.0]))
    assert list(loss.state_dict()) == ["weight"]
    assert loss.double().weight.dtype == cr.float64
    assert not list(nn.CrossEntropyLoss().state_dict())
    x = cr.zeros(2, 2, dtype=cr.float64)
    assert float(loss(x, cr.tensor([0, 1]))) == pytest.approx(np.log(2))


def test_every_functional_operation_of_the_engine_has_its_name():
    native = {name for name in dir(cr._core._functional) if not name.startswith("_")}
    assert native <= set(nn.functional.__all__)
