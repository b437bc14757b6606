"""Attention, its layer and the transformer's encoders, beyond the table of cases and PyTorch:
captured steps, random masks, second gradients, bfloat16, what is refused."""

import copy
import math
import pickle

import numpy as np
import pytest

import chainrule as cr
import harness
from chainrule import nn
from chainrule.nn.functional import scaled_dot_product_attention

DTYPES = pytest.mark.parametrize("dtype", [cr.float32, cr.float64], ids=str)


def drawn(*shapes, dtype=cr.float64, requires_grad=True):
    rng = np.random.default_rng(0)
    return [
        cr.tensor(rng.standard_normal(s), dtype=dtype, requires_grad=requires_grad) for s in shapes
    ]


# ---- gradients


@pytest.mark.parametrize("settings", [{}, {"is_causal": True}, {"enable_gqa": True}], ids=str)
@pytest.mark.parametrize("dead", [False, True])
def test_first_and_second_gradients(settings, dead):
    q, k, v = drawn((2, 3, 2), (2, 3, 2), (2, 3, 2))
    mask = None
    if not settings.get("is_causal"):
        mask = cr.tensor([[True, False, True], [True, True, True], [not dead, False, False]])

    def attend(q, k, v):
        return scaled_dot_product_attention(q, k, v, mask, **settings)

    assert cr.autograd.gradcheck(attend, (q, k, v))
    assert cr.autograd.gradgradcheck(attend, (q, k, v))


@pytest.mark.parametrize("need", [False, True])
def test_first_and_second_gradients_of_the_layer(need):
    layer = nn.MultiheadAttention(4, 2, add_bias_kv=True, batch_first=True, dtype=cr.float64)
    mask = cr.tensor([[False, True, False], [False, False, True]])
    keys = {"attn_mask": mask, "need_weights": need}
    names = [name for name, _ in layer.named_parameters()]

    def attend(q, k, v, *weights):
        given = dict(zip(names, weights, strict=True))
        outputs = cr.func.functional_call(layer, given, (q, k, v), keys)
        return tuple(out for out in outputs if out is not None)

    inputs = *drawn((1, 2, 4), (1, 3, 4), (1, 3, 4)), *layer.parameters()
    assert cr.autograd.gradcheck(attend, inputs)
    assert cr.autograd.gradgradcheck(attend, inputs)


def test_what_is_masked_gives_no_gradient_even_from_a_dead_row():
    q, k, v = drawn((4, 3), (5, 3), (5, 2))
    mask = cr.ones(4, 5, dtype=cr.bool)
    mask[2], mask[:, 4] = False, False
    out = scaled_dot_product_attention(q, k, v, mask)
    assert out[2].tolist() == [0, 0]
    out.sin().sum().backward()
    assert q.grad[2].tolist() == [0] * 3 == k.grad[4].tolist() and v.grad[4].tolist() == [0, 0]
    assert all(x.grad.isfinite().all() for x in (q, k, v))


# ---- dropout


def test_dropout_keeps_the_mean_and_drops_weights():
    cr.manual_seed(0)
    q, k = cr.zeros(400, 8), cr.zeros(50, 8)  # weights of 1/50
    out = scaled_dot_product_attention(q, k, cr.eye(50), dropout_p=0.25)
    assert {round(x, 4) for x in out.flatten().unique().tolist()} == {0, round(0.02 / 0.75, 4)}
    assert abs((out == 0).float().mean().item() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 20000)
    everything = scaled_dot_product_attention(q, k, cr.eye(50), dropout_p=1.0)
    assert everything.abs().sum().item() == 0


def test_the_layer_drops_weights_while_training_alone():
    cr.manual_seed(0)
    layer, x = nn.MultiheadAttention(8, 2, dropout=0.5), cr.randn(6, 3, 8)
    for need in (True, False):
        layer.train()
        first, weights = layer(x, x, x, need_weights=need, average_attn_weights=False)
        assert not first.equal(layer(x, x, x, need_weights=need)[0])
        if need:  # what was dropped shows, as in PyTorch
            assert 0.3 < (weights == 0).float().mean().item() < 0.7
        layer.eval()
        assert layer(x, x, x, need_weights=need)[0].equal(layer(x, x, x, need_weights=need)[0])


