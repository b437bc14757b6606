"""nn.utils.max_norm_ and non_negative_: against NumPy, eager and compiled, and what they refuse."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import utils

SHAPES = [(3, 4), (1, 1), (17, 5), (2, 3, 4), (0, 3), (3, 0), (8, 33)]


def twin(w, most, dim, p):
    """In float64, vector by vector."""
    w = np.moveaxis(w.astype(np.float64), dim, 0).copy()
    for vector in w:
        if vector.size:
            flat = np.abs(vector.ravel())
            norm = flat.max() if p == np.inf else (flat**p).sum() ** (1 / p)
            if norm > most:
                vector *= most / (norm + 1e-7)
    return np.moveaxis(w, 0, dim)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64], ids=str)
@pytest.mark.parametrize("p", [1, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_max_norm(shape, dim, p, dtype):
    w = nn.Parameter(cr.tensor(np.random.default_rng(0).normal(size=shape)).to(dtype))
    before, memory = w.detach().numpy().copy(), w.detach().numpy()
    assert utils.max_norm_(w, 1.5, dim, p) is None
    rtol = 1e-13 if dtype == cr.float64 else 1e-6
    np.testing.assert_allclose(w.detach().numpy(), twin(before, 1.5, dim, p), rtol=rtol)
    assert memory.size == 0 or memory[(0,) * w.dim()] == w.detach().numpy()[(0,) * w.dim()]
    assert w.is_leaf and w.requires_grad


def test_short_vectors_keep_their_bits_and_kinks():
    w = cr.tensor([[3.0, 4.0], [0.1, 0.3], [0.0, -0.0], [float("nan"), 1.0]])
    utils.max_norm_([w], 1.0)
    assert w[1].tolist() == cr.tensor([0.1, 0.3]).tolist()
    assert str(w[2].tolist()) == "[0.0, -0.0]"
    assert np.isnan(w[3, 0].item()) and w[3, 1].item() == 1.0
    assert (w[:3].norm(dim=1) <= 1).all()
    view = cr.ones(4, 6)[::2, ::3]  # a view with gaps is written in its place
    utils.max_norm_(view, 1.0)
    assert (view < 1).all()
    half = cr.full((2, 8), 2.0, dtype=cr.bfloat16)
    utils.max_norm_(half, 1.0)
    assert half.dtype == cr.bfloat16 and half[0, 0].item() == pytest.approx(8**-0.5, rel=2**-8)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64, cr.bfloat16], ids=str)
def test_non_negative(dtype):
    values = [-1.0, 0.0, 2.0, float("inf"), float("-inf"), 1e-30]
    w, v = nn.Parameter(cr.tensor(values, dtype=dtype)), cr.zeros(0, dtype=dtype)
    utils.non_negative_(iter([w, v]))
    assert w.tolist() == cr.tensor([0, 0, 2, float("inf"), 0, 1e-30], dtype=dtype).tolist()
    w = cr.tensor([float("nan")], dtype=dtype)
    utils.non_negative_(w)
    assert w.isnan().all()


def train(compiled, constrain):
    cr.manual_seed(3)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    optimizer = cr.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)

    def step(x):
        optimizer.zero_grad()
        loss = ((net(x) - 2) ** 2).sum()
        loss.backward()
        optimizer.step()
        constrain(net)
        return loss

    call = cr.compile(step) if compiled else step
    for seed in range(8):
        call(cr.randn(5, 4, generator=cr.Generator().manual_seed(seed)))
    return [p.tolist() for p in net.parameters()], call, net


def both(net):
    utils.max_norm_((net[0].weight, net[2].weight), 0.5)
    utils.non_negative_(net[2].parameters())


def test_inside_a_compiled_step():
    eager, _, net = train(False, both)
    compiled, step, _ = train(True, both)
    assert eager == compiled and eager != train(False, lambda net: None)[0]
    assert step.plans == 1 and step.stats["replays"] >= 5
    for layer in (net[0], net[2]):
        assert (layer.weight.norm(dim=1) <= 0.5 * (1 + 1e-6)).all()
    assert all((p >= 0).all() for p in net[2].parameters())


@pytest.mark.parametrize(
    ("args", "kind", "text"),
    [
        ((1.0,), cr.ShapeError, r"at least 2 dimensions; got shape \(3,\)\. Pass the weights"),
        ((0.0,), ValueError, "max_norm > 0; got 0.0"),
        ((float("nan"),), ValueError, "max_norm > 0; got nan"),
        ((float("inf"),), ValueError, "a finite max_norm; got inf"),
        (("1",), TypeError, "max_norm to be a number; got '1'"),
        ((1.0, 0, 0), ValueError, "norm_type > 0; got 0"),
        ((1.0, 2), IndexError, r"dim in \[-2, 1\]"),
        ((1.0, 0.5), TypeError, "dim to be an int; got 0.5"),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(args, kind, text):
    net = nn.Linear(2, 3)
    nn.init.constant_(net.weight, 5.0)
    with pytest.raises(kind, match=rf"^\[max_norm_\] expected .*{text}"):
        utils.max_norm_(net.parameters(), *args)
    assert (net.weight == 5).all()
    for call in (lambda x: utils.max_norm_(x, 1.0), utils.non_negative_):
        with pytest.raises(cr.DtypeError, match="expected floating parameters; got one of"):
            call([net.weight, cr.ones(2, 2, dtype=cr.int64)])
        with pytest.raises(TypeError, match="expected a Tensor"):
            call([net])
