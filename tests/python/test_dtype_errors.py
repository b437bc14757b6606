"""Data of another dtype than the network's: the error says what to call, eager and compiled alike."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

MIXED = "[linear] expected tensors of one dtype; got"
NUMPY = (
    "[tensor] expected elements of bool, uint8, int32, int64, float32 or float64 in native byte "
    "order; got"
)
INPUTS, LABELS = np.ones((4, 3), np.float32), np.array([0, 1, 0, 1])


def text_of(call):
    with pytest.raises(cr.DtypeError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (
            np.float64,
            (
                f"in Linear: {MIXED} float64 and float32. Use .float() on the float64 one; in NumPy "
                ".astype('float32')."
            ),
        ),
        (
            np.int64,
            (
                f"in Linear: {MIXED} int64 and float32. Use .float() on the int64 one; in NumPy "
                ".astype('float32')."
            ),
        ),
        (np.float16, f"{NUMPY} float16. Convert first: a.astype('float32')."),
        (">f4", f"{NUMPY} format '>f'. Convert first: a.astype('float32')."),
    ],
)
def test_inputs_of_a_float32_network(dtype, text):
    net = nn.Linear(3, 2)
    inputs = INPUTS.astype(dtype)
    assert text_of(lambda: net(cr.tensor(inputs))) == text
    assert text_of(lambda: cr.compile(net)(inputs)) == text
    assert text_of(lambda: cr.compile(net, fallback=True)(inputs)) == text


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        (np.int16, f"{NUMPY} int16. Convert first: a.astype('int64')."),
        (np.int8, f"{NUMPY} int8. Convert first: a.astype('int64')."),
        (np.uint16, f"{NUMPY} uint16. Convert first: a.astype('int64')."),
        (np.uint32, f"{NUMPY} uint32. Convert first: a.astype('int64')."),
        (np.uint64, f"{NUMPY} uint64. Convert first: a.astype('int64')."),
        (
            np.float32,
            "[cross_entropy] expected int64 class indices; got float32. Use target.long().",
        ),
        (np.bool_, "[cross_entropy] expected int64 class indices; got bool. Use target.long()."),
    ],
)
def test_labels(dtype, text):
    labels = LABELS.astype(dtype)
    loss = nn.functional.cross_entropy
    scores = cr.ones(4, 2)
    assert text_of(lambda: loss(scores, cr.tensor(labels))) == text
    assert text_of(lambda: cr.compile(loss)(scores, labels)) == text


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_of_other_integers_are_taken(dtype):
    loss = cr.compile(nn.functional.cross_entropy)
    labels = LABELS.astype(dtype)
    for _ in range(3):
        assert loss(cr.zeros(4, 2), labels).item() == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: cr.ones(2, 2) @ cr.ones(2, 2).double(), " Use .double() on the float32 one."),
        (lambda: cr.ones(2, 2).bfloat16() @ cr.ones(2, 2), " Use .float() on the bfloat16 one."),
        (lambda: cr.ones(2, 2).long() @ cr.ones(2, 2).int(), ""),
        (
            lambda: cr.allclose(cr.ones(2).double(), cr.ones(2)),
            " Use .float() on the float64 one; in NumPy .astype('float32').",
        ),
    ],
)
def test_the_second_one_is_what_is_wanted_where_it_is_floating(call, hint):
    assert text_of(call).partition(".")[2] == hint
