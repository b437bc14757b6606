"""nn.init: the distribution each function draws from, its errors, and that it leaves no history."""

import math
from statistics import NormalDist

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import init

ROWS, COLS = 300, 200  # 60,000 samples: a mean is known to 0.4 %, a quantile to 0.2 %


def weight(*shape, dtype=cr.float32):
    return nn.Parameter(cr.zeros(*(shape or (ROWS, COLS)), dtype=dtype))


def distance(sample, cdf):
    """Kolmogorov and Smirnov's: the largest gap between the sample's distribution and `cdf`."""
    x = np.sort(np.asarray(sample, dtype=np.float64).ravel())
    n = x.size
    expected = np.array([cdf(v) for v in x])
    return max(
        np.abs(np.arange(1, n + 1) / n - expected).max(), np.abs(np.arange(n) / n - expected).max()
    )


def same_distribution(sample, cdf):
    """Below the gap that one in a million samples exceeds (2 exp(-2 n d^2) = 1e-6)."""
    sample = sample.detach().numpy().ravel()[:20000]
    return distance(sample, cdf) < math.sqrt(math.log(2e6) / (2 * sample.size))


def uniform_cdf(a, b):
    return lambda x: min(max((x - a) / (b - a), 0.0), 1.0)


def truncated_cdf(mean, std, a, b):
    if a > mean:  # the upper tail keeps its digits on the other side
        return lambda x: 1 - truncated_cdf(-mean, std, -b, -a)(-x)

    def below(x):  # not 1 + erf, which is 0 from 9 std on
        return math.erfc((mean - x) / (std * math.sqrt(2))) / 2

    return lambda x: (below(x) - below(a)) / (below(b) - below(a))


@pytest.fixture(autouse=True)
def seeded():
    cr.manual_seed(7)


def test_the_measure_sees_a_wrong_distribution():
    w = init.uniform_(weight(), -1, 1)
    assert same_distribution(w, uniform_cdf(-1, 1))
    assert not same_distribution(w, uniform_cdf(-1.05, 1.05))
    assert not same_distribution(w, NormalDist(0, 1 / math.sqrt(3)).cdf)


SLOPE = math.sqrt(5)
DRAWN = {
    "uniform_": (lambda w: init.uniform_(w, -2, 3), uniform_cdf(-2, 3)),
    "normal_": (lambda w: init.normal_(w, 1, 2), NormalDist(1, 2).cdf),
    "xavier_uniform_": (
        lambda w: init.xavier_uniform_(w, gain=2),
        uniform_cdf(-2 * math.sqrt(6 / (ROWS + COLS)), 2 * math.sqrt(6 / (ROWS + COLS))),
    ),
    "xavier_normal_": (
        lambda w: init.xavier_normal_(w, gain=2),
        NormalDist(0, 2 * math.sqrt(2 / (ROWS + COLS))).cdf,
    ),
    "kaiming_uniform_": (
        lambda w: init.kaiming_uniform_(w, a=SLOPE),
        uniform_cdf(-1 / math.sqrt(COLS), 1 / math.sqrt(COLS)),
    ),
    "kaiming_normal_ relu": (
        lambda w: init.kaiming_normal_(w, nonlinearity="relu"),
        NormalDist(0, math.sqrt(2 / COLS)).cdf,
    ),
    "kaiming_normal_ fan_out": (
        lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="tanh"),
        NormalDist(0, 5 / 3 / math.sqrt(ROWS)).cdf,
    ),
}


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
@pytest.mark.parametrize("name", DRAWN)
def test_distribution(name, dtype):
    act, cdf = DRAWN[name]
    w = weight(dtype=dtype)
    assert act(w) is w
    assert w.dtype == dtype
    assert same_distribution(w, cdf)
    assert w.is_leaf
    assert w.requires_grad
    assert w.grad_fn is None


# The middle, one side, narrow around the mean, both tails, far and narrow tails.
INTERVALS = [
    (0, 1, -2, 2),
    (1, 0.5, 1.5, 9),
    (0, 1, -0.1, 0.3),
    (0, 1, 3, 50),
    (0, 1, -9, -2.5),
    (0, 2, 8, 8.5),
    (0, 0.02, -2, 2),
    (0, 1, 0.01, 0.02),
    (5, 1, -20, -10),
]


@pytest.mark.parametrize("case", INTERVALS, ids=str)
def test_trunc_normal(case):
    mean, std, a, b = case
    w = init.trunc_normal_(weight(dtype=cr.float64), mean, std, a, b)
    assert a <= w.min().item()
    assert w.max().item() <= b
    assert same_distribution(w, truncated_cdf(mean, std, a, b))


def test_trunc_normal_keeps_to_bounds_in_float32():
    w = init.trunc_normal_(weight(), 0, 1, 0.1, 0.10001)
    assert np.float32(0.1) <= w.min().item()
    assert w.max().item() <= np.float32(0.10001)


def test_constants():
    w = weight(3, 2)
    assert init.constant_(w, 0.3).tolist() == [[np.float32(0.3)] * 2] * 3
    assert init.ones_(w).tolist() == [[1, 1]] * 3
    assert init.zeros_(w).tolist() == [[0, 0]] * 3
    assert init.eye_(w).tolist() == [[1, 0], [0, 1], [0, 0]]
    assert w.requires_grad
    assert w.is_leaf


