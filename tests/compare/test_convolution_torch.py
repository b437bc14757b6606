"""Convolution and pooling beside PyTorch: text, keys, outputs, gradients, places."""

import numpy as np
import pytest

from both_libraries import LIBRARIES, both, close, same_weights

LAYERS = [
    (lambda nn: nn.Conv1d(2, 3, 4), (2, 2, 9)),
    (lambda nn: nn.Conv1d(4, 6, 3, 2, 2, 3, 2), (2, 4, 17)),
    (lambda nn: nn.Conv1d(2, 3, 4, padding="same", bias=False), (2, 2, 9)),
    (lambda nn: nn.Conv1d(2, 3, 4, padding="valid"), (2, 9)),
    (lambda nn: nn.Conv1d(2, 3, 3, padding=2, padding_mode="circular"), (2, 2, 9)),
    (lambda nn: nn.Conv2d(1, 6, 5), (3, 1, 28, 28)),
    (lambda nn: nn.Conv2d(6, 16, 5), (3, 6, 12, 12)),
    (lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2), (2, 4, 8, 9)),
    (lambda nn: nn.Conv2d(4, 8, 3, padding="same", groups=4, dilation=2), (2, 4, 8, 9)),
    (lambda nn: nn.Conv2d(3, 2, (2, 4), padding="same"), (2, 3, 5, 6)),
    (lambda nn: nn.Conv2d(3, 2, 1, bias=False), (2, 3, 5, 6)),
    (lambda nn: nn.Conv2d(3, 2, 1, stride=2, padding=1), (3, 5, 6)),
    (lambda nn: nn.Conv2d(3, 2, 3, padding=(1, 2), padding_mode="reflect"), (2, 3, 5, 6)),
    (lambda nn: nn.Conv2d(3, 2, 4, padding="same", padding_mode="replicate"), (2, 3, 5, 6)),
    (lambda nn: nn.MaxPool1d(3), (2, 3, 11)),
    (lambda nn: nn.MaxPool1d(3, 2, 1, 2, ceil_mode=True), (2, 3, 11)),
    (lambda nn: nn.MaxPool2d(2), (2, 3, 8, 9)),
    (lambda nn: nn.MaxPool2d((3, 2), (2, 1), (1, 0), (1, 3)), (2, 3, 8, 9)),
    (lambda nn: nn.MaxPool2d(3, stride=2, ceil_mode=True), (3, 8, 9)),
    (lambda nn: nn.AvgPool1d(3, 2, 1), (2, 3, 11)),
    (lambda nn: nn.AvgPool1d(4, 3, 2, True, False), (3, 11)),
    (lambda nn: nn.AvgPool2d(2), (2, 3, 8, 9)),
    (lambda nn: nn.AvgPool2d((3, 2), (2, 1), (1, 0)), (2, 3, 8, 9)),
    (lambda nn: nn.AvgPool2d(3, 2, 1, True), (2, 3, 8, 9)),
    (lambda nn: nn.AvgPool2d(3, 2, 1, True, False), (2, 3, 8, 9)),
    (lambda nn: nn.AvgPool2d(3, 2, 1, divisor_override=4), (3, 8, 9)),
    (lambda nn: nn.AdaptiveAvgPool1d(4), (2, 3, 11)),
    (lambda nn: nn.AdaptiveAvgPool2d(3), (2, 3, 8, 9)),
    (lambda nn: nn.AdaptiveAvgPool2d((None, 5)), (2, 3, 8, 9)),
    (lambda nn: nn.AdaptiveMaxPool1d(4), (2, 3, 11)),
    (lambda nn: nn.AdaptiveMaxPool2d((5, 3)), (2, 3, 8, 9)),
    (lambda nn: nn.AdaptiveMaxPool2d((5, None)), (3, 8, 9)),
    (lambda nn: nn.Unfold(3), (2, 3, 8, 9)),
    (lambda nn: nn.Unfold((2, 3), 2, (1, 0), (1, 2)), (3, 8, 9)),
    (lambda nn: nn.Fold((8, 9), (2, 3), 2, (1, 0), (1, 2)), (2, 18, 24)),
    (lambda nn: nn.Fold(5, 2), (12, 16)),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_layers(make, shape):
    rng = np.random.default_rng(0)
    ours, theirs = (make(lib.nn).double() for lib in LIBRARIES)
    assert repr(ours) == repr(theirs)
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    same_weights(ours, theirs)
    x = rng.normal(size=shape)
    results = []
    for lib, layer in zip(LIBRARIES, (ours, theirs), strict=True):
        given = lib.tensor(x, requires_grad=True)
        out = layer(given)
        dy = np.random.default_rng(1).normal(size=tuple(out.shape))
        leaves = [given, *layer.parameters()]
        firsts = lib.autograd.grad(out, leaves, lib.tensor(dy), create_graph=True)
        length = sum((g * g).sum() for g in firsts)
        seconds = [None] * len(leaves)  # pooling's gradient does not depend on its input
        if length.requires_grad:
            seconds = lib.autograd.grad(length, leaves, allow_unused=True)
        results.append([out, *firsts, *seconds])
    for own, other in zip(*results, strict=True):
        if other is not None and own is not None:
            close(own, other, rtol=1e-10)
        else:
            assert all(t is None or not t.any() for t in (own, other))


