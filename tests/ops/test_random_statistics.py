"""Statistics of random numbers at fixed seeds: the limits are 4 to 5 standard deviations, so they hold
or something broke.
"""

import math

import numpy as np
import pytest

import chainrule as cr

SIZE = 300_001  # odd, and several tiles

pytestmark = pytest.mark.usefixtures("random_state")


def moments(x):
    return float(x.mean(dtype=np.float64)), float(x.var(dtype=np.float64))


def kolmogorov(x, cdf):
    """sqrt(n) times the largest distance to the distribution; beyond 2.2 with probability 1e-4."""
    x = np.sort(x.astype(np.float64))
    steps = np.arange(x.size + 1) / x.size
    wanted = cdf(x)
    return math.sqrt(x.size) * max((steps[1:] - wanted).max(), (wanted - steps[:-1]).max())


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_uniform_numbers(dtype):
    cr.manual_seed(100)
    x = cr.rand(SIZE, dtype=dtype).numpy()
    assert 0 <= x.min() and x.max() < 1
    mean, var = moments(x)
    assert abs(mean - 0.5) < 5 * math.sqrt(1 / 12 / SIZE)
    assert abs(var - 1 / 12) < 5 * math.sqrt(1 / 180 / SIZE)
    assert kolmogorov(x, lambda v: v) < 2.2
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 5 / math.sqrt(SIZE)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_normal_numbers(dtype):
    cr.manual_seed(101)
    x = cr.randn(SIZE, dtype=dtype).numpy()
    assert np.isfinite(x).all()
    mean, var = moments(x)
    assert abs(mean) < 5 / math.sqrt(SIZE)
    assert abs(var - 1) < 5 * math.sqrt(2 / SIZE)
    erf = np.vectorize(math.erf)
    assert kolmogorov(x, lambda v: 0.5 * (1 + erf(v / math.sqrt(2)))) < 2.2
    assert abs(np.corrcoef(x[0::2][:-1], x[1::2])[0, 1]) < 5 / math.sqrt(SIZE / 2)  # a pair's two


def test_successive_calls_are_independent():
    cr.manual_seed(102)
    a, b = cr.rand(SIZE).numpy(), cr.rand(SIZE).numpy()
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(SIZE)


def chi_squared(counts):
    """The statistic minus its mean, in standard deviations."""
    wanted = counts.sum() / counts.size
    statistic = ((counts - wanted) ** 2 / wanted).sum()
    return (statistic - (counts.size - 1)) / math.sqrt(2 * (counts.size - 1))


def test_integers_are_equally_likely():
    cr.manual_seed(103)
    x = cr.randint(-3, 7, (SIZE,))
    assert x.dtype == cr.int64
    counts = np.bincount(x.numpy() + 3, minlength=10)
    assert counts.size == 10
    assert abs(chi_squared(counts)) < 5
    wide = cr.randint(-(2**63), 2**63 - 1, (1000,)).numpy()
    assert wide.min() < -(2**62) and wide.max() > 2**62
    assert cr.randint(0, 2, (100,), dtype=cr.bool).numpy().any()


def test_permutations_are_equally_likely():
    cr.manual_seed(104)
    counts = np.zeros(256)
    for _ in range(12_000):
        a, b, c, d = cr.randperm(4).tolist()
        assert {a, b, c, d} == {0, 1, 2, 3}
        counts[64 * a + 16 * b + 4 * c + d] += 1
    seen = counts[counts > 0]
    assert seen.size == 24
    assert abs(chi_squared(seen)) < 5
    order = cr.randperm(SIZE).numpy()
    np.testing.assert_array_equal(np.sort(order), np.arange(SIZE))
    assert (order == np.arange(SIZE)).sum() < 10
    assert cr.randperm(0).tolist() == [] and cr.randperm(1).tolist() == [0]
    assert cr.randperm(5, dtype=cr.int32).dtype == cr.int32


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_bernoulli_frequencies(p):
    cr.manual_seed(105)
    limit = 5 * math.sqrt(p * (1 - p) / SIZE)
    for x in (
        cr.bernoulli(cr.full((SIZE,), p)),
        cr.bernoulli(cr.zeros(SIZE), p),
        cr.zeros(SIZE).bernoulli_(p),
    ):
        assert set(np.unique(x.numpy())) <= {0.0, 1.0}
        assert abs(float(x.numpy().mean(dtype=np.float64)) - p) <= limit


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_places_are_drawn_by_weight(dtype):
    cr.manual_seed(109)
    weights = np.array([0.0, 1.0, 2.0, 0.0, 5.0, 0.0])
    x = cr.tensor(weights, dtype=dtype)
    counts = np.bincount(cr.multinomial(x, SIZE, replacement=True).numpy(), minlength=6)
    wanted = weights / weights.sum() * SIZE
    assert (counts[weights == 0] == 0).all()
    assert (np.abs(counts - wanted) <= 5 * np.sqrt(wanted)).all()
    rows = cr.multinomial(x.expand(SIZE, 6), 3).numpy()
    np.testing.assert_array_equal(np.sort(rows, 1), np.broadcast_to([1, 2, 4], rows.shape))
    # The first is drawn by weight, the second by the weights that are left.
    for first, p in ((1, 1 / 8), (2, 2 / 8), (4, 5 / 8)):
        assert abs((rows[:, 0] == first).mean() - p) < 5 * math.sqrt(p * (1 - p) / SIZE)
    after = rows[rows[:, 0] == 4, 1]
    assert abs((after == 2).mean() - 2 / 3) < 5 * math.sqrt(2 / 9 / after.size)


def test_filling_in_place():
    cr.manual_seed(106)
    x = cr.empty(SIZE)
    assert x.uniform_(-2, 3) is x
    values = x.numpy().copy()
    assert -2 <= values.min() < -1.99 and 2.99 < values.max() <= 3
    x.normal_(5, 0.25)
    mean, var = moments(x.numpy())
    assert abs(mean - 5) < 5 * 0.25 / math.sqrt(SIZE) and abs(var - 0.0625) < 0.001
    matrix = cr.zeros(4, 4)
    matrix[1:3].normal_()
    assert (matrix.numpy()[[0, 3]] == 0).all() and (matrix.numpy()[1:3] != 0).all()