# ---- captured


def step_of(model, compiled, **masks):
    optimizer = cr.optim.SGD(model.parameters(), lr=0.05)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x, **masks), y)
        loss.backward()
        optimizer.step()
        return loss

    return cr.compile(step) if compiled else step


@DTYPES
@pytest.mark.parametrize("norm_first", [False, True])
def test_an_encoder_trains_captured_as_eager(norm_first, dtype):
    """With dropout, a padding mask and a causal one."""
    mask = cr.ones(5, 5, dtype=cr.bool).triu(1)
    padding = cr.tensor([[False] * 5, [False, False, True, False, True]])

    def trained(compiled):
        cr.manual_seed(1)
        layer = nn.TransformerEncoderLayer(
            8, 2, 16, activation="gelu", batch_first=True, norm_first=norm_first
        )
        model = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8)).to(dtype)
        step = step_of(model, compiled, mask=mask, src_key_padding_mask=padding)
        x, y = cr.randn(2, 5, 8, dtype=dtype), cr.randn(2, 5, 8, dtype=dtype)
        losses = [step(x, y).item() for _ in range(12)]
        if compiled:
            assert step.stats["replays"] >= 8
        return losses, [p.tolist() for p in model.parameters()]

    eager = trained(False)
    assert eager == trained(True)
    assert np.mean(eager[0][-3:]) < np.mean(eager[0][:3])


class Attending(nn.Module):
    def __init__(self, need, **settings):
        super().__init__()
        self.need = need
        self.attention = nn.MultiheadAttention(6, 3, dropout=0.2, **settings)

    def forward(self, x):
        output, weights = self.attention(x, x[1:], x[1:], need_weights=self.need)
        return output if weights is None else output * (1 + weights.mean())


@DTYPES
@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("settings", [{}, {"add_bias_kv": True, "add_zero_attn": True}], ids=str)
def test_a_layer_trains_captured_as_eager(settings, need, dtype):
    def trained(compiled):
        cr.manual_seed(1)
        model = Attending(need, **settings).to(dtype)
        step = step_of(model, compiled)
        x, y = cr.randn(4, 2, 6, dtype=dtype), cr.randn(4, 2, 6, dtype=dtype)
        return [step(x, y).item() for _ in range(8)], [p.tolist() for p in model.parameters()]

    assert trained(False) == trained(True)


def test_the_same_bits_for_any_number_of_threads():
    cr.manual_seed(0)
    layer, x = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0), cr.randn(50, 8, 32)

    def results():
        out = layer(x)
        gradients = cr.autograd.grad(out.sin().sum(), list(layer.parameters()))
        return cr.cat([t.detach().reshape(-1) for t in (out, *gradients)])

    harness.over_threads(results)


# ---- dtypes


def test_bfloat16_is_rounded_once():
    arrays = drawn((3, 8), (9, 8), (9, 4), dtype=cr.bfloat16, requires_grad=False)
    out = scaled_dot_product_attention(*arrays)
    wide = scaled_dot_product_attention(*(x.float() for x in arrays))
    assert out.dtype == cr.bfloat16 and out.equal(wide.bfloat16())
    layer = nn.TransformerEncoderLayer(8, 2, 16, dtype=cr.bfloat16)
    assert layer(cr.randn(3, 2, 8).bfloat16()).dtype == cr.bfloat16


@pytest.mark.parametrize("need", [True, False])
def test_autocast(need):
    layer = nn.MultiheadAttention(16, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True)
    x, mask = cr.randn(2, 5, 16), cr.ones(5, 5, dtype=cr.bool).triu(1)
    want, _ = layer(x, x, x, attn_mask=mask, need_weights=need)
    with cr.autocast("cpu"):
        got, _ = layer(x, x, x, attn_mask=mask, need_weights=need)
    assert got.dtype == cr.bfloat16
    np.testing.assert_allclose(got.float().tolist(), want.tolist(), atol=0.03)


