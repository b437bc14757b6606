"""Random numbers: the generator's algorithm, and streams that depend on nothing but seed and call."""

import copy
import math
import pickle

import numpy as np
import pytest

import chainrule as cr
import chainrule.nn.functional as F

SIZE = 300_001  # odd, and several tiles


pytestmark = pytest.mark.usefixtures("random_state")


def draw_all(n=SIZE):
    """One result of every random operation, as arrays."""
    half = cr.full((n,), 0.5)
    results = [
        cr.rand(n),
        cr.rand(n, dtype=cr.float64),
        cr.randn(n),
        cr.randn(n, dtype=cr.float64),
        cr.randint(-5, 1000, (n,)),
        cr.randint(7, (n,), dtype=cr.int32),
        cr.randperm(n),
        cr.bernoulli(half),
        cr.bernoulli(half, 0.25),
        cr.normal(half, 2.0),
        cr.normal(1.0, 2.0, (n,)),
        F.dropout(cr.ones(n), 0.3),
        F.dropout(cr.ones(n, dtype=cr.float64), 0.3),
        cr.zeros(n).uniform_(-1, 1),
        cr.zeros(n).normal_(3, 0.5),
        cr.zeros(n).bernoulli_(0.1),
        cr.rand_like(half),
        cr.randn_like(half),
        cr.randint_like(half, 9),
        cr.multinomial(half, n, replacement=True),
        cr.multinomial(half, n),
    ]
    return [r.numpy() for r in results]


def test_the_first_words_are_those_of_philox4x32_10():
    """Known answer of the Random123 library for counter 0 and key 0."""
    words = np.array([0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8], dtype=np.uint64)
    cr.manual_seed(0)
    np.testing.assert_array_equal(cr.rand(4).numpy(), (words >> 8).astype(np.float32) / 2**24)


def test_threads_leave_no_trace():
    streams = []
    for threads in (1, 2, 4):
        cr.set_num_threads(threads)
        cr.manual_seed(7)
        streams.append(draw_all())
    for stream in streams[1:]:
        for a, b in zip(streams[0], stream, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
@pytest.mark.parametrize("make", [cr.rand, cr.randn])
def test_an_element_depends_on_its_index_alone(make, dtype):
    cr.manual_seed(3)
    whole = make(100, dtype=dtype).numpy()
    for n in (0, 1, 2, 3, 5, 31, 99):
        cr.manual_seed(3)
        np.testing.assert_array_equal(make(n, dtype=dtype).numpy(), whole[:n])
    cr.manual_seed(3)
    np.testing.assert_array_equal(make(4, 25, dtype=dtype).numpy().ravel(), whole)


def test_the_layout_of_the_input_leaves_no_trace():
    x = cr.arange(12, dtype=cr.float32).reshape(3, 4) + 1
    strided = x.t().contiguous().t()
    for function in (lambda t: F.dropout(t, 0.5), cr.rand_like, lambda t: cr.bernoulli(t / 20)):
        cr.manual_seed(1)
        want = function(x).numpy()
        cr.manual_seed(1)
        np.testing.assert_array_equal(function(strided).numpy(), want)


def test_calls_differ_and_seeds_repeat():
    cr.manual_seed(5)
    first, second = cr.rand(64).numpy(), cr.rand(64).numpy()
    assert (first != second).all()
    cr.manual_seed(5)
    np.testing.assert_array_equal(cr.rand(64).numpy(), first)
    cr.manual_seed(6)
    assert (cr.rand(64).numpy() != first).all()


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63, 2**64 - 1])
def test_any_seed_of_64_bits_is_taken(seed):
    a = cr.Generator().manual_seed(seed)
    b = cr.Generator().manual_seed(seed)
    assert a.initial_seed() == seed % 2**64
    np.testing.assert_array_equal(cr.rand(9, generator=a).numpy(), cr.rand(9, generator=b).numpy())


def test_a_generator_of_ones_own_leaves_the_default_one_alone():
    cr.manual_seed(2)
    want = cr.rand(8).numpy()
    cr.manual_seed(2)
    own = cr.Generator().manual_seed(2)
    np.testing.assert_array_equal(cr.rand(8, generator=own).numpy(), want)
    cr.randn(3, generator=own), cr.randperm(5, generator=own), cr.zeros(3).uniform_(generator=own)
    np.testing.assert_array_equal(cr.rand(8).numpy(), want)


