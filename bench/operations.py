"""The operations that bench_op times: what both libraries have under one name."""

from collections import namedtuple

import numpy as np

SIZE = 1_000_000
ROWS, WIDTH = 1000, 1000  # of what works on rows
CLASSES = 100


class Operation(namedtuple("Operation", ("name", "inputs", "run"))):
    """`inputs(rng)` gives arrays, those to be differentiated first; `run(lib, *tensors)`."""

    __slots__ = ()

    def prepare(self, lib, seed):
        """(tensors, function of them)"""
        tensors = [_tensor(lib, array) for array in self.inputs(np.random.default_rng(seed))]
        return tensors, lambda *given: self.run(lib, *given)


class Fixed(namedtuple("Fixed", ("array",))):
    """An input that no gradient is asked of."""

    __slots__ = ()


def _tensor(lib, given):
    if isinstance(given, Fixed):
        return lib.tensor(given.array)
    return lib.tensor(given).requires_grad_()


def _normal(rng, *shape):
    return rng.standard_normal(shape, dtype=np.float32)


def _flat(rng):
    return [_normal(rng, SIZE)]


def _rows(rng):
    return [_normal(rng, ROWS, WIDTH)]


ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
    *("logsigmoid", "hardswish", "hardsigmoid", "hardtanh", "hardshrink", "softshrink"),
    *("tanhshrink", "softsign"),
)
ELEMENTWISE = ("sigmoid", "tanh", "atan", "exp", "log1p", "sin", "erf", "sqrt")


def _activations():
    for name in ACTIVATIONS:
        yield Operation(name, _flat, lambda lib, x, n=name: getattr(lib.nn.functional, n)(x))
    for name in ELEMENTWISE:
        yield Operation(
            name, lambda rng: [abs(_normal(rng, SIZE))], lambda lib, x, n=name: getattr(lib, n)(x)
        )
    yield Operation(
        "gelu, tanh form", _flat, lambda lib, x: lib.nn.functional.gelu(x, approximate="tanh")
    )
    yield Operation("threshold", _flat, lambda lib, x: lib.nn.functional.threshold(x, 0.1, 0.0))
    yield Operation(
        "prelu",
        lambda rng: [_normal(rng, ROWS, WIDTH), _normal(rng, WIDTH)],
        lambda lib, x, w: lib.nn.functional.prelu(x, w),
    )
    yield Operation("rrelu", _flat, lambda lib, x: lib.nn.functional.rrelu(x, training=True))
    yield Operation("dropout", _flat, lambda lib, x: lib.nn.functional.dropout(x, 0.2))
    yield Operation(
        "alpha_dropout", _flat, lambda lib, x: lib.nn.functional.alpha_dropout(x, 0.2, True)
    )


def _affine_rows(rng):
    return [_normal(rng, ROWS, WIDTH), _normal(rng, WIDTH), _normal(rng, WIDTH)]


def _planes(rng):
    return [_normal(rng, 25, 40, 1000), _normal(rng, 40), _normal(rng, 40)]


def _row_operations():
    for name in ("softmax", "log_softmax", "softmin", "glu"):
        yield Operation(
            name, _rows, lambda lib, x, n=name: getattr(lib.nn.functional, n)(x, dim=-1)
        )
    yield Operation(
        "layer_norm",
        _affine_rows,
        lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (WIDTH,), w, b),
    )
    yield Operation(
        "rms_norm",
        lambda rng: [_normal(rng, ROWS, WIDTH), _normal(rng, WIDTH)],
        lambda lib, x, w: lib.nn.functional.rms_norm(x, (WIDTH,), w),
    )
    yield Operation(
        "batch_norm",
        _affine_rows,
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, training=True),
    )
    yield Operation(
        "batch_norm of planes",
        _planes,
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, training=True),
    )
    yield Operation(
        "group_norm", _planes, lambda lib, x, w, b: lib.nn.functional.group_norm(x, 8, w, b)
    )
    yield Operation(
        "instance_norm",
        _planes,
        lambda lib, x, w, b: lib.nn.functional.instance_norm(x, weight=w, bias=b),
    )
    yield Operation(
        "embedding",
        lambda rng: [_normal(rng, CLASSES, WIDTH), Fixed(rng.integers(0, CLASSES, ROWS))],
        lambda lib, w, i: lib.nn.functional.embedding(i, w),
    )


def _pair(rng):
    return [_normal(rng, SIZE), Fixed(_normal(rng, SIZE))]


def _probabilities(rng):
    return [rng.random(SIZE, dtype=np.float32), Fixed(rng.random(SIZE, dtype=np.float32))]


