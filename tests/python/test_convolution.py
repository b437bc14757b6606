"""Convolutions: captured as eager, threads, views, borders, what is refused."""

import math

import numpy as np
import pytest

import chainrule as cr
import harness
from chainrule import nn
from chainrule.nn import functional as F


def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 3),
    )


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_captured_steps_have_the_bits_of_eager_ones(dtype):
    def train(compile):
        cr.manual_seed(0)
        net = small_net().to(dtype)
        optimizer = cr.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = cr.compile(step) if compile else step
        seen = [run(cr.randn(9, 1, 10, 10, dtype=dtype), cr.randint(0, 3, (9,))) for _ in range(7)]
        if compile:
            assert run.stats["replays"] >= 4
        return [t.item() for t in seen], [p.tolist() for p in net.parameters()]

    assert train(True) == train(False)


FORMS = [
    # input, weight, more: blocks of images, of positions, groups, without columns
    ((64, 1, 28, 28), (6, 1, 5, 5), {}),
    ((5, 40, 40, 40), (8, 40, 3, 3), {"padding": 1}),
    ((300, 3, 4, 4), (16, 3, 3, 3), {}),
    ((9, 8, 30, 30), (16, 1, 3, 3), {"groups": 8, "stride": 2, "padding": 2}),
    ((3, 70, 40, 40), (80, 70, 1, 1), {}),
    ((1, 24, 90, 90), (8, 24, 3, 3), {"dilation": 2}),
]


@pytest.mark.parametrize(("shape", "kernel", "more"), FORMS)
def test_bits_do_not_depend_on_threads(shape, kernel, more):
    cr.manual_seed(0)
    x, w = cr.randn(shape, requires_grad=True), cr.randn(kernel, requires_grad=True)
    b = cr.randn(kernel[0], requires_grad=True)

    def results():
        y = F.conv2d(x, w, b, **more)
        gradients = cr.autograd.grad(y, (x, w, b), y.detach().cos())
        return cr.cat([t.detach().reshape(-1) for t in (y, *gradients)])

    harness.over_threads(results)