def test_a_mask_may_have_fewer_dimensions():
    q, k, v = drawn((2, 3, 4), (2, 5, 4), (2, 5, 4))
    row = cr.tensor([True, False, True, True, False])
    want = scaled_dot_product_attention(q, k, v, row.expand(3, 5))
    assert scaled_dot_product_attention(q, k, v, row).equal(want)
    nothing = scaled_dot_product_attention(q, k, v, cr.tensor(False))
    assert nothing.abs().sum().item() == 0


# ---- the modules


def test_they_are_drawn_anew_with_the_same_bits():
    cr.manual_seed(3)
    layer = nn.TransformerEncoderLayer(8, 2, 16)
    layer.self_attn = nn.MultiheadAttention(8, 2, add_bias_kv=True, kdim=5)
    cr.manual_seed(4)
    fresh = nn.MultiheadAttention(8, 2, add_bias_kv=True, kdim=5)
    first = [p.tolist() for p in fresh.parameters()]
    nn.init.constant_(fresh.in_proj_bias, 1)
    cr.manual_seed(4)
    nn.init.reset_parameters(fresh)
    assert [p.tolist() for p in fresh.parameters()] == first
    encoder = nn.TransformerEncoder(layer, 2)
    assert encoder.layers[0].linear1.weight.equal(encoder.layers[1].linear1.weight)
    nn.init.reset_parameters(encoder)
    assert not encoder.layers[0].linear1.weight.equal(encoder.layers[1].linear1.weight)


@pytest.mark.parametrize("activation", ["relu", "gelu", cr.tanh, nn.SiLU()], ids=str)
def test_copies(activation):
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.0, activation), 2)
    x = cr.randn(3, 2, 4)
    for again in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert again(x).equal(encoder(x))
        assert repr(again) == repr(encoder)


def test_one_behaviour_in_both_modes():
    """A row of which all keys are padding, and padded places of an encoder, are as in training."""
    layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True), 1)
    x, padding = cr.randn(2, 3, 4), cr.tensor([[False, False, True], [True, True, True]])
    trained = layer(x, src_key_padding_mask=padding)
    assert trained.isfinite().all()
    with cr.no_grad():
        assert layer.eval()(x, src_key_padding_mask=padding).equal(trained)


def test_masks_of_two_types():
    layer, (x,) = nn.MultiheadAttention(6, 3, dtype=cr.float64), drawn((4, 2, 6))
    mask, padding = cr.ones(4, 4, dtype=cr.bool).triu(1), drawn((2, 4), requires_grad=False)[0]
    added = cr.zeros(4, 4, dtype=cr.float64).masked_fill(mask, -math.inf)
    got, want = (
        layer(x, x, x, attn_mask=m, key_padding_mask=padding, need_weights=False)[0]
        for m in (mask, added)
    )
    assert got.equal(want)


def test_is_causal_takes_the_place_of_the_mask():
    layer, x = nn.MultiheadAttention(4, 2), cr.randn(5, 2, 4)
    mask = cr.ones(5, 5, dtype=cr.bool).triu(1)
    want, _ = layer(x, x, x, attn_mask=mask, need_weights=False)
    got, _ = layer(x, x, x, attn_mask=mask, need_weights=False, is_causal=True)
    np.testing.assert_allclose(got.tolist(), want.tolist(), rtol=1e-5, atol=1e-6)


LAYER = {"embed_dim": 6, "num_heads": 3}
X = cr.zeros(4, 2, 6)


def call(*args, **keys):
    return lambda: nn.MultiheadAttention(6, 3)(*args, **keys)


def make(**keys):
    return lambda: nn.MultiheadAttention(**{**LAYER, **keys})


def encoder(**keys):
    return lambda: nn.TransformerEncoderLayer(**{"d_model": 6, "nhead": 3, **keys})


