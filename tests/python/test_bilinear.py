"""nn.Bilinear and nn.Unflatten beyond the table of cases; dtypes of layers."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def test_bilinear_begins_uniform():
    cr.manual_seed(0)
    layer = nn.Bilinear(16, 40, 50)
    for drawn in (layer.weight.detach().numpy(), layer.bias.detach().numpy()):
        assert drawn.min() >= -0.25 and drawn.max() <= 0.25
    drawn = layer.weight.detach().numpy()
    variance = 0.25**2 / 3  # of uniform numbers in ±1/sqrt(16)
    assert abs(drawn.mean()) < 5 * math.sqrt(variance / drawn.size)
    assert abs(drawn.var() / variance - 1) < 5 * math.sqrt(0.8 / drawn.size)
    before = layer.weight.detach().clone()
    layer.reset_parameters()
    assert not layer.weight.equal(before)


def test_bilinear_trains_captured_as_eager():
    """Learns the scalar product of two vectors."""

    def trained(compiled):
        cr.manual_seed(1)
        layer = nn.Bilinear(3, 3, 1)
        optimizer = cr.optim.Adam(layer.parameters(), lr=0.05)
        x, y = cr.randn(64, 3), cr.randn(64, 3)

        def step(x, y):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(layer(x, y), (x * y).sum(1, keepdim=True))
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        return [step(x, y).item() for _ in range(200)], layer.weight.detach()

    (losses, weight), (again, replayed) = trained(False), trained(True)
    assert losses == again and weight.equal(replayed)
    assert losses[-1] < 1e-3
    np.testing.assert_allclose(weight[0].numpy(), np.eye(3), atol=0.05)


def test_the_same_bits_for_any_number_of_threads():
    cr.manual_seed(2)
    layer, x, y = nn.Bilinear(30, 20, 40), cr.randn(300, 30), cr.randn(300, 20)
    before, results = cr.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            cr.set_num_threads(threads)
            out = layer(x, y)
            layer.zero_grad()
            out.sin().sum().backward()
            results.append([out.detach(), *(p.grad for p in layer.parameters())])
    finally:
        cr.set_num_threads(before)
    for other in results[1:]:
        assert all(a.equal(b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize(
    ("error", "match", "make"),
    [
        (ValueError, "in1_features >= 1; got 0", lambda: nn.Bilinear(0, 1, 1)),
        (ValueError, "in2_features >= 0; got -1", lambda: nn.Bilinear(1, -1, 1)),
        (TypeError, "out_features to be an int; got 1.5", lambda: nn.Bilinear(1, 1, 1.5)),
        (TypeError, "unflattened_size to be a tuple of ints", lambda: nn.Unflatten(1, 3)),
        (TypeError, r"_size\[1\] to be an int; got 1.5", lambda: nn.Unflatten(1, (2, 1.5))),
        (TypeError, r"_size\[1\] to be an int; got True", lambda: nn.Unflatten(1, (2, True))),
        (TypeError, "dim to be an int; got 'a'", lambda: nn.Unflatten("a", (2, 1))),
        (TypeError, "dim to be an int; got True", lambda: nn.Unflatten(True, (2, 1))),
        (cr.ShapeError, "unflatten", lambda: nn.Unflatten(1, (2, 4))(cr.ones(3, 6))),
        (IndexError, "unflatten", lambda: nn.Unflatten(2, (2, 3))(cr.ones(3, 6))),
    ],
)
def test_settings_that_make_no_sense(error, match, make):
    with pytest.raises(error, match=match):
        make()


def test_unflatten_undoes_flatten():
    x = cr.randn(5, 2, 3, 4, requires_grad=True)
    flat = nn.Flatten()(x)
    captured = cr.compile(nn.Unflatten(-1, [2, -1, 4]))
    for _ in range(4):
        assert captured(flat).equal(x)
    nn.Unflatten(1, (2, 3, 4))(flat).sum().backward()
    assert x.grad.equal(cr.ones_like(x))


@pytest.mark.parametrize(
    "make",
    [
        lambda **kind: nn.Bilinear(2, 3, 4, **kind),
        lambda **kind: nn.Embedding(4, 3, **kind),
        lambda **kind: nn.MLP(4, [3], 2, **kind),
        lambda **kind: nn.Autoencoder([4, 2], **kind),
    ],
)
def test_dtype_and_device_of_the_parameters(make):
    for dtype in (cr.float32, cr.float64, cr.bfloat16):
        assert {p.dtype for p in make(dtype=dtype, device="cpu").parameters()} == {dtype}
    with pytest.raises((RuntimeError, ValueError)):
        make(device="cuda")


def test_bilinear_takes_one_dtype():
    x, layer = cr.ones(2, 3), nn.Bilinear(3, 3, 4)
    for place in range(4):
        given = [x, x, layer.weight, layer.bias]
        for dtype in (cr.float64, cr.bfloat16, cr.int64):
            given[place] = given[place].to(dtype)
            with pytest.raises(cr.DtypeError, match=r"^\[bilinear\] expected \w+ of the weight"):
                nn.functional.bilinear(*given)
    with cr.autocast("cpu"):
        assert layer(x.bfloat16(), x).shape == (2, 4)