@pytest.mark.parametrize(("shape", "kernel", "more"), FORMS)
def test_large_forms_are_products_with_columns(shape, kernel, more):
    cr.manual_seed(1)
    x = cr.randn(shape, dtype=cr.float64, requires_grad=True)
    w = cr.randn(kernel, dtype=cr.float64, requires_grad=True)
    y = F.conv2d(x, w, **more)
    groups, more = more.get("groups", 1), {k: v for k, v in more.items() if k != "groups"}
    columns = F.unfold(x, kernel[2:], **more)
    columns = columns.reshape(shape[0], groups, -1, columns.shape[-1])
    product = w.reshape(groups, kernel[0] // groups, -1) @ columns
    other = product.reshape(y.shape)
    assert cr.allclose(y, other, rtol=1e-11, atol=1e-11)
    dy = cr.randn(y.shape, dtype=cr.float64)
    for got, want in zip(
        cr.autograd.grad(y, (x, w), dy), cr.autograd.grad(other, (x, w), dy), strict=True
    ):
        assert cr.allclose(got, want, rtol=1e-10, atol=1e-10)


def test_uneven_padding():
    cr.manual_seed(0)
    x, w = cr.randn(2, 3, 5, 6, dtype=cr.float64), cr.randn(4, 3, 2, 3, dtype=cr.float64)
    wide = cr.tensor(np.pad(x.numpy(), ((0, 0), (0, 0), (1, 3), (2, 4))))
    assert F.conv2d(x, w, padding=(1, 2, 3, 4)).equal(F.conv2d(wide, w))
    line = F.conv1d(x[:, :, 0], w[:, :, 0], padding=(0, 2))
    assert line.equal(F.conv1d(x[:, :, 0], w[:, :, 0], padding=2)[..., 2:])


def test_gradients_of_gradients():
    cr.manual_seed(0)
    x = cr.randn(3, 4, 5, 4, dtype=cr.float64, requires_grad=True)
    w = cr.randn(6, 2, 3, 2, dtype=cr.float64, requires_grad=True)
    b = cr.randn(6, dtype=cr.float64, requires_grad=True)

    def convolved(x, w, b):
        return F.conv2d(x, w, b, stride=(2, 1), padding=1, dilation=(1, 2), groups=2)

    assert cr.autograd.gradcheck(convolved, (x, w, b))
    assert cr.autograd.gradgradcheck(convolved, (x, w, b))


def test_views_give_the_bits_of_dense_inputs():
    cr.manual_seed(0)
    x, w = cr.randn(4, 9, 8, 3), cr.randn(3, 5, 3, 3)
    image, filters = x.permute(0, 3, 2, 1), w.transpose(0, 1)
    got = F.conv2d(image[::2, :, 1:], filters)
    want = F.conv2d(image[::2, :, 1:].contiguous(), filters.contiguous())
    assert got.equal(want)
    assert F.conv2d(image[0], filters).equal(F.conv2d(image[:1], filters)[0])


def test_a_batch_of_none():
    conv = nn.Conv2d(2, 3, 2)
    x = cr.zeros(0, 2, 4, 5, requires_grad=True)
    y = conv(x)
    assert y.shape == (0, 3, 3, 4)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert conv.weight.grad.equal(cr.zeros(3, 2, 2, 2)) and conv.bias.grad.equal(cr.zeros(3))


def test_no_filters_and_no_channels():
    assert F.conv2d(cr.zeros(2, 3, 4, 4), cr.zeros(0, 3, 2, 2)).shape == (2, 0, 3, 3)
    y = F.conv2d(cr.zeros(2, 0, 4, 4), cr.zeros(3, 0, 2, 2), cr.tensor([1.0, 2.0, 3.0]))
    assert y[:, :, 0, 0].tolist() == [[1.0, 2.0, 3.0]] * 2


def test_bfloat16_and_autocast():
    cr.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3)
    x = cr.randn(2, 3, 6, 6)
    want = conv(x)
    with cr.autocast("cpu", dtype=cr.bfloat16):
        got = conv(x)
    assert got.dtype is cr.bfloat16
    assert cr.allclose(got.float(), want, rtol=0.02, atol=0.05)
    half = conv.to(cr.bfloat16)(x.to(cr.bfloat16))
    assert half.dtype is cr.bfloat16 and cr.allclose(half.float(), want, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_modes_are_numpys(mode):
    numpys = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    cr.manual_seed(0)
    conv = nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode=mode).double()
    x = cr.randn(2, 2, 4, 5, dtype=cr.float64)
    wide = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (2, 2)), mode=numpys)
    want = F.conv2d(cr.tensor(wide), conv.weight, conv.bias)
    assert cr.allclose(conv(x), want, rtol=1e-12, atol=1e-12)
    assert conv(x[0]).shape == (3, 4, 7)
    same = nn.Conv1d(1, 1, 4, padding="same", padding_mode=mode)
    assert same(cr.randn(2, 1, 9)).shape == (2, 1, 9)
    assert cr.autograd.gradcheck(conv, (x.requires_grad_(),))


def test_borders_wider_than_they_can_be():
    for mode, most in (("reflect", 3), ("circular", 4)):
        conv = nn.Conv1d(1, 1, 3, padding=5, padding_mode=mode)
        with pytest.raises(cr.ShapeError, match=f"padding of at most {most} .*; got 5"):
            conv(cr.zeros(1, 1, 4))
    with pytest.raises(cr.ShapeError, match="expected an input"):
        nn.Conv1d(1, 1, 3, padding=1, padding_mode="replicate")(cr.zeros(4))


def test_first_weights():
    cr.manual_seed(0)
    conv = nn.Conv2d(16, 64, 3, groups=2)
    bound = 1 / math.sqrt(8 * 9)
    for p in (conv.weight, conv.bias):
        assert p.abs().max().item() <= bound and p.abs().max().item() > 0.9 * bound
    assert abs(conv.weight.var().item() / (bound**2 / 3) - 1) < 0.05
    before = conv.weight.tolist()
    conv.reset_parameters()
    assert conv.weight.tolist() != before


