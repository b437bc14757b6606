"""Attention beside PyTorch: the function, its layer and the transformer's encoders, for every
argument, with gradients."""

import inspect
import itertools
import warnings

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both, close, same_weights

NAME = "scaled_dot_product_attention"
INF = float("inf")


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nested tensors and of masks of two types
        yield


def drawn(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def compared(run, arrays, masks=(), rtol=1e-11):
    """run(library, tensors, masks) in both: outputs and the gradients of the tensors."""

    def results(lib):
        tensors = [lib.tensor(x, requires_grad=True) for x in arrays]
        outputs = run(lib, tensors, [None if m is None else lib.tensor(m) for m in masks])
        outputs = [out for out in outputs if out is not None]
        for out, dy in zip(
            outputs, drawn(*(tuple(out.shape) for out in outputs), seed=5), strict=True
        ):
            out.backward(lib.tensor(dy), retain_graph=True)
        return [*outputs, *(x.grad for x in tensors)]

    for got, want in zip(*both(results), strict=True):
        assert (got is None) == (want is None)
        if got is not None:
            close(got, want, rtol=rtol)


SIZES = {
    "matrices": ((3, 4), (5, 4), (5, 2)),
    "heads": ((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7)),
    "broadcast": ((2, 3, 4, 5), (1, 3, 6, 5), (3, 6, 7)),
    "one of each": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "no keys": ((2, 3, 4), (2, 0, 4), (2, 0, 5)),
    "no queries": ((2, 0, 4), (2, 3, 4), (2, 3, 5)),
    "no batch": ((0, 3, 4), (0, 3, 4), (0, 3, 5)),
    "no features": ((2, 3, 0), (2, 4, 0), (2, 4, 5)),
}


@pytest.mark.parametrize(
    "settings", [{}, {"scale": 0.3}, {"scale": -2}, {"is_causal": True}], ids=str
)
@pytest.mark.parametrize("sizes", SIZES)
def test_sizes_scales_and_causality(sizes, settings):
    compared(
        lambda lib, t, _: [getattr(lib.nn.functional, NAME)(*t, **settings)], drawn(*SIZES[sizes])
    )


def masks(rng):
    bools = rng.random((2, 3, 4, 6)) < 0.5
    bools[0, 1, 2] = False  # looks at none
    floats = np.where(bools, rng.standard_normal((2, 3, 4, 6)), -INF)
    yield from (bools, bools[0], bools[0, 1], bools[:, :, :1], bools[0, 0, :, :1], bools[0, 1, 2:3])
    yield from (floats, floats[0, 1], floats[:, :1], floats[0, 0, :1], np.full((4, 6), -INF))
    yield from (floats.astype(np.float32), np.zeros((1, 1)), np.array([[False]]))


@pytest.mark.parametrize("number", range(14))
def test_masks(number):
    mask = [*masks(np.random.default_rng(1))][number]
    compared(
        lambda lib, t, m: [getattr(lib.nn.functional, NAME)(*t, m[0])],
        drawn(*SIZES["heads"]),
        [mask],
    )


def test_a_mask_that_requires_a_gradient():
    compared(
        lambda lib, t, m: [getattr(lib.nn.functional, NAME)(*t[:3], attn_mask=t[3])],
        [*drawn(*SIZES["heads"]), [*masks(np.random.default_rng(1))][6]],
    )


@pytest.mark.parametrize("keys, values", [(3, 3), (1, 1), (6, 6), (3, 2)])
def test_groups_of_heads(keys, values):
    compared(
        lambda lib, t, m: [getattr(lib.nn.functional, NAME)(*t, m[0], enable_gqa=True)],
        drawn((2, 6, 4, 5), (2, keys, 3, 5), (2, values, 3, 7)),
        [np.tri(4, 3, dtype=bool)],
    )


def test_infinities_and_nans():
    """Rows of which all scores are -inf are 0 without a mask, too; of inf and NaN they are NaN."""
    for value in (-INF, INF, np.nan):
        q, k, v = np.ones((1, 2, 1)), np.full((1, 3, 1), value), drawn((1, 3, 2))[0]
        q[0, 1] = 0.5
        got, want = attended(q, k, v)
        np.testing.assert_array_equal(got, want)


def attended(*arrays):
    outputs = both(lambda lib: getattr(lib.nn.functional, NAME)(*map(lib.tensor, arrays)))
    return [out.numpy() for out in outputs]


def test_float32_of_large_scores():
    arrays = [x.astype(np.float32) * 30 for x in drawn(*SIZES["heads"])]
    got, want = attended(*arrays)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


REFUSED = {
    "one dimension": lambda lib, f: f(*(lib.ones(4) for _ in range(3))),
    "features": lambda lib, f: f(lib.ones(2, 4), lib.ones(3, 5), lib.ones(3, 5)),
    "keys": lambda lib, f: f(lib.ones(2, 4), lib.ones(3, 4), lib.ones(2, 5)),
    "leading": lambda lib, f: f(lib.ones(3, 2, 4), lib.ones(2, 3, 4), lib.ones(2, 3, 5)),
    "dtypes": lambda lib, f: f(lib.ones(2, 4), lib.ones(3, 4).double(), lib.ones(3, 5)),
    "integers": lambda lib, f: f(*(lib.ones(2, 2).int() for _ in range(3))),
    "mask and causal": lambda lib, f: f(
        *(lib.ones(2, 2) for _ in range(3)), lib.ones(2, 2), is_causal=True
    ),
    "a mask of integers": lambda lib, f: f(
        *(lib.ones(2, 2) for _ in range(3)), lib.ones(2, 2).int()
    ),
    "a wider mask": lambda lib, f: f(*(lib.ones(2, 2) for _ in range(3)), lib.ones(2, 2).double()),
    "a larger mask": lambda lib, f: f(*(lib.ones(2, 2) for _ in range(3)), lib.ones(3, 2)),
    "a deeper mask": lambda lib, f: f(*(lib.ones(2, 2) for _ in range(3)), lib.ones(5, 2, 2)),
    "a probability": lambda lib, f: f(*(lib.ones(2, 2) for _ in range(3)), dropout_p=1.5),
    "heads": lambda lib, f: f(
        lib.ones(5, 2, 2), lib.ones(2, 2, 2), lib.ones(2, 2, 2), enable_gqa=True
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_both_refuse(case):
    for lib in LIBRARIES:
        with pytest.raises((RuntimeError, ValueError, TypeError)) as refusal:
            REFUSED[case](lib, getattr(lib.nn.functional, NAME))
        if lib is cr:
            assert str(refusal.value).startswith(f"[{NAME}] expected"), refusal.value


def test_signatures():
    for name in ("MultiheadAttention", "TransformerEncoderLayer", "TransformerEncoder"):
        for call in ("__init__", "forward"):
            found = [
                [(p.name, p.kind, "f" if callable(p.default) else p.default) for p in parameters]
                for parameters in both(
                    lambda lib, name=name, call=call: inspect.signature(
                        getattr(getattr(lib.nn, name), call)
                    ).parameters.values()
                )
            ]
            assert found[0] == found[1]


# ---- the layer


LAYERS = [
    {},
    {"num_heads": 1},
    {"bias": False},
    {"add_bias_kv": True},
    {"add_zero_attn": True},
    {"add_bias_kv": True, "add_zero_attn": True, "bias": False, "batch_first": True},
    {"kdim": 5},
    {"vdim": 7, "bias": False},
    {"kdim": 5, "vdim": 7, "add_bias_kv": True},
    {"batch_first": True},
]


def layers(**settings):
    settings = {"embed_dim": 6, "num_heads": 3, **settings}
    ours, theirs = (lib.nn.MultiheadAttention(**settings).double() for lib in LIBRARIES)
    for p, x in zip(
        theirs.parameters(), drawn(*(p.shape for p in theirs.parameters()), seed=9), strict=True
    ):
        p.data = torch.tensor(x)
    same_weights(ours, theirs)
    return {cr: ours, torch: theirs}


def text_and_keys(module):
    return repr(module), list(module.state_dict()), [n for n, _ in module.named_parameters()]


@pytest.mark.parametrize("settings", LAYERS, ids=str)
def test_text_keys_and_beginnings(settings):
    made = layers(**settings)
    assert text_and_keys(made[cr]) == text_and_keys(made[torch])
    for lib in LIBRARIES:
        lib.manual_seed(0)
    large = {"embed_dim": 256, "num_heads": 4, **settings}
    fresh = both(lambda lib: lib.nn.MultiheadAttention(**large))
    for (name, a), (_, b) in zip(*(m.named_parameters() for m in fresh), strict=True):
        a, b = a.detach().numpy(), b.detach().numpy()
        # Four deviations of the difference between two deviations of n numbers each.
        np.testing.assert_allclose(a.std(), b.std(), rtol=4 / np.sqrt(a.size), err_msg=name)
        assert a.size < 1000 or abs(abs(a).max() - abs(b).max()) < 0.01 * abs(b).max()


def grids():
    for settings, need, average in itertools.product(LAYERS, (True, False), (True, False)):
        if need or average:
            yield settings, need, average


@pytest.mark.parametrize("batch", [None, 1, 2])
@pytest.mark.parametrize("masked", ["", "attn", "attn3", "key", "both", "float"])
@pytest.mark.parametrize("settings, need, average", list(grids()), ids=str)
def test_the_layer(settings, need, average, masked, batch):
    made = layers(**settings)
    length, count, heads = 4, 5, made[cr].num_heads
    leading = () if batch is None else (batch,)
    sizes = [(length, 6), (count, made[cr].kdim), (count, made[cr].vdim)]
    arrays = drawn(*((*leading, *size) for size in sizes))
    if batch and not settings.get("batch_first"):
        arrays = [x.swapaxes(0, 1).copy() for x in arrays]
    rng = np.random.default_rng(3)
    attn, padding = rng.random((length, count)) < 0.3, rng.random((*leading, count)) < 0.3
    attn[:, 0] = padding[..., 0] = False  # each query looks at one
    given = {
        "": (None, None),
        "attn": (attn, None),
        "attn3": (rng.random(((batch or 1) * heads, length, count)) < 0.3, None),
        "key": (None, padding),
        "both": (attn, padding),
        "float": (np.where(attn, -INF, rng.standard_normal(attn.shape)), padding * 0.7),
    }[masked]
    if masked == "attn3":
        given[0][..., 0] = False

    def run(lib, tensors, masks):
        keys = {"attn_mask": masks[0], "key_padding_mask": masks[1]}
        return made[lib](*tensors, need_weights=need, average_attn_weights=average, **keys)

    compared(run, arrays, given, rtol=1e-10)
    for own, other in zip(made[cr].parameters(), made[torch].parameters(), strict=True):
        close(own.grad, other.grad, rtol=1e-10)


APPENDED = {"add_bias_kv": True, "add_zero_attn": True}
# Without weights and padding PyTorch hides what is appended: tests/python/test_attention.py.
CAUSAL = [(need, padded, {}) for need in (True, False) for padded in (True, False)]
CAUSAL += [(True, True, APPENDED), (True, False, APPENDED), (False, True, APPENDED)]


@pytest.mark.parametrize(("need", "padded", "extra"), CAUSAL, ids=str)
def test_self_attention_with_a_causal_mask(need, padded, extra):
    made = layers(batch_first=True, **extra)
    mask, padding = ~np.tri(4, dtype=bool), np.array([[False] * 4, [False, True, False, True]])

    def run(lib, tensors, masks):
        (x,) = tensors
        keys = {"attn_mask": masks[0], "key_padding_mask": masks[1] if padded else None}
        return made[lib](x, x, x, need_weights=need, is_causal=True, **keys)

    compared(run, drawn((2, 4, 6)), [mask, padding], rtol=1e-10)


@pytest.mark.parametrize("need", [True, False])
def test_a_query_that_may_look_at_no_key(need):
    made = layers(batch_first=True)
    padding = np.array([[False, True, False], [True] * 3])

    def run(lib, tensors, masks):
        (x,) = tensors
        return [made[lib](x, x, x, key_padding_mask=masks[0], need_weights=need)[0]]

    compared(run, drawn((2, 3, 6)), [padding], rtol=1e-10)


@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("batch, length, count", [(0, 3, 2), (2, 0, 3), (2, 3, 0)])
def test_the_layer_without_elements(batch, length, count, need):
    made = layers(batch_first=True, add_zero_attn=count == 0)
    compared(
        lambda lib, t, _: made[lib](*t, need_weights=need),
        drawn((batch, length, 6), (batch, count, 6), (batch, count, 6)),
    )


# ---- encoders


ENCODERS = [
    {},
    {"norm_first": True},
    {"activation": "gelu", "bias": False},
    {"layer_norm_eps": 0.1, "batch_first": True},
]


def encoder(lib, layer_count=None, norm=False, **settings):
    made = lib.nn.TransformerEncoderLayer(6, 3, 10, **settings)
    if layer_count:
        made = lib.nn.TransformerEncoder(made, layer_count, lib.nn.LayerNorm(6) if norm else None)
    return made.double()


@pytest.mark.parametrize("activation", [None, "tanh", "module"])
@pytest.mark.parametrize(
    "shape", [{}, {"layer_count": 2}, {"layer_count": 3, "norm": True}], ids=str
)
@pytest.mark.parametrize("settings", ENCODERS, ids=str)
def test_encoders(settings, shape, activation):
    def make(lib):
        own = {"tanh": lib.tanh, "module": lib.nn.SiLU()}
        chosen = {"activation": own[activation]} if activation else {}
        return encoder(lib, dropout=0.0, **shape, **{**settings, **chosen})

    ours, theirs = both(make)
    assert text_and_keys(ours) == text_and_keys(theirs)
    for p, x in zip(
        theirs.parameters(), drawn(*(p.shape for p in theirs.parameters())), strict=True
    ):
        p.data = torch.tensor(x)
    same_weights(ours, theirs)
    made, mask = {cr: ours, torch: theirs}, ~np.tri(4, dtype=bool)
    padding = np.array([[False] * 4, [False, True, False, True]])
    name = "mask" if shape else "src_mask"
    for keys in ({}, {name: 0}, {"src_key_padding_mask": 1}, {name: 0, "src_key_padding_mask": 1},
                 {name: 0, "is_causal": True}):  # fmt: skip
        for training in (True, False):

            def run(lib, tensors, masks, keys=keys, training=training):
                made[lib].train(training)
                given = {k: v if v is True else masks[v] for k, v in keys.items()}
                return [made[lib](*tensors, **given)]

            rows = (2, 4, 6) if settings.get("batch_first") else (4, 2, 6)
            compared(run, drawn(rows), [mask, padding], rtol=1e-9)
    compared(lambda lib, t, m: [made[lib](*t)], drawn((4, 6)), rtol=1e-9)
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(own.grad, other.grad, rtol=1e-8)
