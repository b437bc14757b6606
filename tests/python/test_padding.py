"""Padding beyond tests/op_cases_padding.py: layers, dtypes, views, empty sides, captured networks."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F

MODES = ("constant", "reflect", "replicate", "circular")
KINDS = ("Zero", "Reflection", "Replication", "Circular")
X = cr.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["bfloat16", "float64", "int32", "uint8", "bool"])
def test_values_keep_their_dtype(mode, name):
    dtype = getattr(cr, name)
    x = X.to(dtype)
    wide = F.pad(x, (2, 1, 1, 0), mode)
    assert wide.dtype is dtype
    assert wide.float().equal(F.pad(x.float(), (2, 1, 1, 0), mode))


@pytest.mark.parametrize("mode", MODES)
def test_views_and_signs_of_zeros(mode):
    x = cr.tensor([[0.0, math.nan, -0.0], [math.inf, -0.0, 1.0], [2.0, -math.inf, -0.0]])
    for view in (x.T, x[:, ::2], x[1:], x[0].expand(3, 3)):
        dense = view.contiguous().numpy()
        for got, want in (
            (F.pad(view, (1, 1), mode).numpy(), F.pad(cr.tensor(dense), (1, 1), mode).numpy()),
            (F.pad(view, (1, 1), mode)[:, 1:-1].numpy(), dense),
        ):
            np.testing.assert_array_equal(got, want)
            np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("mode", MODES)
def test_the_result_is_no_view(mode):
    x = cr.ones(2, 3)
    for pad in ((0, 0), (-1, 0), (1, 1)):
        F.pad(x, pad, mode).fill_(7)
        assert x.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_what_is_empty_stays_empty(mode):
    assert F.pad(cr.zeros(2, 0, 3), (1, 1), mode).shape == (2, 0, 5)
    assert F.pad(cr.zeros(0, 2, 3, 3), (1, 1, 2, 0), mode).shape == (0, 2, 5, 5)
    assert F.pad(cr.zeros(2, 1, 3), (-2, -1), mode).shape == (2, 1, 0)
    assert F.pad(cr.zeros(2, 1, 0), (0, 0), mode).shape == (2, 1, 0)
    with pytest.raises(cr.ShapeError, match="padding of at most 0 .* side of 0; got 1"):
        F.pad(cr.zeros(2, 1, 0), (1, 0), mode)


def test_the_constant_may_be_any_number_that_the_dtype_holds():
    assert F.pad(cr.zeros(1), (1, 1), value=math.inf).tolist() == [math.inf, 0.0, math.inf]
    assert math.isnan(F.pad(cr.zeros(1), (1, 0), value=math.nan)[0].item())
    assert F.pad(cr.zeros(1, dtype=cr.int64), (1, 0), value=1.7).tolist() == [1, 0]
    assert F.pad(cr.zeros(1, dtype=cr.bool), (1, 0), value=True).tolist() == [True, False]
    assert F.pad(cr.zeros(1), (1, 0), value=cr.tensor(2.5)).tolist() == [2.5, 0.0]
    with pytest.raises(ValueError, match=r"^\[pad\] expected a value that fits uint8; got 300"):
        F.pad(cr.zeros(1, dtype=cr.uint8), (1, 0), value=300)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_gradients(mode):
    x = cr.randn(1, 2, 3, 4, dtype=cr.float64, requires_grad=True)

    def f(x):
        return F.pad(x, (2, 1, -1, 2), mode) ** 3

    assert cr.autograd.gradcheck(f, (x,)) and cr.autograd.gradgradcheck(f, (x,))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64, cr.bfloat16])
def test_a_captured_network_has_the_bits_of_the_eager_one(kind, dtype):
    def trained(compiled):
        cr.manual_seed(0)
        pad = getattr(nn, f"{kind}Pad2d")((1, 2, 2, 1))
        net = nn.Sequential(nn.Conv2d(2, 3, 3), pad, nn.Conv2d(3, 1, 3)).to(dtype)
        optimizer = cr.optim.SGD(net.parameters(), lr=0.01)

        def step(x):
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        x = cr.randn(2, 2, 7, 8).to(dtype)
        return [step(x).item() for _ in range(6)], [p.tolist() for p in net.parameters()]

    assert trained(False) == trained(True)


def test_layers_are_the_function():
    x = cr.randn(2, 1, 3, 4, 5)
    modes = dict(zip(KINDS, MODES, strict=True))
    for kind, mode in modes.items():
        for sides in (1, 2, 3):
            layer = getattr(nn, f"{kind}Pad{sides}d")((1, 2) * sides)
            given = x if sides == 3 else x[0, 0] if sides == 1 else x[0]
            assert layer(given).equal(F.pad(given, layer.padding, mode))
            assert list(layer.state_dict()) == []
    for sides in (1, 2, 3):
        layer = getattr(nn, f"ConstantPad{sides}d")(1, 2.5)
        assert layer(x).equal(F.pad(x, (1, 1) * sides, value=2.5))
    assert repr(nn.ZeroPad2d(2)) == "ZeroPad2d((2, 2, 2, 2))"
    assert repr(nn.ConstantPad1d((1, 2), 3.5)) == "ConstantPad1d(padding=(1, 2), value=3.5)"
    assert repr(nn.CircularPad1d((1, -2))) == "CircularPad1d((1, -2))"


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ("[ZeroPad1d] expected padding to be an int or 2 of them; got (1, 2, 3).", lambda: nn.ZeroPad1d((1, 2, 3))),
        ("[ReflectionPad2d] expected padding to be an int or 4 of them; got (1, 2).", lambda: nn.ReflectionPad2d((1, 2))),
        ("[CircularPad1d] expected padding to be an int; got 1.5.", lambda: nn.CircularPad1d((1.5, 1))),
        ("[ReplicationPad3d] expected padding to be an int or 6 of them; got 'ab'.", lambda: nn.ReplicationPad3d("ab")),
        ("[ConstantPad1d] expected value to be a number; got None.", lambda: nn.ConstantPad1d(1, None)),
        ("[ConstantPad2d] expected value to be a number; got '0'.", lambda: nn.ConstantPad2d(1, "0")),
    ],
)  # fmt: skip
def test_layers_refuse_nonsense_when_they_are_made(words, make):
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value) == words


def test_errors_of_a_layer_name_it():
    with pytest.raises(cr.ShapeError, match=r"^in CircularPad1d: \[pad\] expected 4 or 6 numbers"):
        nn.CircularPad1d(1)(cr.ones(1, 1, 1, 3))


def test_a_value_that_is_read_is_not_captured():
    step = cr.compile(lambda x, v: F.pad(x, (1, 1), value=v))
    with pytest.raises(cr.CaptureError):
        step(cr.ones(2), cr.tensor(1.0))


@pytest.mark.parametrize(
    ("sizes", "pad", "mode", "hint"),
    [
        ((1, 1, 3, 3), (1, 1), "reflect", "Use (1, 1, 0, 0)."),
        ((3, 3, 3), (), "replicate", "Use (0, 0)."),
        ((2, 2), (1, 1, 1, 1), "reflect", "Use input.unsqueeze(0)."),
        ((5,), (1, 1), "circular", "Use input.unsqueeze(0)."),
        ((1,) * 6, (1, 1), "replicate", "got (1, 1, 1, 1, 1, 1)."),
        (
            (2, 2),
            1,
            "constant",
            "Use (1, 1) for the last dimension, (1, 1, 1, 1) for the last two.",
        ),
        ((2, 2), ((1, 1), (2, 2)), "constant", "Use (2, 2, 1, 1): the last dimension first."),
        ((2, 2), (1, (2, 2)), "constant", "got (1, (2, 2))."),
        ((2, 2), (1, 1), "edge", "Use 'replicate'."),
        ((2, 2), (1, 1), "wrap", "Use 'circular'."),
        ((2, 2), (1, 1), "zeros", "Use 'constant'."),
        ((2, 2), (1, 1), "symmetric", "got 'symmetric'."),  # which no mode does
    ],
)
def test_what_to_write_instead(sizes, pad, mode, hint):
    with pytest.raises((TypeError, ValueError)) as caught:
        F.pad(cr.ones(sizes), pad, mode)
    assert str(caught.value).endswith(hint)


def test_a_hint_pads_as_numpy_does():
    x = cr.arange(6).reshape(2, 3)
    assert F.pad(x, (2, 2, 1, 1)).tolist() == np.pad(x.numpy(), ((1, 1), (2, 2))).tolist()
    image = x.reshape(1, 1, 2, 3)
    assert F.pad(image, (1, 1, 0, 0), "reflect").equal(F.pad(image[0], (1, 1), "reflect")[None])


def test_the_padding_mode_of_a_convolution_has_its_own_name():
    with pytest.raises(ValueError, match="Use padding_mode='reflect' and ints as padding.$"):
        nn.Conv2d(3, 8, 3, padding="reflect")
