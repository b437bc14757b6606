"""Embedding and EmbeddingBag beside PyTorch's, every setting."""

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import both, close, compare_modules

NUMBERS = np.array([[3, 1, 3], [0, 3, 2]])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"padding_idx": 3},
        {"padding_idx": -2},
        {"scale_grad_by_freq": True},
        {"padding_idx": 3, "scale_grad_by_freq": True},
        {"max_norm": 0.6},
        {"max_norm": 0.6, "norm_type": 1.0},
        {"max_norm": 0.6, "norm_type": 3.0, "padding_idx": 0},
        {"max_norm": 0.6, "norm_type": float("inf"), "scale_grad_by_freq": True},
    ],
)
@pytest.mark.parametrize("numbers", [NUMBERS, NUMBERS.astype(np.int32), NUMBERS[0, 0], NUMBERS[:0]])
def test_embedding(settings, numbers):
    compare_modules(lambda nn: nn.Embedding(5, 4, **settings), [numbers], differentiable=False)


def test_a_pretrained_table():
    rows = np.random.default_rng(1).normal(size=(5, 2))
    for freeze in (True, False):

        def make(nn, freeze=freeze):
            lib = cr if nn is cr.nn else torch
            return nn.Embedding.from_pretrained(lib.tensor(rows), freeze=freeze)

        compare_modules(make, [NUMBERS], differentiable=False)


BAGS = {
    "rows": ([[3, 1, 3], [0, 3, 2], [1, 1, 1]], None),
    "offsets": ([3, 1, 3, 0, 3, 2, 1, 1], [0, 2, 2, 5, 8]),
    "one bag": ([3, 1, 3, 0, 3, 2, 1, 1], [0]),
    "empty bags": ([], [0, 0, 0]),
}


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"padding_idx": 3},
        {"padding_idx": -4},
        {"max_norm": 0.9, "norm_type": 1.0},
        {"include_last_offset": True},
        {"weights": True},
        {"weights": True, "padding_idx": 3},
    ],
)
@pytest.mark.parametrize("name", BAGS)
def test_embedding_bag(name, settings, mode):
    numbers, offsets = BAGS[name]
    settings = dict(settings, mode=mode)
    weighted = settings.pop("weights", False)
    if weighted and mode != "sum":
        return  # refused by both
    numbers = np.array(numbers, dtype=np.int64)
    if settings.get("include_last_offset") and offsets:
        offsets = [*offsets[:-1], numbers.size] if len(offsets) > 1 else [0, numbers.size]
    rng = np.random.default_rng(5)
    table, factors = rng.normal(size=(5, 4)), rng.normal(size=numbers.shape)
    seed = rng.normal(size=(9, 4))

    def act(lib):
        layer = lib.nn.EmbeddingBag(5, 4, _weight=lib.tensor(table), **settings)
        given = [lib.tensor(numbers), None if offsets is None else lib.tensor(offsets)]
        leaves = [layer.weight]
        if weighted:
            leaves.append(lib.tensor(factors, requires_grad=True))
        out = layer(*given, *leaves[1:])
        out.backward(lib.tensor(seed[: len(out)]))
        return [out, *leaves, *(leaf.grad for leaf in leaves)]

    for own, other in zip(*both(act), strict=True):
        close(own, other)
