"""Errors of layers made of several operations name what the user called and speak of its sizes."""

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional

WEIGHT = cr.ones(10, 3)
PLANE = cr.ones(1, 4, 4)
X = cr.ones(7, 2, 3)


def text_of(call, *tensors):
    with pytest.raises((ValueError, TypeError, LookupError)) as caught:
        call(*tensors)
    return str(caught.value)


def check(call, tensors, text):
    assert text_of(call, *tensors) == text
    assert text_of(cr.compile(call), *tensors) == text


BAD = "expected indices in [0, 9] for num_embeddings=10; got"


@pytest.mark.parametrize(
    ("call", "tensors", "text"),
    [
        (
            nn.Embedding(10, 3),
            [cr.tensor([[1, 2], [3, 10]])],
            f"in Embedding: [embedding] {BAD} 10 at position (1, 1) of the index.",
        ),
        (
            nn.Embedding(10, 3, max_norm=1.0),
            [cr.tensor([-1])],
            f"in Embedding: [embedding] {BAD} -1 at position (0,) of the index.",
        ),
        (
            functional.embedding,
            [cr.ones(2), WEIGHT],
            (
                "[embedding] expected an int64 or int32 index; got chainrule.float32. "
                "Use input.long()."
            ),
        ),
        (
            functional.embedding,
            [WEIGHT, cr.tensor([1])],
            (
                "[embedding] expected an int64 or int32 index; got chainrule.float32. "
                "The order is embedding(input, weight)."
            ),
        ),
        (
            functional.embedding_bag,
            [cr.tensor([[10]]), WEIGHT],
            f"[embedding_bag] {BAD} 10 at position (0, 0) of the index.",
        ),
        (
            functional.embedding_bag,
            [cr.tensor([1, 2]), WEIGHT, cr.tensor([0.0])],
            (
                "[embedding_bag] expected int64 or int32 offsets; got chainrule.float32. "
                "Use offsets.long()."
            ),
        ),
        (
            functional.embedding_bag,
            [cr.tensor([1, 2]), WEIGHT, cr.tensor([0, 5])],
            "[embedding_bag] expected offsets in [0, 2]; got 5 at position (1,) of the index.",
        ),
        (
            functional.embedding_bag,
            [cr.tensor([1, 2]), WEIGHT, cr.tensor([1])],
            (
                "[embedding_bag] expected offsets that begin with 0 and, with include_last_offset, end "
                "with the input's length: bags in [0, 0]; got -1 at position (0,) of the index."
            ),
        ),
        (
            functional.one_hot,
            [cr.ones(2)],
            "[one_hot] expected int64 class numbers; got float32. Use input.long().",
        ),
    ],
)
def test_tables(call, tensors, text):
    check(call, tensors, text)


def test_tables_in_a_replay():
    step = cr.compile(nn.Embedding(10, 3))
    for _ in range(4):
        step(cr.tensor([[0, 1]]))
    assert step.stats["replays"] >= 1
    text = f"[embedding] {BAD} 12 at position (0, 1) of the index."
    assert text in text_of(step, cr.tensor([[0, 12]]))


@pytest.mark.parametrize("op", ["max_pool1d", "max_pool2d"])
def test_pooling(op):
    pool, input = getattr(functional, op), cr.ones(1, 4) if op[-2] == "1" else PLANE
    check(
        lambda x: pool(x, 5),
        [input],
        f"[{op}] expected a kernel no larger than the padded input, 4; got 5.",
    )
    check(
        lambda x: pool(x.long(), 2),
        [input],
        f"[{op}] expected bfloat16, float32 or float64; got int64. Use float().",
    )
    text = text_of(pool, input, "a")
    assert text.startswith(f"[{op}] expected {op}(input: Tensor, kernel_size: int")
    assert "with_indices" not in text
    indexed = getattr(functional, f"{op}_with_indices")
    assert text_of(indexed, input, 5).startswith(f"[{op}_with_indices] expected a kernel")
    assert text_of(indexed, cr.ones(4, 4, 4, 4, 4), 5).startswith(f"[{op}_with_indices] expected")


@pytest.mark.parametrize("op", ["adaptive_max_pool1d", "adaptive_max_pool2d"])
def test_adaptive_pooling(op):
    text = text_of(getattr(functional, op), PLANE, "a")
    assert text.startswith(f"[{op}] expected {op}(input: Tensor, output_size: int")


LAYERS = [(nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)]
DTYPE = "expected input of the weights' dtype, chainrule.float32; got"