def test_state_dicts():
    conv, other = nn.Conv1d(2, 4, 3), nn.Conv1d(2, 4, 3)
    assert {k: tuple(v.shape) for k, v in conv.state_dict().items()} == {
        "weight": (4, 2, 3),
        "bias": (4,),
    }
    other.load_state_dict(conv.state_dict())
    x = cr.randn(2, 2, 8)
    assert conv(x).equal(other(x))
    assert list(nn.Conv2d(1, 1, 1, bias=False).state_dict()) == ["weight"]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: nn.Conv2d(-1, 2, 3), r"\[Conv2d\] expected in_channels >= 0; got -1"),
        (lambda: nn.Conv2d(1, 2.0, 3), r"\[Conv2d\] expected out_channels to be an int; got 2.0"),
        (lambda: nn.Conv2d(1, 2, 0), r"\[Conv2d\] expected kernel_size >= 1; got 0"),
        (lambda: nn.Conv2d(1, 2, (3, 3, 3)), "expected kernel_size to be an int or 2 of them"),
        (lambda: nn.Conv1d(1, 2, 3, stride=0), r"\[Conv1d\] expected stride >= 1; got 0"),
        (lambda: nn.Conv1d(1, 2, "3"), r"\[Conv1d\] expected kernel_size to be an int; got '3'"),
        (lambda: nn.Conv1d(1, 2, 3, padding=-1), "expected padding >= 0; got -1"),
        (lambda: nn.Conv1d(1, 2, 3, padding="full"), "'same' or 'valid'; got 'full'"),
        (lambda: nn.Conv1d(1, 2, 3, 2, "same"), "expected stride=1 with padding='same'"),
        (lambda: nn.Conv1d(1, 2, 3, dilation=0), "expected dilation >= 1; got 0"),
        (lambda: nn.Conv1d(4, 6, 3, groups=0), "expected groups >= 1; got 0"),
        (lambda: nn.Conv1d(4, 6, 3, groups=4), "expected groups to divide out_channels, 6; got 4"),
        (lambda: nn.Conv1d(4, 6, 3, groups=3), "expected groups to divide in_channels, 4; got 3"),
        (lambda: nn.Conv1d(4, 6, 3, padding_mode="wrap"), "padding_mode to be one of .*'wrap'"),
    ],
)
def test_what_layers_refuse(make, match):
    with pytest.raises((ValueError, TypeError), match=match):
        make()


def test_a_network_of_convolutions_with_linear_layers_at_the_end_learns():
    """Lines across against lines down, wherever they are, which no single pixel tells apart."""
    rng = np.random.default_rng(0)
    cr.manual_seed(0)

    def batch(n):
        images, labels = rng.normal(0, 0.3, (n, 1, 10, 10)), rng.integers(0, 2, n)
        for image, label in zip(images[:, 0], labels, strict=True):
            at = rng.integers(0, 10)
            (image if label else image.T)[at] += 1
        return cr.tensor(images.astype("float32")), cr.tensor(labels)

    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(8, 2)),
    )
    optimizer = cr.optim.Adam(net.parameters(), lr=0.01)

    @cr.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(150):
        step(*batch(64))
    x, y = batch(400)
    assert (net(x).argmax(1) == y).float().mean().item() > 0.97


@pytest.mark.parametrize("compiled", [False, True])
def test_columns_without_end_are_refused(compiled):
    unfold = cr.compile(F.unfold) if compiled else F.unfold
    for channels, kernel, padding in (
        (16, 2**30, 2**29),
        (20, (2147418113, 429509837), (1073709056, 214754918)),
    ):
        with pytest.raises(cr.OutOfMemory, match="columns that memory has room for"):
            unfold(cr.zeros(1, channels, 1, 1), kernel, padding=padding)


def test_no_filters_of_any_size_give_gradients_of_zeros():
    x = cr.ones(64, 1, 1, 1, requires_grad=True)
    F.conv2d(x, cr.zeros(0, 1, 2**29, 2**29), padding=2**28).sum().backward()
    assert x.grad.equal(cr.zeros(64, 1, 1, 1))


@pytest.mark.parametrize("name", ["stride", "dilation"])
def test_named_padding_with_sizes_of_other_kinds(name):
    x, w = cr.randn(1, 1, 5, 5), cr.randn(1, 1, 3, 3)
    same = F.conv2d(x, w, padding="same", **{name: np.int64(1)})
    assert same.equal(F.conv2d(x, w, padding=1))
    for value in (1.5, None, ("a", 1)):
        with pytest.raises(TypeError, match=rf"^\[conv2d\] expected {name} to be an int"):
            F.conv2d(x, w, padding="same", **{name: value})
