"""nn and optim beside PyTorch: the same text, keys, values, gradients, trajectories and error
kinds."""

import warnings

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both, close, same_weights

# ---- text and keys


def zoo(lib):
    nn = lib.nn
    return nn.Sequential(
        nn.Linear(4, 8),
        nn.Linear(8, 8, bias=False),
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.LeakyReLU(0.1),
        nn.LeakyReLU(inplace=True),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.SiLU(),
        nn.SiLU(inplace=True),
        nn.Softplus(),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.Softmax(dim=1),
        nn.LogSoftmax(dim=-1),
        nn.Dropout(0.3),
        nn.Dropout(0.3, inplace=True),
        nn.Identity(3, key=4),
        nn.Flatten(),
        nn.Flatten(0, -2),
        nn.ModuleList([nn.Linear(2, 2) for _ in range(3)] + [nn.ReLU(), nn.ReLU(), nn.Tanh()]),
        nn.ModuleList(),
        nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.ModuleList([nn.ReLU()])),
        nn.MSELoss(),
        nn.L1Loss(),
        nn.SmoothL1Loss(),
        nn.HuberLoss(),
        nn.CrossEntropyLoss(weight=lib.ones(3)),
        nn.NLLLoss(),
        nn.BCELoss(),
        nn.BCEWithLogitsLoss(pos_weight=lib.ones(3)),
    )


def test_repr():
    ours, theirs = both(zoo)
    assert repr(ours) == repr(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert repr(own) == repr(other)


def test_state_dict_keys_and_walks():
    ours, theirs = both(zoo)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(ours, walk)()] == [n for n, _ in getattr(theirs, walk)()]


def test_containers_edit_alike():
    def edit(lib):
        nn = lib.nn
        net = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3))
        net.insert(1, nn.Tanh())
        net.append(nn.Sigmoid())
        del net[0]
        net[-1] = nn.Identity()
        net.extend([nn.ReLU(), nn.Tanh()])
        popped = net.pop(2)
        layers = nn.ModuleList(net)
        layers.insert(0, nn.Linear(1, 1))
        del layers[1:3]
        return [repr(v) for v in (net, net[1:], net[-1], popped, layers, layers[:2], net + net)]

    ours, theirs = both(edit)
    assert ours == theirs


# ---- values and gradients

MODULES = {
    "Linear": (lambda nn: nn.Linear(5, 3), (7, 5)),
    "Linear without bias": (lambda nn: nn.Linear(5, 3, bias=False), (2, 7, 5)),
    "Linear of a vector": (lambda nn: nn.Linear(5, 3), (5,)),
    "ReLU": (lambda nn: nn.ReLU(), (4, 9)),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(0.2), (4, 9)),
    "GELU": (lambda nn: nn.GELU(), (4, 9)),
    "GELU tanh": (lambda nn: nn.GELU("tanh"), (4, 9)),
    "SiLU": (lambda nn: nn.SiLU(), (4, 9)),
    "Softplus": (lambda nn: nn.Softplus(2.0, 1.5), (4, 9)),
    "Sigmoid": (lambda nn: nn.Sigmoid(), (4, 9)),
    "Tanh": (lambda nn: nn.Tanh(), (4, 9)),
    "Softmax": (lambda nn: nn.Softmax(dim=0), (4, 9)),
    "Softmax without dim": (lambda nn: nn.Softmax(), (4, 9, 2)),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(dim=1), (4, 9)),
    "Identity": (lambda nn: nn.Identity(), (4, 9)),
    "Flatten": (lambda nn: nn.Flatten(), (4, 3, 2)),
    "Dropout, eval": (lambda nn: nn.Dropout(0.5).eval(), (4, 9)),
    "a network": (
        lambda nn: nn.Sequential(
            nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2), nn.LogSoftmax(dim=-1)
        ),
        (6, 5),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_module(name):
    make, shape = MODULES[name]
    rng = np.random.default_rng(0)
    x, seed = rng.normal(size=shape) * 2, None
    ours, theirs = make(cr.nn).double(), make(torch.nn).double()
    same_weights(ours, theirs)
    xs = cr.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # softmax without dim
        out = ours(xs[0]), theirs(xs[1])
    close(*out)
    seed = rng.normal(size=tuple(out[1].shape))
    out[0].backward(cr.tensor(seed))
    out[1].backward(torch.tensor(seed))
    close(xs[0].grad, xs[1].grad)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad, q.grad)