def test_state_is_read_and_set():
    cr.manual_seed(11)
    cr.rand(5)
    state = cr.get_rng_state()
    want = draw_all(100)
    cr.set_rng_state(state)
    for a, b in zip(want, draw_all(100), strict=True):
        np.testing.assert_array_equal(a, b)
    other = cr.Generator()
    other.set_state(state)
    cr.set_rng_state(state)
    np.testing.assert_array_equal(cr.randn(9, generator=other).numpy(), cr.randn(9).numpy())
    before = other.get_state().tolist()
    cr.rand(1, generator=other)
    assert other.get_state().tolist() == [before[0], before[1] + 1]
    with pytest.raises(TypeError, match=r"int64 of sizes \(2,\); got float32 of sizes \(2,\)"):
        other.set_state(cr.zeros(2))
    with pytest.raises(TypeError, match=r"int64 of sizes \(2,\); got int64 of sizes \(3,\)"):
        other.set_state(cr.zeros(3, dtype=cr.int64))
    with pytest.raises(ValueError, match=r"\[set_state\] expected an offset >= 0 .*; got -2"):
        other.set_state(cr.tensor([1, -2]))
    assert other.get_state().tolist() == [before[0], before[1] + 1]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_copy_of_a_generator_draws_on_by_itself(again):
    generator = cr.Generator().manual_seed(2**63 + 5)
    cr.rand(3, generator=generator)
    other = again(generator)
    if again is pickle.dumps:
        other = pickle.loads(other)
    assert type(other) is cr.Generator
    assert other.get_state().tolist() == generator.get_state().tolist()
    want = cr.rand(4, generator=generator).tolist()
    assert cr.rand(4, generator=other).tolist() == want


def test_a_compiled_function_draws_what_an_eager_one_draws():
    def step(x):
        return F.dropout(x, 0.5) + cr.rand(6) + cr.randn_like(x)

    x = cr.ones(6)
    cr.manual_seed(4)
    eager = [step(x).numpy() for _ in range(6)]
    compiled = cr.compile(step)
    cr.manual_seed(4)
    for want in eager:
        np.testing.assert_array_equal(compiled(x).numpy(), want)
    assert compiled.stats["replays"] >= 2


@pytest.mark.parametrize(("dtype", "start"), [(cr.float32, 2.0**23), (cr.float64, 2.0**52)])
def test_uniform_never_reaches_its_end(dtype, start):
    """Of start + u half the sums round up to start + 1, the end."""
    assert (cr.empty(100, dtype=dtype).uniform_(start, start + 1) == start).all().item()
    assert (cr.empty(100, dtype=dtype).uniform_(start, start) == start).all().item()
    x = cr.empty(1000, dtype=dtype).uniform_(start, start + 2)
    assert set(x.tolist()) == {start, start + 1}


# ---- Dropout.
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_dropout_keeps_and_scales(dtype):
    cr.manual_seed(107)
    x = cr.full((SIZE,), 2.0, dtype=dtype)
    y = F.dropout(x, 0.25).numpy()
    assert set(np.unique(y)) == {0.0, y.max()}
    assert y.max() == pytest.approx(2 / 0.75)
    assert abs((y != 0).mean() - 0.75) < 5 * math.sqrt(0.25 * 0.75 / SIZE)


def test_dropout_masks_are_equal_across_dtypes():
    cr.manual_seed(1)
    a = F.dropout(cr.ones(1000), 0.5).numpy()
    cr.manual_seed(1)
    np.testing.assert_array_equal(F.dropout(cr.ones(1000, dtype=cr.float64), 0.5).numpy(), a)


def test_the_gradient_of_dropout_goes_through_the_same_elements():
    cr.manual_seed(108)
    x = cr.randn(5, 7, requires_grad=True)
    y = F.dropout(x, 0.4)
    dy = cr.randn(7, 5).t()
    (dx,) = cr.autograd.grad(y, x, dy, create_graph=True)
    np.testing.assert_array_equal(dx.detach().numpy() != 0, y.detach().numpy() != 0)
    scale = np.float32(1 / 0.6)
    np.testing.assert_array_equal(
        dx.detach().numpy(), np.where(y.detach().numpy() != 0, dy.numpy() * scale, 0)
    )