@pytest.mark.parametrize("shape", [(6, 6), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal(shape):
    w = init.orthogonal_(weight(*shape, dtype=cr.float64), gain=2).detach().numpy()
    flat = w.reshape(shape[0], -1)
    small = flat if flat.shape[0] <= flat.shape[1] else flat.T
    np.testing.assert_allclose(small @ small.T, 4 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_draws_reflections_too():
    signs = {
        round(float(np.linalg.det(init.orthogonal_(weight(2, 2)).detach().numpy())))
        for _ in range(40)
    }
    assert signs == {-1, 1}


def test_sparse():
    w = init.sparse_(weight(10, 50), sparsity=0.25, std=1.0)
    assert ((w == 0).sum(dim=0)).tolist() == [3] * 50  # 2.5, rounded up
    assert ((w == 0).sum(dim=1) > 0).all()
    assert w.abs().max() > 1


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        ("linear", None, 1),
        ("conv2d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / (1 + 1e-4))),
        ("leaky_relu", 0.2, math.sqrt(2 / 1.04)),
        ("selu", None, 0.75),
    ],
)
def test_gain(name, param, gain):
    assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-15)


def test_generators():
    draws = [
        lambda w, g: init.uniform_(w, generator=g),
        lambda w, g: init.normal_(w, generator=g),
        lambda w, g: init.trunc_normal_(w, generator=g),
        lambda w, g: init.xavier_uniform_(w, generator=g),
        lambda w, g: init.xavier_normal_(w, generator=g),
        lambda w, g: init.kaiming_uniform_(w, generator=g),
        lambda w, g: init.kaiming_normal_(w, generator=g),
        lambda w, g: init.orthogonal_(w, generator=g),
        lambda w, g: init.sparse_(w, 0.5, generator=g),
    ]
    state = cr.get_rng_state().tolist()
    for draw in draws:
        first, again, other = (
            draw(weight(5, 4), cr.Generator().manual_seed(seed)).tolist() for seed in (1, 1, 2)
        )
        assert first == again
        assert first != other
    assert cr.get_rng_state().tolist() == state


def test_linear_starts_in_its_range():
    layer = nn.Linear(100, 400)
    assert same_distribution(layer.weight, uniform_cdf(-0.1, 0.1))
    assert layer.bias.abs().max().item() <= 0.1
    assert layer.bias.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.2)
    cr.manual_seed(7)
    assert nn.Linear(100, 400).weight.equal(layer.weight)
    layer.reset_parameters()
    assert not nn.Linear(100, 400).weight.equal(layer.weight)


def test_nothing_to_fill():
    for act in (
        init.xavier_uniform_,
        init.xavier_normal_,
        init.kaiming_uniform_,
        init.kaiming_normal_,
    ):
        assert tuple(act(weight(0, 3)).shape) == (0, 3)
        assert tuple(act(weight(3, 0)).shape) == (3, 0)
        assert tuple(act(weight(0, 0)).shape) == (0, 0)
    assert tuple(init.orthogonal_(weight(0, 3)).shape) == (0, 3)
    assert init.trunc_normal_(weight(0)).tolist() == []


@pytest.mark.parametrize(
    ("words", "act"),
    [
        ("'swish'", lambda: init.calculate_gain("swish")),
        ("slope", lambda: init.calculate_gain("leaky_relu", "a")),
        ("slope", lambda: init.calculate_gain("leaky_relu", True)),
        ("fan_sum", lambda: init.kaiming_normal_(weight(2, 2), mode="fan_sum")),
        ("2 dimensions", lambda: init.xavier_uniform_(weight(3))),
        ("2 dimensions", lambda: init.kaiming_uniform_(weight(3))),
        ("2 dimensions", lambda: init.eye_(weight(2, 2, 2))),
        ("2 dimensions", lambda: init.orthogonal_(weight(3))),
        ("2 dimensions", lambda: init.sparse_(weight(3), 0.5)),
        ("sparsity", lambda: init.sparse_(weight(3, 3), 1.5)),
        ("std > 0", lambda: init.trunc_normal_(weight(3), std=0)),
        ("a < b", lambda: init.trunc_normal_(weight(3), a=1, b=1)),
        ("std", lambda: init.normal_(weight(3), std=-1)),
        ("uniform", lambda: init.uniform_(weight(3), 1, 0)),
    ],
)
def test_misuse(words, act):
    with pytest.raises(ValueError, match=words):
        act()


@pytest.mark.parametrize(
    ("error", "words", "act"),
    [
        (
            TypeError,
            "[orthogonal_] expected gain to be a number; got 'relu'.",
            ("orthogonal_", "relu"),
        ),
        (ValueError, "[orthogonal_] expected a finite gain; got nan.", ("orthogonal_", math.nan)),
        (
            ValueError,
            "[xavier_normal_] expected a finite gain; got inf.",
            ("xavier_normal_", math.inf),
        ),
        (TypeError, "[xavier_uniform_] expected gain to be a number", ("xavier_uniform_", [2.0])),
        (TypeError, "[trunc_normal_] expected mean to be a number", ("trunc_normal_", "a")),
        (TypeError, "[trunc_normal_] expected a to be a number", ("trunc_normal_", 0, 1, None)),
        (ValueError, "[kaiming_normal_] expected mode", ("kaiming_normal_", 0, ["fan_in"])),
        (
            ValueError,
            "[calculate_gain] expected param to fit float64",
            ("kaiming_normal_", 10**400),
        ),
        (TypeError, "[constant_] expected val to be a number", ("constant_", "a")),
    ],
)
def test_kinds_of_arguments(error, words, act):
    name, *arguments = act
    w = weight(2, 2)
    with pytest.raises(error) as caught:
        getattr(init, name)(w, *arguments)
    assert str(caught.value).startswith(words) and w.tolist() == [[0, 0], [0, 0]]