@pytest.mark.parametrize(
    ("error", "words", "act"),
    [
        (ValueError, "embed_dim >= 1; got 0", make(embed_dim=0)),
        (TypeError, "embed_dim to be an int", make(embed_dim=6.0)),
        (ValueError, "num_heads >= 1; got -1", make(num_heads=-1)),
        (ValueError, "num_heads that divides embed_dim, 6; got 4", make(num_heads=4)),
        (ValueError, "0 <= dropout <= 1; got 1.5", make(dropout=1.5)),
        (ValueError, "kdim >= 1; got 0", make(kdim=0)),
        (TypeError, "vdim to be an int", make(vdim="a")),
        (TypeError, "expected a Tensor; got None", call(X, X, None)),
        (cr.ShapeError, "of 3 dimensions, or 2", call(X[0, 0], X, X)),
        (cr.ShapeError, r"of 3 dimensions, or 2 .* \(4, 6\)", call(X, X[:, 0], X)),
        (cr.ShapeError, r"query of shape \(4, 2, 6\); got \(4, 2, 5\)", call(X[..., :5], X, X)),
        (cr.ShapeError, r"key of shape \(4, 2, 6\); got \(4, 2, 5\)", call(X, X[..., :5], X)),
        (cr.ShapeError, r"key of shape \(4, 2, 6\); got \(4, 1, 6\)", call(X, X[:, :1], X)),
        (cr.ShapeError, r"value of shape \(4, 2, 6\); got \(3, 2, 6\)", call(X, X, X[1:])),
        (
            cr.ShapeError,
            r"attn_mask of shape \(4, 4\) or \(6, 4, 4\); got \(4, 3\)",
            call(X, X, X, attn_mask=cr.zeros(4, 3)),
        ),
        (
            cr.ShapeError,
            r"key_padding_mask of shape \(2, 4\); got \(4, 2\)",
            call(X, X, X, key_padding_mask=cr.zeros(4, 2)),
        ),
        (
            cr.DtypeError,
            "attn_mask of bools or floats; got chainrule.int64",
            call(X, X, X, attn_mask=cr.zeros(4, 4, dtype=cr.int64)),
        ),
        (TypeError, "expected a Tensor; got list", call(X, X, X, key_padding_mask=[[True]])),
        (ValueError, "attn_mask with is_causal=True; got None", call(X, X, X, is_causal=True)),
        (ValueError, "d_model >= 1", encoder(d_model=0)),
        (ValueError, "num_heads that divides embed_dim", encoder(nhead=5)),
        (ValueError, "dim_feedforward >= 0; got -1", encoder(dim_feedforward=-1)),
        (ValueError, r"\[TransformerEncoderLayer\] expected 0 <= dropout", encoder(dropout=-1)),
        (ValueError, "'relu', 'gelu' or a function; got 'selu'", encoder(activation="selu")),
        (TypeError, "'relu', 'gelu' or a function; got None", encoder(activation=None)),
        (ValueError, "eps >= 0", encoder(layer_norm_eps=-1.0)),
        (TypeError, "encoder_layer as a Module", lambda: nn.TransformerEncoder("a", 2)),
        (TypeError, "norm as a Module", lambda: nn.TransformerEncoder(nn.Identity(), 2, "a")),
        (ValueError, "num_layers >= 1", lambda: nn.TransformerEncoder(nn.Identity(), 0)),
    ],
)
def test_misuse(error, words, act):
    with pytest.raises(error, match=words):
        act()


@pytest.mark.parametrize("appended", [{"add_bias_kv": True}, {"add_zero_attn": True}])
def test_what_is_appended_to_the_keys_is_hidden_from_no_query(appended):
    cr.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, batch_first=True, **appended)
    x, mask = cr.randn(2, 4, 8), cr.ones(4, 4).triu(1).bool()
    results = [
        layer(x, x, x, attn_mask=mask, is_causal=True, need_weights=need)[0]
        for need in (True, False)
    ]
    assert (results[0] - results[1]).abs().max().item() < 1e-6


@pytest.mark.parametrize("shape", [(0, 3, 4), (1, 0, 4)])
def test_misuse_is_found_in_empty_batches(shape):
    q, k = cr.ones(shape), cr.ones(shape[0], 3, 4)
    with pytest.raises(ValueError, match="no attn_mask with is_causal=True; got one"):
        mask = cr.ones(shape[1], 3, dtype=cr.bool)
        scaled_dot_product_attention(q, k, k, mask, is_causal=True)
    with pytest.raises(cr.ShapeError, match="attn_mask of a shape that broadcasts to"):
        scaled_dot_product_attention(q, k, k, cr.ones(7, 3, dtype=cr.bool))
    assert scaled_dot_product_attention(q, k, k, is_causal=True).shape == shape
