"""nn.EmbeddingBag and functional.embedding_bag: a twin in NumPy, ties, captures, errors."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.functional import embedding_bag

NUMBERS, OFFSETS = [3, 1, 3, 0, 3, 2, 1, 1], [0, 2, 2, 5]
REDUCED = {"sum": np.sum, "mean": np.mean, "max": np.max}


def table(dtype=cr.float64):
    cr.manual_seed(4)
    return cr.randn(5, 3, dtype=dtype)


@pytest.mark.parametrize("mode", REDUCED)
@pytest.mark.parametrize("padding", [None, 3])
def test_each_bag_is_reduced(mode, padding):
    weight = table()
    got = embedding_bag(
        cr.tensor(NUMBERS), weight, cr.tensor(OFFSETS), mode=mode, padding_idx=padding
    )
    for row, bag in zip(got.numpy(), np.split(np.array(NUMBERS), OFFSETS[1:]), strict=True):
        rows = weight.numpy()[bag[bag != padding]]
        want = REDUCED[mode](rows, axis=0) if len(rows) else np.zeros(3)
        np.testing.assert_allclose(row, want, rtol=1e-14)


@pytest.mark.parametrize("mode", REDUCED)
def test_rows_are_bags_of_one_length(mode):
    weight, numbers = table(), np.array([[3, 1, 3], [0, 4, 2]])
    got = embedding_bag(cr.tensor(numbers), weight, mode=mode)
    np.testing.assert_allclose(
        got.numpy(), REDUCED[mode](weight.numpy()[numbers], axis=1), rtol=1e-14
    )


def test_long_bags_have_their_maxima():
    rng = np.random.default_rng(0)
    numbers, starts = rng.integers(0, 50, 1000), np.sort(rng.integers(1, 1000, 20))
    weight = cr.tensor(rng.normal(size=(50, 4)))
    got = embedding_bag(cr.tensor(numbers), weight, cr.tensor([0, *starts]), mode="max")
    bags = np.split(numbers, starts)
    want = [weight.numpy()[bag].max(0) if len(bag) else np.zeros(4) for bag in bags]
    np.testing.assert_array_equal(got.numpy(), want)


def test_the_gradient_of_a_maximum_goes_to_the_first():
    weight = cr.tensor([[1.0, 5.0], [1.0, 2.0], [0.0, 5.0]], requires_grad=True)
    embedding_bag(cr.tensor([[2, 0, 1]]), weight, mode="max").sum().backward()
    assert weight.grad.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("mode", REDUCED)
def test_gradients_are_derivatives(mode):
    weight, numbers, offsets = table().requires_grad_(), cr.tensor(NUMBERS), cr.tensor(OFFSETS)
    assert cr.autograd.gradcheck(
        lambda w: embedding_bag(numbers, w, offsets, mode=mode).sin(), weight
    )
    if mode == "sum":
        factors = cr.randn(8, dtype=cr.float64, requires_grad=True)
        assert cr.autograd.gradcheck(
            lambda w, f: embedding_bag(numbers, w, offsets, mode=mode, per_sample_weights=f).sin(),
            (weight, factors),
        )


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_scaled_gradients_divide_by_how_often_a_row_is_named(mode):
    gradients = []
    for scale in (False, True):
        weight = table().requires_grad_()
        out = embedding_bag(
            cr.tensor(NUMBERS), weight, cr.tensor(OFFSETS), scale_grad_by_freq=scale, mode=mode
        )
        out.sin().sum().backward()
        gradients.append(weight.grad.numpy())
    counts = np.maximum(np.bincount(NUMBERS, minlength=5), 1)
    np.testing.assert_allclose(gradients[1], gradients[0] / counts[:, None], rtol=1e-14)


@pytest.mark.parametrize("mode", REDUCED)
def test_captured_as_eager(mode):
    def trained(compiled):
        cr.manual_seed(0)
        layer = nn.EmbeddingBag(20, 6, mode=mode, padding_idx=0)
        optimizer = cr.optim.SGD(layer.parameters(), lr=0.1)

        def step(numbers, offsets):
            optimizer.zero_grad()
            loss = layer(numbers, offsets).square().sum()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        g = cr.Generator().manual_seed(1)
        losses = []
        for i in range(6):
            numbers = cr.randint(0, 20, (30,), generator=g)
            losses.append(step(numbers, cr.tensor([0, 5 + i, 20])).item())
        assert not compiled or step.stats["replays"] >= 3
        return losses, layer.weight.detach()

    (losses, weight), (again, replayed) = trained(False), trained(True)
    assert losses == again and weight.equal(replayed)
    assert weight[0].tolist() == [0.0] * 6


X = cr.ones(5, 3)


@pytest.mark.parametrize(
    ("error", "match", "act"),
    [
        (
            ValueError,
            "'sum', 'mean' or 'max'; got 'min'",
            lambda: nn.EmbeddingBag(5, 3, mode="min"),
        ),
        (
            ValueError,
            "scale_grad_by_freq=False for mode 'max'",
            lambda: nn.EmbeddingBag(5, 3, mode="max", scale_grad_by_freq=True),
        ),
        (ValueError, "sparse=False; got True", lambda: nn.EmbeddingBag(5, 3, sparse=True)),
        (ValueError, r"padding_idx in \[-5, 5\)", lambda: nn.EmbeddingBag(5, 3, padding_idx=5)),
        (cr.ShapeError, "input .* without offsets", lambda: embedding_bag(cr.tensor([1]), X)),
        (
            cr.ShapeError,
            r"got \(1, 1\) and \(1,\)",
            lambda: embedding_bag(cr.tensor([[1]]), X, cr.tensor([0])),
        ),
        (cr.ShapeError, "a weight of 2 dimensions", lambda: embedding_bag(cr.tensor([[1]]), X[0])),
        (
            NotImplementedError,
            "mode 'sum' with per_sample_weights; got 'mean'",
            lambda: embedding_bag(cr.tensor([[1]]), X, per_sample_weights=cr.ones(1, 1)),
        ),
        (
            cr.ShapeError,
            r"the input's shape \(1, 1\); got \(1,\)",
            lambda: embedding_bag(cr.tensor([[1]]), X, mode="sum", per_sample_weights=cr.ones(1)),
        ),
        (
            cr.DtypeError,
            r"per_sample_weights of weight's dtype, .*float32; got .*float64",
            lambda: embedding_bag(
                cr.tensor([[1]]), X, mode="sum", per_sample_weights=cr.ones(1, 1, dtype=cr.float64)
            ),
        ),
        (
            IndexError,
            r"\[0, 4\] for num_embeddings=5; got 5",
            lambda: embedding_bag(cr.tensor([[5]]), X),
        ),
        (
            IndexError,
            "got 3 at position",
            lambda: embedding_bag(cr.tensor([1]), X, cr.tensor([0, 3])),
        ),
        (  # nobody's number
            IndexError,
            "got -1 at position",
            lambda: embedding_bag(cr.tensor([1, 1]), X, cr.tensor([1])),
        ),
    ],
)
def test_errors(error, match, act):
    with pytest.raises(error, match=match):
        act()


def test_the_old_order_of_arguments_is_understood():
    numbers = cr.tensor([[1, 2]])
    with pytest.warns(UserWarning, match="old order"):
        assert embedding_bag(X, numbers).equal(embedding_bag(numbers, X))


def test_a_pretrained_table():
    rows = table()
    frozen = nn.EmbeddingBag.from_pretrained(rows, mode="sum")
    assert not frozen.weight.requires_grad and frozen.weight.data_ptr() == rows.data_ptr()
    assert nn.EmbeddingBag.from_pretrained(rows, freeze=False).weight.requires_grad