@pytest.mark.parametrize(("layers", "cell"), LAYERS)
def test_dtypes_of_recurrent_inputs(layers, cell):
    for kind, input in ((layers, X), (cell, X[0])):
        name = kind.__name__
        check(
            kind(3, 4),
            [input.long()],
            f"in {name}: [{name}] {DTYPE} chainrule.int64. "
            "Use nn.Embedding for numbers of words, input.to(chainrule.float32) for values.",
        )
        words = "Use nn.Embedding for numbers of words, input.to(chainrule.float64) for values."
        assert text_of(kind(3, 4, dtype=cr.float64), input.long()).endswith(words)
        check(
            kind(3, 4),
            [input.double()],
            f"in {name}: [{name}] {DTYPE} chainrule.float64. Use input.to(chainrule.float32).",
        )
    with cr.autocast():
        layers(3, 4)(X)


def states(layers, *sizes):
    """A first state of these sizes, or a pair of them."""
    state = cr.ones(sizes)
    return (state, state) if layers is nn.LSTM else state


@pytest.mark.parametrize("layers", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    ("settings", "sizes", "words"),
    [
        (
            {"batch_first": True},
            (7, 1, 4),
            (
                "(num_layers, batch, hidden_size) = (1, 7, 4); got (7, 1, 4). "
                "Use h_0.transpose(0, 1): batch_first says nothing of states."
            ),
        ),
        (
            {"batch_first": True, "num_layers": 3},
            (3, 2, 4),
            (
                "(num_layers, batch, hidden_size) = (3, 7, 4); got (3, 2, 4). "
                "Inputs are (T, B, ...), with batch_first=True (B, T, ...)."
            ),
        ),
        (
            {},
            (2, 4),
            "(num_layers, batch, hidden_size) = (1, 2, 4); got (2, 4). Use h_0.unsqueeze(0).",
        ),
        (
            {"bidirectional": True},
            (1, 2, 4),
            "(num_layers * 2, batch, hidden_size) = (2, 2, 4); got (1, 2, 4).",
        ),
    ],
)
def test_sizes_of_first_states(layers, settings, sizes, words):
    layer, name = layers(3, 4, **settings), layers.__name__
    text = f"in {name}: [{name}] expected h_0 of sizes {words}"
    check(lambda x: layer(x, states(layers, *sizes)), [X], text)


def test_sizes_of_projected_states():
    layer = nn.LSTM(3, 4, proj_size=2)
    text = text_of(layer, X, states(nn.LSTM, 1, 2, 4))
    assert "h_0 of sizes (num_layers, batch, proj_size) = (1, 2, 2); got (1, 2, 4)." in text


def test_sizes_without_a_batch():
    text = text_of(nn.GRU(3, 4), X[:, 0], cr.ones(1, 2, 4))
    assert "h_0 of sizes (num_layers, hidden_size) = (1, 4); got (1, 2, 4)." in text
    text = text_of(nn.GRUCell(3, 4), X[0, 0], cr.ones(1, 4))
    assert "hx of sizes (hidden_size,) = (4,); got (1, 4)." in text


ONE = cr.ones(1, 2, 4)


@pytest.mark.parametrize(
    ("layers", "hx", "words"),
    [
        (
            nn.GRU,
            (ONE, ONE),
            "a Tensor; got tuple of (Tensor, Tensor). Use hx[0]: pairs are an LST",
        ),
        (nn.RNN, [ONE], "a Tensor; got list of (Tensor). Use hx[0]: pairs are an LSTM's."),
        (nn.GRU, 3, "a Tensor; got int."),
        (
            nn.LSTM,
            ONE,
            "a pair of Tensors, (h_0, c_0); got Tensor. Use (hx, chainrule.zeros_like(hx)).",
        ),
        (nn.LSTM, (ONE,), "a pair of Tensors, (h_0, c_0); got tuple of (Tensor)."),
        (
            nn.LSTM,
            (ONE,) * 3,
            "a pair of Tensors, (h_0, c_0); got tuple of (Tensor, Tensor, Tensor).",
        ),
        (nn.LSTM, (ONE, None), "a pair of Tensors, (h_0, c_0); got tuple of (Tensor, None)."),
        (nn.GRU, ONE.double(), None),
    ],
)
def test_kinds_of_first_states(layers, hx, words):
    name = layers.__name__
    text = f"in {name}: [{name}] expected hx to be {words}"
    if words is None:
        text = (
            f"in {name}: [{name}] expected h_0 of the weights' dtype, chainrule.float32; got "
            "chainrule.float64. Use h_0.to(chainrule.float32)."
        )
    assert text_of(layers(3, 4), X, hx).startswith(text)
