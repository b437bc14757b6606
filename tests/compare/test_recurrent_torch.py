"""Recurrent layers and cells beside PyTorch: text, keys, outputs, last states and all gradients."""

import warnings

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both, close, same_weights

RNG = np.random.default_rng

LAYERS = [
    (name, kwargs)
    for name in ("RNN", "LSTM", "GRU")
    for kwargs in (
        {},
        {"bias": False},
        {"num_layers": 3},
        {"bidirectional": True},
        {"num_layers": 2, "bidirectional": True, "batch_first": True},
        {"batch_first": True, "bias": False},
    )
]
LAYERS += [("RNN", {"nonlinearity": "relu", "num_layers": 2}), ("RNN", {"nonlinearity": "relu"})]
LAYERS += [
    ("LSTM", {"proj_size": 2}),
    ("LSTM", {"proj_size": 4, "bias": False, "num_layers": 2, "bidirectional": True}),
]


def pair(name, *args, **kwargs):
    ours, theirs = (getattr(lib.nn, name)(*args, **kwargs).double() for lib in LIBRARIES)
    assert repr(ours) == repr(theirs)
    shapes = [{k: tuple(v.shape) for k, v in m.state_dict().items()} for m in (ours, theirs)]
    assert list(shapes[0].items()) == list(shapes[1].items())
    same_weights(ours, theirs)
    return ours, theirs


def flat(result):
    """(output, (h, c)) and (output, h) as one list."""
    items = result if isinstance(result, tuple) else (result,)
    return [t for item in items for t in (item if isinstance(item, tuple) else (item,))]


def compare(modules, arrays, states, rtol=1e-11):
    """Results and the gradients of all inputs and parameters, with seeds for every result."""
    found = []
    for lib, module in zip(LIBRARIES, modules, strict=True):
        x, *first = (lib.tensor(a).requires_grad_() for a in arrays)
        hx = {0: None, 1: (first or [None])[0], 2: tuple(first)}[states]
        results = flat(module(x, hx))
        seeds = [lib.tensor(RNG(i).normal(size=tuple(r.shape))) for i, r in enumerate(results)]
        leaves = [x, *first, *module.parameters()]
        found.append([*results, *lib.autograd.grad(results, leaves, seeds)])
    for got, want in zip(*found, strict=True):
        close(got, want, rtol=rtol)


@pytest.mark.parametrize(("name", "kwargs"), LAYERS)
@pytest.mark.parametrize("batch", [1, 3, 0, None])
def test_layers(name, kwargs, batch):
    modules = pair(name, 5, 6, **kwargs)
    count = kwargs.get("num_layers", 1) * (1 + kwargs.get("bidirectional", False))
    if batch is None:
        shape, state = (7, 5), (count,)
    else:
        shape, state = (7, batch, 5), (count, batch)
        shape = (batch, 7, 5) if kwargs.get("batch_first") else shape
    states = 2 if name == "LSTM" else 1
    sizes = (kwargs.get("proj_size", 6), 6)[:states]
    arrays = [RNG(9).normal(size=s) for s in (shape, *((*state, size) for size in sizes))]
    compare(modules, arrays, states)
    compare(modules, arrays[:1], 0)


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("RNNCell", {}),
        ("RNNCell", {"nonlinearity": "relu", "bias": False}),
        ("LSTMCell", {}),
        ("LSTMCell", {"bias": False}),
        ("GRUCell", {}),
        ("GRUCell", {"bias": False}),
    ],
)
@pytest.mark.parametrize("rows", [(), (1,), (4,), (0,)])
def test_cells(name, kwargs, rows):
    modules = pair(name, 5, 6, **kwargs)
    states = 2 if name == "LSTMCell" else 1
    arrays = [RNG(3).normal(size=s) for s in ((*rows, 5), *[(*rows, 6)] * states)]
    compare(modules, arrays, states)
    compare(modules, arrays[:1], 0)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_gradients_of_gradients(name):
    modules = pair(name, 3, 4, num_layers=2, bidirectional=True)
    x = RNG(1).normal(size=(5, 2, 3))
    found = []
    for lib, module in zip(LIBRARIES, modules, strict=True):
        leaves = [lib.tensor(x).requires_grad_(), *module.parameters()]
        output, last = module(leaves[0])
        loss = (output**3).sum() + sum((t**2).sum() for t in flat((last,)))
        first = lib.autograd.grad(loss, leaves, create_graph=True)
        found.append(lib.autograd.grad(sum((g**2).sum() for g in first), leaves))
    for got, want in zip(*found, strict=True):
        close(got, want, rtol=1e-9)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_views_of_inputs_and_states(name):
    modules = pair(name, 4, 6)
    wide, state = RNG(2).normal(size=(3, 7, 8)), RNG(3).normal(size=(6, 3, 1))

    def act(lib, module):
        x, h = lib.tensor(wide).permute(1, 0, 2)[:, :, ::2], lib.tensor(state).permute(2, 1, 0)
        return flat(module(x, (h, h) if name == "LSTM" else h))

    for got, want in zip(*(act(*p) for p in zip(LIBRARIES, modules, strict=True)), strict=True):
        close(got, want)


def test_float32_and_bfloat16():
    for name in ("RNN", "LSTM", "GRU"):
        modules = [m.float() for m in pair(name, 20, 33, num_layers=2)]
        x = RNG(4).normal(size=(12, 9, 20)).astype(np.float32)
        for dtype, rtol in (("float32", 3e-6), ("bfloat16", 2**-5)):
            got, want = (
                m.to(getattr(lib, dtype))(lib.tensor(x).to(getattr(lib, dtype)))[0].float()
                for lib, m in zip(LIBRARIES, modules, strict=True)
            )
            close(got, want, rtol=rtol)


def test_weights_go_both_ways_and_have_one_range():
    ours, theirs = pair("LSTM", 5, 16, num_layers=2, bidirectional=True)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    assert [len(w) for w in ours.all_weights] == [len(w) for w in theirs.all_weights]
    ours.reset_parameters()
    values = np.concatenate([p.detach().numpy().ravel() for p in ours.parameters()])
    assert abs(values).max() <= 0.25 and abs(values.std() - 0.25 / np.sqrt(3)) < 0.003


def test_the_signatures_take_the_same_positions():
    made = both(lambda lib: lib.nn.RNN(3, 4, 2, "relu", False, True, 0.5, True))
    assert repr(made[0]) == repr(made[1]) and made[0].nonlinearity == "relu"
    made = both(lambda lib: lib.nn.GRU(3, 4, 2, False, True, 0.5, True))
    assert repr(made[0]) == repr(made[1])


def test_dropout_of_a_single_layer_warns_in_both():
    for lib in LIBRARIES:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            lib.nn.LSTM(3, 4, dropout=0.5)
        assert [w.category for w in seen] == [UserWarning]
        assert seen[0].filename == __file__ or lib is torch


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("shape", [(0, 2, 3), (5, 2, 4), (3,), (1, 5, 2, 3)])
def test_inputs_that_both_refuse(name, shape):
    for lib in LIBRARIES:
        with pytest.raises((ValueError, RuntimeError)):
            getattr(lib.nn, name)(3, 4)(lib.zeros(shape))


def test_a_packed_sequence_is_told_to_be_padded():
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.ones(3, 2, 4), [3, 1])
    with pytest.raises(TypeError, match=r"Sequence\. Use nn\.utils\.rnn\.pad_sequence\(seq"):
        cr.nn.GRU(4, 5)(packed)