def test_dropout_without_chance():
    x = cr.tensor([1.0, math.inf, math.nan])
    state = cr.get_rng_state().tolist()
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert cr.get_rng_state().tolist() == state, "no number was needed"
    np.testing.assert_array_equal(F.dropout(x, 1.0).numpy(), np.zeros(3, np.float32))


# ---- What is refused.
@pytest.mark.parametrize(
    "call, error, match",
    [
        (
            lambda: cr.rand(2, dtype=cr.int64),
            TypeError,
            r"\[rand\] expected float32 or float64; got int64",
        ),
        (lambda: cr.randn(2, -1), ValueError, "sizes >= 0"),
        (lambda: cr.randint(3, 3, (2,)), ValueError, "low < high; got 3 and 3"),
        (lambda: cr.randint(0, 300, (2,), dtype=cr.uint8), ValueError, r"\[0, 255\] for uint8"),
        (lambda: cr.randperm(-1), ValueError, "n >= 0; got -1"),
        (lambda: cr.bernoulli(cr.tensor([0.5, 1.5])), ValueError, "element 1"),
        (lambda: cr.bernoulli(cr.tensor([math.nan])), ValueError, "element 0"),
        (lambda: cr.zeros(2).bernoulli_(-0.1), ValueError, r"p in \[0, 1\]; got -0.1"),
        (lambda: cr.normal(0.0, -1.0, (2,)), ValueError, "std >= 0; got -1"),
        (lambda: cr.normal(0.0, 1.0), TypeError, "two numbers and a size"),
        (lambda: cr.zeros(2).uniform_(1, 0), ValueError, "from <= to"),
        (lambda: cr.multinomial(cr.tensor([1.0, -1.0]), 1), ValueError, "row 0"),
        (lambda: cr.multinomial(cr.tensor([[1.0], [0.0]]), 1, True), ValueError, "row 1"),
        (lambda: cr.multinomial(cr.tensor([1.0, 0.0]), 2), ValueError, "enough of them > 0"),
        (lambda: cr.multinomial(cr.ones(3), 4), ValueError, "at most 3 without replacement; got 4"),
        (lambda: cr.multinomial(cr.ones(3, dtype=cr.int64), 1), TypeError, "got int64"),
        (lambda: F.dropout(cr.zeros(2), 1.5), ValueError, r"p in \[0, 1\]; got 1.5"),
        (lambda: cr.rand(2, generator=3), TypeError, "Generator"),
    ],
)
def test_bad_calls(call, error, match):
    with pytest.raises(error, match=match):
        call()


STATE = cr.tensor([1, 2])
ROWS = cr.ones(3, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda f: f.random_next(cr.tensor([1])),
        lambda f: f.random_next(cr.tensor([1.0, 2.0])),
        lambda f: f.random_next(STATE.expand(3, 2)[:, 0]),
        lambda f: f.random_uniform(cr.tensor(1), [3], cr.float32),
        lambda f: f.random_normal(cr.zeros(0, dtype=cr.int64), [3], cr.float32),
        lambda f: f.random_integers(cr.tensor([1]), 0, 5, [3], cr.int64),
        lambda f: f.random_permutation(cr.tensor([1]), 5),
        lambda f: f.random_bernoulli(ROWS, cr.tensor([1])),
        lambda f: f.random_dropout(cr.ones(1).expand(100000), STATE, 0.5),
        lambda f: f.random_times(ROWS.bfloat16(), STATE, 1),
        lambda f: f.random_times(ROWS, STATE, 3),
        lambda f: f.random_places(ROWS.t(), STATE, 3),
        lambda f: f.random_places(cr.ones(()), STATE, 3),
        lambda f: f.random_places(cr.ones(2, 0), STATE, 3),
    ],
)
def test_primitives_refuse_what_they_cannot_read(call):
    with pytest.raises(RuntimeError, match="expected"):
        call(cr._core._ops)