def test_places_and_special_values():
    rng = np.random.default_rng(2)
    x = rng.integers(0, 4, (2, 3, 9, 41)).astype("float32")
    x[rng.random(x.shape) < 0.02] = np.nan
    x[rng.random(x.shape) < 0.3] = -np.inf

    def outcomes(lib):
        f, given = lib.nn.functional, lib.tensor(x)
        line = given[0, :, 0]
        return [
            *f.max_pool2d(given, 3, 2, 1, return_indices=True),
            *f.max_pool2d(given, 2, 1, 0, 2, return_indices=True),
            *f.max_pool2d(given, (2, 3), 3, ceil_mode=True, return_indices=True),
            *f.adaptive_max_pool2d(given, (4, 7), return_indices=True),
            *f.adaptive_max_pool1d(line, 6, return_indices=True),
            *f.max_pool1d(line, 3, 2, 1, return_indices=True),
            f.avg_pool2d(given, 3, 2, 1),
            f.adaptive_avg_pool2d(given, (4, 7)),
        ]

    for own, other in zip(*both(outcomes), strict=True):
        np.testing.assert_array_equal(own.isnan().numpy(), other.isnan().numpy())
        np.testing.assert_allclose(own.numpy(), other.numpy(), rtol=1e-6)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_as_much_padding_as_pytorch_takes(kernel, dilation):
    """Half of the kernel's size, whatever its dilation."""
    x = np.random.default_rng(4).normal(size=(2, 17, 17))

    def taken(lib):
        f, plane = lib.nn.functional, lib.tensor(x)
        for padding in range(8):
            for call, given in ((f.max_pool1d, plane[0]), (f.max_pool2d, plane)):
                try:
                    yield call(given, kernel, 1, padding, dilation)
                except (ValueError, RuntimeError):
                    yield None

    results = list(zip(*both(lambda lib: list(taken(lib))), strict=True))
    assert sum(own is not None for own, _ in results) == 2 * (kernel // 2 + 1)
    for own, other in results:
        assert (own is None) == (other is None)
        if own is not None:
            close(own, other)


def test_float32_and_bfloat16():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(3, 6, 12, 12)), rng.normal(size=(16, 6, 5, 5))

    def result(lib, dtype):
        x_, w_ = (lib.tensor(v).to(getattr(lib, dtype)) for v in (x, w))
        out = lib.nn.functional.conv2d(x_, w_)
        return out.float() / 12

    for dtype, rtol in (("float32", 1e-5), ("bfloat16", 2**-6)):
        own, other = both(lambda lib: result(lib, dtype))  # noqa: B023
        close(own, other, rtol=rtol)


@pytest.mark.parametrize(
    "act",
    [
        lambda lib: lib.nn.Conv2d(3, 4, 3, groups=2),
        lambda lib: lib.nn.Conv2d(4, 3, 3, groups=2),
        lambda lib: lib.nn.Conv2d(4, 4, 3, groups=0),
        lambda lib: lib.nn.Conv2d(4, 4, 3, padding_mode="wrong"),
        lambda lib: lib.nn.Conv2d(4, 4, 3, padding="wrong"),
        lambda lib: lib.nn.Conv2d(4, 4, 3, 2, padding="same"),
        lambda lib: lib.nn.Conv2d(3, 4, 3)(lib.zeros(2, 4, 5, 5)),
        lambda lib: lib.nn.Conv2d(3, 4, 3)(lib.zeros(3, 5)),
        lambda lib: lib.nn.Conv2d(3, 4, 3)(lib.zeros(2, 3, 2, 5)),
        lambda lib: lib.nn.Conv1d(3, 4, 3)(lib.zeros(2, 3, 5, 5)),
        lambda lib: lib.nn.Conv1d(3, 4, 3)(lib.zeros(2, 3, 5).double()),
        lambda lib: lib.nn.Conv1d(3, 4, 3, padding=5, padding_mode="reflect")(lib.zeros(2, 3, 5)),
        lambda lib: lib.nn.MaxPool2d(2, padding=2)(lib.zeros(1, 4, 4)),
        lambda lib: lib.nn.MaxPool2d(3, padding=2, dilation=2)(lib.zeros(1, 9, 9)),
        lambda lib: lib.nn.MaxPool2d(3, padding=(1, 2), dilation=3)(lib.zeros(1, 9, 9)),
        lambda lib: lib.nn.MaxPool2d((3, 2), padding=(1, 2), dilation=3)(lib.zeros(1, 9, 9)),
        lambda lib: lib.nn.MaxPool1d(3, padding=2, dilation=2)(lib.zeros(1, 9)),
        lambda lib: lib.nn.AvgPool2d(3, padding=2)(lib.zeros(1, 9, 9)),
        lambda lib: lib.nn.AvgPool1d(2, padding=2)(lib.zeros(1, 9)),
        lambda lib: lib.nn.MaxPool2d(5)(lib.zeros(1, 4, 4)),
        lambda lib: lib.nn.MaxPool2d(2)(lib.zeros(4, 4)),
        lambda lib: lib.nn.AvgPool2d(2, divisor_override=0)(lib.zeros(1, 4, 4)),
        lambda lib: lib.nn.functional.avg_pool2d(lib.zeros(1, 4, 4), 2, stride=0),
        lambda lib: lib.nn.AdaptiveAvgPool2d(2)(lib.zeros(4, 4)),
        lambda lib: lib.nn.functional.fold(lib.zeros(1, 5, 4), 3, 2),
        lambda lib: lib.nn.functional.fold(lib.zeros(1, 4, 5), 3, 2),
        lambda lib: lib.nn.functional.unfold(lib.zeros(1, 4, 4), 5),
    ],
)
def test_what_is_refused(act):
    for lib in LIBRARIES:
        with pytest.raises((ValueError, RuntimeError)):
            act(lib)