def _scores(rng):
    return [
        _normal(rng, SIZE // CLASSES, CLASSES),
        Fixed(rng.integers(0, CLASSES, SIZE // CLASSES)),
    ]


def _signs(rng):
    return [_normal(rng, SIZE), Fixed(np.sign(_normal(rng, SIZE)))]


LOSSES = {
    "mse_loss": _pair,
    "l1_loss": _pair,
    "smooth_l1_loss": _pair,
    "huber_loss": _pair,
    "binary_cross_entropy": _probabilities,
    "binary_cross_entropy_with_logits": _probabilities,
    "kl_div": _probabilities,
    "poisson_nll_loss": _probabilities,
    "soft_margin_loss": _signs,
    "hinge_embedding_loss": _signs,
    "cross_entropy": _scores,
    "nll_loss": _scores,
    "multi_margin_loss": _scores,
}


def _triple(rng):
    return [_normal(rng, ROWS, WIDTH) for _ in range(3)]


def _losses():
    for name, inputs in LOSSES.items():
        yield Operation(name, inputs, lambda lib, x, y, n=name: getattr(lib.nn.functional, n)(x, y))
    yield Operation(
        "multilabel_soft_margin_loss",
        lambda rng: [_normal(rng, ROWS, WIDTH), Fixed(np.sign(abs(_normal(rng, ROWS, WIDTH))))],
        lambda lib, x, y: lib.nn.functional.multilabel_soft_margin_loss(x, y),
    )
    yield Operation(
        "gaussian_nll_loss",
        lambda rng: [_normal(rng, SIZE), Fixed(_normal(rng, SIZE)), rng.random(SIZE, np.float32)],
        lambda lib, x, y, v: lib.nn.functional.gaussian_nll_loss(x, y, v),
    )
    yield Operation(
        "margin_ranking_loss",
        lambda rng: [_normal(rng, SIZE), _normal(rng, SIZE), Fixed(np.sign(_normal(rng, SIZE)))],
        lambda lib, a, b, y: lib.nn.functional.margin_ranking_loss(a, b, y, margin=0.1),
    )
    yield Operation(
        "triplet_margin_loss",
        _triple,
        lambda lib, a, p, n: lib.nn.functional.triplet_margin_loss(a, p, n),
    )
    yield Operation(
        "cosine_embedding_loss",
        lambda rng: [*_triple(rng)[:2], Fixed(np.sign(_normal(rng, ROWS)))],
        lambda lib, a, b, y: lib.nn.functional.cosine_embedding_loss(a, b, y),
    )
    yield Operation(
        "cosine_similarity",
        lambda rng: _triple(rng)[:2],
        lambda lib, a, b: lib.nn.functional.cosine_similarity(a, b),
    )
    yield Operation(
        "pairwise_distance",
        lambda rng: _triple(rng)[:2],
        lambda lib, a, b: lib.nn.functional.pairwise_distance(a, b),
    )


def _convolution(name, x, w, **settings):
    return Operation(
        name,
        lambda rng: [_normal(rng, *x), _normal(rng, *w), _normal(rng, w[0])],
        lambda lib, x, w, b: lib.nn.functional.conv2d(x, w, b, **settings),
    )


def _lstm(rng):
    rows, size = 32, 128
    weights = [_normal(rng, 4 * size, size) * np.float32(size**-0.5) for _ in range(2)]
    return [_normal(rng, 64, rows, size), *weights, _normal(rng, 4 * size), _normal(rng, 4 * size)]


def _run_lstm(lib, x, *weights):
    """One layer, from zeros: what nn.LSTM computes, with these weights."""
    module = _LSTMS.setdefault(lib.__name__, lib.nn.LSTM(128, 128))
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return lib.func.functional_call(module, dict(zip(names, weights, strict=True)), (x,))[0]


_LSTMS = {}


def _layers():
    yield _convolution("conv2d 64x1x28x28 to 6, 5x5", (64, 1, 28, 28), (6, 1, 5, 5))
    yield _convolution("conv2d 64x6x12x12 to 16, 5x5", (64, 6, 12, 12), (16, 6, 5, 5))
    yield _convolution("conv2d 64x32x14x14 to 64, 3x3", (64, 32, 14, 14), (64, 32, 3, 3), padding=1)
    images = (64, 16, 32, 32)
    for name in ("max_pool2d", "avg_pool2d"):
        yield Operation(
            name,
            lambda rng: [_normal(rng, *images)],
            lambda lib, x, n=name: getattr(lib.nn.functional, n)(x, 2),
        )
    yield Operation("lstm 128 to 128, 64 steps of 32", _lstm, _run_lstm)


def operations():
    """All of them, in the order of the documentation."""
    return [*_activations(), *_row_operations(), *_losses(), *_layers()]
