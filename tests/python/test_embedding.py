"""nn.Embedding and functional.embedding beyond the table of cases: gradients, limits, captures."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.functional import embedding

NUMBERS = [[3, 1, 3], [0, 3, 2]]


def table(dtype=cr.float64):
    cr.manual_seed(4)
    return cr.randn(5, 2, dtype=dtype)


def gradient_of(scale, padding=None):
    """The twin: what embedding(...).backward(seed) leaves, with its seed."""
    seed = np.random.default_rng(1).normal(size=(2, 3, 2))
    want = np.zeros((5, 2))
    np.add.at(want, np.array(NUMBERS), seed)
    counts = np.bincount(np.ravel(NUMBERS), minlength=5)
    if scale:
        want /= np.maximum(counts, 1)[:, None]
    if padding is not None:
        want[padding] = 0
    return seed, want


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("padding", [None, 3, -2])
def test_the_gradient_of_each_row(scale, padding):
    weight = table().requires_grad_()
    numbers = cr.tensor(NUMBERS)
    out = embedding(numbers, weight, padding, scale_grad_by_freq=scale)
    np.testing.assert_array_equal(out.detach().numpy(), weight.detach().numpy()[np.array(NUMBERS)])
    seed, want = gradient_of(scale, padding)
    out.backward(cr.tensor(seed))
    np.testing.assert_allclose(weight.grad.numpy(), want, rtol=1e-15, atol=1e-16)
    assert weight.grad[4].tolist() == [0.0, 0.0]


def test_a_scaled_gradient_leaves_every_value_as_it_is():
    weight = cr.tensor([[-0.0, float("inf")], [float("nan"), 1.0]], requires_grad=True)
    out = embedding(cr.tensor([0, 0, 1]), weight, scale_grad_by_freq=True).detach().numpy()
    np.testing.assert_array_equal(np.signbit(out[:, 0])[:2], True)
    np.testing.assert_array_equal(out[:, 1], [np.inf, np.inf, 1])
    assert np.isnan(out[2, 0])


def test_gradients_of_gradients():
    weight, numbers = table().requires_grad_(), cr.tensor(NUMBERS)
    for settings in ({}, {"padding_idx": 3}):
        assert cr.autograd.gradgradcheck(
            lambda w, s=settings: embedding(numbers, w, **s).sin(), weight
        )


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3, float("inf")])
def test_long_rows_are_scaled_down_in_place(norm_type):
    weight, numbers = table(), cr.tensor(NUMBERS)
    before = weight.numpy().copy()
    out = embedding(numbers, weight, max_norm=0.7, norm_type=norm_type)
    want = before.copy()
    for row in range(4):
        norm = np.linalg.norm(before[row], norm_type)
        if norm > 0.7:
            want[row] *= 0.7 / (norm + 1e-7)
    assert not np.array_equal(want, before)
    np.testing.assert_allclose(weight.numpy(), want, rtol=1e-14)
    np.testing.assert_array_equal(out.numpy(), weight.numpy()[np.array(NUMBERS)])
    np.testing.assert_array_equal(weight.numpy()[4], before[4])


@pytest.mark.parametrize(
    "settings",
    [{}, {"padding_idx": 3}, {"scale_grad_by_freq": True}, {"max_norm": 0.5, "norm_type": 1}],
)
def test_captured_as_eager(settings):
    def trained(compiled):
        cr.manual_seed(0)
        layer = nn.Embedding(50, 7, **settings)
        optimizer = cr.optim.SGD(layer.parameters(), lr=0.1)

        def step(numbers):
            optimizer.zero_grad()
            loss = layer(numbers).square().sum()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        g = cr.Generator().manual_seed(1)
        losses = [step(cr.randint(0, 50, (64,), generator=g)).item() for _ in range(6)]
        assert not compiled or step.stats["replays"] >= 3
        return losses, layer.weight.detach()

    (losses, weight), (again, replayed) = trained(False), trained(True)
    assert losses == again and weight.equal(replayed)


def test_a_number_outside_in_a_replay_changes_nothing():
    layer = nn.Embedding(4, 2, max_norm=0.1)
    step = cr.compile(lambda numbers: layer(numbers).detach())
    for _ in range(4):
        step(cr.tensor([0, 1]))
    assert step.stats["replays"] >= 1
    before = layer.weight.detach().clone()
    with pytest.raises(IndexError, match=r"num_embeddings=4; got 7 at position \(1,\)"):
        step(cr.tensor([2, 7]))
    assert layer.weight.equal(before)


def test_the_same_bits_for_any_number_of_threads():
    numbers = cr.randint(0, 40, (5000,), generator=cr.Generator().manual_seed(2))
    before = cr.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 4):
            cr.set_num_threads(threads)
            weight = cr.linspace(-1, 1, 40 * 33).reshape(40, 33).requires_grad_()
            out = embedding(numbers, weight, scale_grad_by_freq=True)
            out.sin().sum().backward()
            results.append((out.detach(), weight.grad))
    finally:
        cr.set_num_threads(before)
    for other in results[1:]:
        assert all(a.equal(b) for a, b in zip(results[0], other, strict=True))


def test_the_table_begins_standard_normal_but_for_the_padding():
    cr.manual_seed(0)
    layer = nn.Embedding(2000, 50, padding_idx=-1)
    assert layer.padding_idx == 1999 and layer.weight[1999].tolist() == [0.0] * 50
    drawn = layer.weight.detach()[:-1].numpy()
    assert abs(drawn.mean()) < 5 / np.sqrt(drawn.size)
    assert abs(drawn.var() - 1) < 5 * np.sqrt(2 / drawn.size)


def test_a_pretrained_table():
    rows = table()
    frozen = nn.Embedding.from_pretrained(rows, padding_idx=1)
    assert not frozen.weight.requires_grad and frozen.padding_idx == 1
    assert frozen.weight.data_ptr() == rows.data_ptr()
    assert nn.Embedding.from_pretrained(rows, freeze=False).weight.requires_grad
    with pytest.raises(cr.ShapeError, match="table of 2 dimensions"):
        nn.Embedding.from_pretrained(rows[0])


@pytest.mark.parametrize(
    ("error", "match", "make"),
    [
        (ValueError, "num_embeddings >= 0; got -1", lambda: nn.Embedding(-1, 2)),
        (TypeError, "embedding_dim to be an int", lambda: nn.Embedding(2, 2.5)),
        (ValueError, r"padding_idx in \[-3, 3\); got 3", lambda: nn.Embedding(3, 2, 3)),
        (ValueError, r"padding_idx in \[-3, 3\); got -4", lambda: nn.Embedding(3, 2, -4)),
        (TypeError, "max_norm to be a number", lambda: nn.Embedding(3, 2, max_norm="a")),
        (TypeError, "norm_type to be a number", lambda: nn.Embedding(3, 2, norm_type=None)),
        (ValueError, "sparse=False; got True", lambda: nn.Embedding(3, 2, sparse=True)),
        (
            ValueError,
            r"shape \(3, 2\); got \(2, 2\)",
            lambda: nn.Embedding(3, 2, _weight=cr.ones(2, 2)),
        ),
    ],
)
def test_settings_that_make_no_sense(error, match, make):
    with pytest.raises(error, match=match):
        make()


def test_an_error_names_the_layer():
    with pytest.raises(IndexError, match=r"in Sequential\.0 \(Embedding\)"):
        nn.Sequential(nn.Embedding(3, 2))(cr.tensor([3]))
