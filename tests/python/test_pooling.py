"""Pooling: captured as eager, threads, ties, NaN, padding, places, what is refused."""

import pytest

import chainrule as cr
import harness
from chainrule import nn
from chainrule.nn import functional as F

INF, NAN = float("inf"), float("nan")

LAYERS = [
    (lambda: nn.MaxPool2d(3, 2, 1), (20, 30, 17, 19)),
    (lambda: nn.MaxPool2d(2), (40, 8, 28, 28)),
    (lambda: nn.MaxPool1d(4, 3, 1, 2, ceil_mode=True), (50, 30, 101)),
    (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (20, 30, 17, 19)),
    (lambda: nn.AvgPool2d((1, 3), divisor_override=7), (20, 30, 17, 19)),
    (lambda: nn.AvgPool1d(5), (50, 30, 101)),
    (lambda: nn.AdaptiveAvgPool2d((5, 7)), (20, 30, 17, 19)),
    (lambda: nn.AdaptiveAvgPool1d(1), (50, 30, 101)),
    (lambda: nn.AdaptiveMaxPool2d(4), (20, 30, 17, 19)),
    (lambda: nn.AdaptiveMaxPool1d(9), (50, 30, 101)),
    (lambda: nn.Unfold(3, 1, 1, 2), (20, 8, 28, 28)),
    (lambda: nn.Fold(28, 3, 1, 1, 2), (20, 72, 196)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_bits_do_not_depend_on_threads(make, shape):
    cr.manual_seed(0)
    x, layer = cr.randn(shape, requires_grad=True), make()

    def results():
        y = layer(x)
        (dx,) = cr.autograd.grad(y, x, y.detach().cos())
        return cr.cat([y.detach().reshape(-1), dx.reshape(-1)])

    harness.over_threads(results)


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_captured_gradients_have_the_bits_of_eager_ones(make, shape):
    cr.manual_seed(0)
    layer, x = make(), cr.randn(2, *shape[1:])

    def slopes(x):
        x = x.detach().requires_grad_()
        y = layer(x)
        return y, cr.autograd.grad(y.sin().sum(), x)[0]

    step, eager = cr.compile(slopes), slopes(x)
    for _ in range(3):
        replayed = step(x)
    assert step.stats["replays"] >= 1
    assert harness.bits(replayed) == harness.bits(eager)


def test_of_equal_values_the_first_counts():
    x = cr.tensor([[[1.0, 3.0, 2.0], [3.0, 0.0, 3.0]]], requires_grad=True)
    y, places = F.max_pool2d(x, (2, 3), return_indices=True)
    assert y.tolist() == [[[3.0]]] and places.tolist() == [[[1]]]
    y.sum().backward()
    assert x.grad.tolist() == [[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    places = F.max_pool1d(cr.zeros(1, 40), 3, 1, 1, return_indices=True)[1]
    assert places[0, :4].tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_nan_is_the_largest(stride):
    x = cr.zeros(1, 1, 4, 40)
    x[0, 0, 2, 30] = NAN
    x[0, 0, 1, 31] = INF
    y, places = F.max_pool2d(x, 3, stride, 1, return_indices=True)
    seen = F.unfold(x, 3, 1, 1, stride).isnan().any(1).reshape(y.shape)
    assert y.isnan().equal(seen) and seen.any()
    assert (places[seen] == 110).all()
    wide = F.adaptive_max_pool2d(x, (1, 3))
    assert wide[0, 0, 0].isnan().tolist() == [False, False, True]
    assert F.avg_pool2d(x, 3, stride, 1).isnan().equal(seen)


def test_windows_of_nothing_but_the_smallest():
    x = cr.full((1, 2, 9), -INF)
    y, places = F.max_pool1d(x, 3, 2, 1, return_indices=True)
    assert (y == -INF).all() and places[0, 0].tolist() == [0, 1, 3, 5, 7]


def test_a_dilated_window_that_misses_the_input():
    y, places = F.max_pool1d(cr.ones(1, 1, 1), 2, 1, 1, 2, return_indices=True)
    assert y.shape == places.shape and int(places.max()) == int(places.min()) == 0


def test_windows_may_reach_behind_the_end():
    x = cr.arange(7.0).reshape(1, 7)
    assert F.max_pool1d(x, 3, 2).tolist() == [[2.0, 4.0, 6.0]]
    assert F.max_pool1d(x, 4, 2, ceil_mode=True).tolist() == [[3.0, 5.0, 6.0]]
    assert F.avg_pool1d(x, 4, 2, ceil_mode=True).tolist() == [[1.5, 3.5, 5.0]]


def test_what_of_the_padding_counts():
    x = cr.ones(1, 1, 2, 2)
    assert F.avg_pool2d(x, 2, padding=1).flatten().tolist() == [0.25] * 4
    assert F.avg_pool2d(x, 2, padding=1, count_include_pad=False).flatten().tolist() == [1.0] * 4
    assert F.avg_pool2d(x, 2, divisor_override=-2).item() == -2


def test_gradients_of_gradients():
    cr.manual_seed(0)
    x = cr.randn(2, 2, 6, 7, dtype=cr.float64, requires_grad=True)
    for layer in (
        nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(3, 2, 1),
        nn.AdaptiveAvgPool2d((4, 3)),
        nn.AdaptiveMaxPool2d(3),
        nn.Unfold(2, 2, 1, 2),
    ):
        assert cr.autograd.gradcheck(layer, (x,))
        assert cr.autograd.gradgradcheck(lambda x, layer=layer: layer(x).square(), (x,))


def test_views_and_single_samples():
    x = cr.randn(3, 8, 9, 4).permute(0, 3, 2, 1)[:, ::2]
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(3, 2), nn.AdaptiveAvgPool2d(3), nn.Unfold(2)):
        assert layer(x).equal(layer(x.contiguous()))
        assert layer(x[1]).equal(layer(x)[1])


def test_empty_batches_and_outputs():
    x = cr.zeros(0, 3, 4, 5, requires_grad=True)
    for layer in (nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(2), nn.Unfold(2)):
        y = layer(x)
        y.sum().backward()
        assert y.shape[0] == 0 and x.grad.shape == x.shape
    assert F.adaptive_avg_pool2d(cr.ones(2, 3, 4, 4), 0).shape == (2, 3, 0, 0)
    y = F.adaptive_max_pool2d(cr.ones(2, 3, 4, 4, requires_grad=True), (0, 2))
    assert y.shape == (2, 3, 0, 2)
    y.sum().backward()


def test_places_read_what_was_the_largest():
    x = cr.randn(2, 3, 9, 11)
    for pool in (nn.MaxPool2d(3, 2, 1, return_indices=True), nn.AdaptiveMaxPool2d(4, True)):
        y, places = pool(x)
        assert places.dtype is cr.int64
        assert x.flatten(2).gather(2, places.flatten(2)).reshape(y.shape).equal(y)


def test_fold_undoes_unfold_but_for_how_often():
    x = cr.randn(2, 3, 6, 7, dtype=cr.float64)
    how = {"kernel_size": 3, "padding": 1, "stride": 2}
    often = F.fold(F.unfold(cr.ones_like(x), **how), (6, 7), **how)
    assert cr.allclose(F.fold(F.unfold(x, **how), (6, 7), **how), x * often)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: nn.MaxPool2d(0), r"\[MaxPool2d\] expected kernel_size >= 1; got 0"),
        (lambda: nn.MaxPool2d(2, stride=(1, 0)), r"\[MaxPool2d\] expected stride >= 1; got 0"),
        (lambda: nn.MaxPool1d(2, padding=-1), r"\[MaxPool1d\] expected padding >= 0; got -1"),
        (lambda: nn.MaxPool1d(2, dilation=0.5), "expected dilation to be an int; got 0.5"),
        (lambda: nn.MaxPool1d(2, ceil_mode=1), "expected ceil_mode to be True or False"),
        (lambda: nn.AvgPool1d((2, 2)), r"\[AvgPool1d\] expected kernel_size to be an int"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "expected divisor_override != 0; got 0"),
        (lambda: nn.AdaptiveAvgPool2d(-1), "expected output_size >= 0; got -1"),
        (lambda: nn.AdaptiveMaxPool1d(None), "expected output_size to be an int"),
        (lambda: nn.Unfold(2, stride=0), r"\[Unfold\] expected stride >= 1; got 0"),
        (lambda: nn.Fold((0, 4), 2), r"\[Fold\] expected output_size >= 1; got 0"),
        (lambda: nn.MaxPool2d(2, padding=2)(cr.zeros(1, 4, 4)), "at most half .*, 1; got"),
        (lambda: nn.MaxPool2d(5)(cr.zeros(1, 4, 4)), "no larger than the padded input, 4; got 5"),
        (lambda: nn.AvgPool1d(2)(cr.zeros(4)), r"\(N, C, L\) or \(C, L\).*; got \(4,\)"),
        (lambda: nn.AdaptiveAvgPool2d(2)(cr.zeros(2, 0, 4)), "only N and C of which may be 0"),
        (lambda: nn.AdaptiveMaxPool2d(2)(cr.zeros(2, 0, 4)), "only the first of which may be 0"),
        (lambda: nn.AdaptiveMaxPool1d(2)(cr.zeros(2, 0, 4)), "only the first of which may be 0"),
        (lambda: nn.AvgPool2d(2)(cr.zeros(0, 4, 4)), "only N of which may be 0"),
    ],
)
def test_what_is_refused(make, match):
    with pytest.raises((ValueError, TypeError), match=match):
        make()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.AdaptiveAvgPool1d(2), (2, 0, 2)),
        (lambda: nn.AdaptiveAvgPool1d(2), (0, 2)),
        (lambda: nn.AdaptiveAvgPool2d((2, 3)), (2, 0, 2, 3)),
        (lambda: nn.AdaptiveMaxPool1d(2), (0, 2)),
        (lambda: nn.AdaptiveMaxPool2d((2, 3)), (0, 2, 3)),
        (lambda: nn.AdaptiveMaxPool2d((2, 3)), (0, 4, 2, 3)),
    ],
)
def test_adaptive_pooling_without_channels(layer, shape):
    sides = 1 if shape[-1] == 2 else 2
    x = cr.zeros(*shape[:-sides], *(5, 6)[:sides], requires_grad=True)
    y = layer()(x)
    assert tuple(y.shape) == shape
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_integers_are_not_pooled():
    """A row of docs/divergences.md."""
    x = cr.arange(8).reshape(1, 2, 4)
    for pool in (F.max_pool1d, F.avg_pool1d, F.adaptive_avg_pool1d, F.adaptive_max_pool1d):
        for dtype in (cr.int64, cr.int32, cr.uint8, cr.bool):
            with pytest.raises(cr.DtypeError, match=r"float64; got .*Use float\(\)"):
                pool(x.to(dtype), 2)
        assert pool(x.float(), 2).shape == (1, 2, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: F.max_pool1d(x, 2, n),
        lambda x, n: F.avg_pool1d(x, 2, n),
        lambda x, n: F.max_pool2d(x.unsqueeze(2), (1, 2), n),
        lambda x, n: F.conv1d(x, cr.ones(1, 1, 2), stride=n),
        lambda x, n: F.unfold(x.unsqueeze(2), (1, 2), stride=n),
    ],
)
def test_strides_of_32_bits(call):
    """A row of docs/divergences.md."""
    x = cr.ones(1, 1, 4)
    assert call(x, 2**31 - 1).shape[-1] == 1
    for large in (2**31, 2**62):
        with pytest.raises(cr.ShapeError, match=r"stride, an int .*in \[1, 2147483647\]; got"):
            call(x, large)