LOSSES = {
    "MSELoss": {},
    "L1Loss": {},
    "SmoothL1Loss": {"beta": 0.7},
    "HuberLoss": {"delta": 0.7},
    "BCELoss": {"weight": np.array([0.5, 2.0, 1.0])},
    "BCEWithLogitsLoss": {"weight": np.array([0.5, 2, 1]), "pos_weight": np.array([3.0, 1, 0.5])},
    "NLLLoss": {"weight": np.array([0.5, 2.0, 1.0]), "ignore_index": 1},
    "CrossEntropyLoss": {
        "weight": np.array([0.5, 2.0, 1.0]),
        "ignore_index": 1,
        "label_smoothing": 0.2,
    },
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("settings", [True, False], ids=["settings", "defaults"])
def test_loss(name, settings, reduction):
    rng = np.random.default_rng(1)
    x = rng.uniform(0.05, 0.95, (6, 3))
    classes = name in ("NLLLoss", "CrossEntropyLoss")
    y = rng.integers(0, 3, 6) if classes else rng.uniform(size=(6, 3))

    def act(lib):
        chosen = {
            k: lib.tensor(v) if isinstance(v, np.ndarray) else v
            for k, v in (LOSSES[name] if settings else {}).items()
        }
        t = lib.tensor(x, requires_grad=True)
        loss = getattr(lib.nn, name)(reduction=reduction, **chosen)(t, lib.tensor(y))
        (loss * lib.tensor(rng2.uniform(size=tuple(loss.shape)))).sum().backward()
        return loss, t.grad

    results = []
    for lib in LIBRARIES:
        rng2 = np.random.default_rng(2)
        results.append(act(lib))
    for got, want in zip(*results, strict=True):
        close(got, want)


def test_cross_entropy_of_probabilities():
    rng = np.random.default_rng(1)
    x, p = rng.normal(size=(6, 3)), rng.dirichlet(np.ones(3), 6)
    close(
        *both(
            lambda lib: lib.nn.functional.cross_entropy(
                lib.tensor(x), lib.tensor(p), label_smoothing=0.1
            )
        )
    )


# ---- utilities


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clip_grad_norm(norm_type, max_norm):
    rng = np.random.default_rng(4)
    arrays = [rng.normal(size=s) for s in [(3, 4), (5,), ()]]

    def act(lib):
        params = [lib.nn.Parameter(lib.tensor(a)) for a in arrays]
        for p, a in zip(params, arrays, strict=True):
            p.grad = lib.tensor(a * 2)
        params.append(lib.nn.Parameter(lib.ones(2)))  # without gradient
        total = lib.nn.utils.clip_grad_norm_(params, max_norm, norm_type)
        return [total, *(p.grad for p in params[:3])]

    for got, want in zip(*both(act), strict=True):
        close(got, want)


def test_clipping_alike():
    def act(lib):
        p = lib.nn.Parameter(lib.zeros(4))
        p.grad = lib.tensor([-3.0, 0.5, 2.0, float("nan")])
        lib.nn.utils.clip_grad_value_(p, 1)
        q = lib.nn.Parameter(lib.zeros(2))
        none = lib.nn.utils.clip_grad_norm_([q], 1.0)
        q.grad = lib.tensor([float("inf"), 1.0])
        infinite = lib.nn.utils.clip_grad_norm_(q, 1.0)
        return p.grad, none, infinite, q.grad

    for got, want in zip(*both(act), strict=True):
        np.testing.assert_array_equal(got.numpy(), want.numpy())
    for lib in LIBRARIES:
        q = lib.nn.Parameter(lib.zeros(2))
        q.grad = lib.tensor([float("inf"), 1.0])
        with pytest.raises(RuntimeError, match="finite"):
            lib.nn.utils.clip_grad_norm_(q, 1.0, error_if_nonfinite=True)


def test_parameters_as_a_vector():
    def act(lib):
        net = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Linear(3, 1))
        lib.nn.utils.vector_to_parameters(lib.linspace(0, 1, 13), net.parameters())
        return [*net.parameters(), lib.nn.utils.parameters_to_vector(net.parameters())]

    for got, want in zip(*both(act), strict=True):
        close(got, want, rtol=1e-6)
    net = cr.nn.Linear(2, 3)
    before = net.weight.tolist()
    for bad in (cr.zeros(8), cr.zeros(10), cr.zeros(3, 3), [0.0] * 9):
        with pytest.raises((ValueError, TypeError)):
            cr.nn.utils.vector_to_parameters(bad, net.parameters())
    assert net.weight.tolist() == before


@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_gains(name):
    ours, theirs = both(lambda lib: lib.nn.init.calculate_gain(name))
    assert ours == theirs


# ---- the same kinds of errors


def layer(lib):
    return lib.nn.Linear(2, 3)


def parameter(lib):
    return lib.nn.Parameter(lib.ones(2))


MISUSE = {
    "input width": lambda lib: layer(lib)(lib.ones(4, 5)),
    "no forward": lambda lib: lib.nn.Module()(1),
    "tensor as parameter": lambda lib: setattr(layer(lib), "weight", lib.ones(3, 2)),
    "dotted name": lambda lib: layer(lib).register_buffer("a.b", None),
    "empty name": lambda lib: layer(lib).add_module("", None),
    "taken name": lambda lib: layer(lib).register_buffer("weight", None),
    "buffer of a list": lambda lib: layer(lib).register_buffer("b", [1]),
    "unknown attribute": lambda lib: layer(lib).nothing,
    "unknown path": lambda lib: layer(lib).get_parameter("x.y"),
    "mode": lambda lib: layer(lib).train("yes"),
    "integer dtype": lambda lib: layer(lib).to(lib.int64),
    "missing keys": lambda lib: layer(lib).load_state_dict({}),
    "mis-shaped key": lambda lib: layer(lib).load_state_dict({"weight": lib.ones(1)}, strict=False),
    "not a dict": lambda lib: layer(lib).load_state_dict([1]),
    "dropout": lambda lib: lib.nn.Dropout(1.5),
    "sequential of numbers": lambda lib: lib.nn.Sequential(3),
    "index": lambda lib: lib.nn.Sequential()[0],
    "class out of range": lambda lib: lib.nn.CrossEntropyLoss()(lib.ones(2, 3), lib.tensor([0, 5])),
    "optimizer of a tensor": lambda lib: lib.optim.SGD(parameter(lib)),
    "optimizer of nothing": lambda lib: lib.optim.Adam([]),
    "optimizer of numbers": lambda lib: lib.optim.Adam([3]),
    "optimizer of a set": lambda lib: lib.optim.Adam([{"params": {parameter(lib)}}]),
    "no leaf": lambda lib: lib.optim.SGD([parameter(lib) * 2]),
    "two groups": lambda lib: lib.optim.SGD([{"params": [p]} for p in [parameter(lib)] * 2]),
    "lr": lambda lib: lib.optim.SGD([parameter(lib)], lr=-1),
    "nesterov": lambda lib: lib.optim.SGD([parameter(lib)], nesterov=True),
    "betas": lambda lib: lib.optim.Adam([parameter(lib)], betas=(1.0, 0.9)),
    "gain": lambda lib: lib.nn.init.calculate_gain("swish"),
    "fan": lambda lib: lib.nn.init.xavier_uniform_(lib.ones(3)),
    "fan mode": lambda lib: lib.nn.init.kaiming_normal_(lib.ones(3, 3), mode="fan"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_error_kind(name):
    """What PyTorch's users catch catches ours."""
    with pytest.raises(Exception) as theirs:
        MISUSE[name](torch)
    with pytest.raises(theirs.type):
        MISUSE[name](cr)
