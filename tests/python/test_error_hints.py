"""Errors say what to write instead, in code: what users of PyTorch get wrong with each layer and
loss, called eagerly and while a program is recorded."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional

F32, I64, U8 = cr.float32, cr.int64, cr.uint8


def text_of(call, *tensors):
    with pytest.raises((ValueError, TypeError, LookupError)) as caught:
        call(*tensors)
    return str(caught.value)


def made(sizes, dtype=F32):
    return cr.ones(sizes, dtype=dtype)


def ints(*sizes):
    return made(sizes, I64)


def check(call, tensors, words):
    """The text ends with `words`, or has them with "..." behind, eagerly and recorded."""
    text = text_of(call, *tensors)
    assert text.endswith(words), text
    assert text_of(cr.compile(call), *tensors) == text


LINEAR = nn.Linear(784, 10)


@pytest.mark.parametrize(
    ("call", "sizes", "words"),
    [
        (LINEAR, (5, 1, 28, 28), "Use input.flatten(1) or nn.Flatten()."),
        (LINEAR, (5, 28, 28), "Use input.flatten(1) or nn.Flatten()."),
        (LINEAR, (0, 28, 28), "Use input.flatten(1) or nn.Flatten()."),
        (LINEAR, (5, 3, 28, 28), "Use input.flatten(2)."),
        (LINEAR, (28, 28), "Use input.flatten() for one sample."),
        (LINEAR, (784, 5), "Use input.T: rows are samples."),
        (LINEAR, (5, 783), "got input (5, 783) and weight (10, 784)."),
        (nn.Linear(1, 3), (5,), "Use input.unsqueeze(1)."),
        (nn.Linear(7, 4), (5, 4), "got input (5, 4) and weight (4, 7)."),
        (nn.Conv2d(3, 8, 3), (2, 32, 30, 3), "Use input.permute(0, 3, 1, 2)."),
        (nn.Conv2d(3, 8, 3), (32, 30, 3), "Use input.permute(2, 0, 1)."),
        (nn.Conv2d(4, 8, 3, groups=2), (2, 32, 30, 4), "Use input.permute(0, 3, 1, 2)."),
        (nn.Conv2d(3, 8, 3), (2, 4, 30, 30), "got 4 in the input (2, 4, 30, 30)."),
        (nn.Conv1d(3, 8, 3), (2, 32, 3), "Use input.transpose(1, 2)."),
        (nn.Conv1d(3, 8, 3), (32, 3), "Use input.T."),
        (
            nn.Conv2d(1, 8, 3),
            (2, 28, 28),
            "Use input.unsqueeze(1): without N the first size is that of the channels.",
        ),
        (nn.Conv2d(1, 8, 3), (28, 30), "Use input.unsqueeze(0)."),
        (nn.Conv2d(1, 8, 3), (5, 784), "Use input.reshape(-1, 1, 28, 28)."),
        (nn.Conv2d(3, 8, 3), (5, 3072), "Use input.reshape(-1, 3, 32, 32)."),
        (nn.MaxPool2d(2), (4, 4), "Use input.unsqueeze(0)."),
        (
            nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"),
            (2, 32, 30, 3),
            "got 32 in the input (2, 32, 30, 3). Use input.permute(0, 3, 1, 2).",
        ),
        (nn.BatchNorm2d(3), (3, 5, 5), "Use input.unsqueeze(0) for one sample."),
        (nn.BatchNorm2d(3), (5, 3), "expected a 4D input; got (5, 3)."),
        (nn.BatchNorm2d(3), (2, 5, 5, 3), "Use input.movedim(-1, 1)."),
        (nn.BatchNorm1d(3), (2, 5, 3), "Use input.transpose(1, 2)."),
        (nn.InstanceNorm2d(3), (2, 5, 5, 3), "Use input.movedim(-1, 1)."),
        (nn.InstanceNorm2d(3), (5, 5, 3), "got an input of sizes (5, 5, 3)."),
        (nn.GroupNorm(3, 6), (2, 5, 5, 6), "Use input.movedim(-1, 1)."),
        (nn.LayerNorm(6), (2, 6, 5, 5), "Use input.movedim(1, -1)."),
    ],
)
def test_arrangement_of_inputs(call, sizes, words):
    check(call, [made(sizes)], words)


@pytest.mark.parametrize(
    ("sizes", "hint"),
    [
        ((5, 1, 28, 28), lambda x: LINEAR(x.flatten(1))),
        ((784, 5), lambda x: LINEAR(x.T)),
        ((2, 32, 30, 3), lambda x: nn.Conv2d(3, 8, 3)(x.permute(0, 3, 1, 2))),
        ((32, 30, 3), lambda x: nn.Conv2d(3, 8, 3)(x.permute(2, 0, 1))),
        ((2, 6, 5, 5), lambda x: nn.LayerNorm(6)(x.movedim(1, -1))),
        ((2, 5, 5, 6), lambda x: nn.GroupNorm(3, 6)(x.movedim(-1, 1))),
        ((5, 3072), lambda x: nn.Conv2d(3, 8, 3)(x.reshape(-1, 3, 32, 32))),
        ((2, 28, 28), lambda x: nn.Conv2d(1, 8, 3)(x.unsqueeze(1))),
    ],
)
def test_what_a_hint_says_is_accepted(sizes, hint):
    assert hint(made(sizes)).numel() > 0


SCORES = made((4, 10))
SEQUENCE = "Use input.transpose(1, 2): classes are dimension 1."


@pytest.mark.parametrize(
    ("loss", "input", "target", "words"),
    [
        ("cross_entropy", made((4, 7, 10)), ints(4, 7), SEQUENCE),
        ("nll_loss", made((4, 7, 10)), ints(4, 7), SEQUENCE),
        ("cross_entropy", made((4, 7, 5, 10)), ints(4, 7, 5), "Use input.movedim(-1, 1): classes "),
        ("cross_entropy", made((4, 7, 10)), ints(28), "Use input.flatten(0, -2)."),
        ("cross_entropy", made((28, 10)), ints(4, 7), "Use target.flatten()."),
        ("cross_entropy", made((4, 1, 10)), ints(4), "Use input.squeeze(1)."),
        (
            "cross_entropy",
            SCORES,
            ints(4, 10),
            "Use target.argmax(1) for one-hot rows, target.float() for probabilities.",
        ),
        ("nll_loss", SCORES, ints(4, 10), "Use target.argmax(1) for one-hot rows."),
        (
            "cross_entropy",
            made((4, 7, 10)),
            ints(4, 7, 10),
            (
                "Use target.argmax(1) for one-hot targets, or where classes come last: "
                "input.transpose(1, 2) and target.argmax(-1)."
            ),
        ),
        (
            "nll_loss",
            made((4, 7, 5, 10)),
            ints(4, 7, 5, 10),
            "movedim(-1, 1) and target.argmax(-1).",
        ),
        ("nll_loss", SCORES, made((4, 10)), "Use target.argmax(1) for one-hot rows."),
        ("cross_entropy", SCORES, made((4,)), "got float32. Use target.long()."),
        ("cross_entropy", SCORES, ints(4, 1), "Use target.squeeze(1)."),
        ("cross_entropy", SCORES, made((4, 1)), "Use target.squeeze(1).long()."),
        ("multi_margin_loss", SCORES, ints(4, 1), "Use target.squeeze(1)."),
        ("cross_entropy", SCORES, ints(5), "for scores of sizes (4, 10); got (5,)."),
        ("cross_entropy", SCORES, 10 * ints(4), "got 10 in row 0. Classes count from 0."),
        ("nll_loss", SCORES, 10 * ints(4), "got 10 in row 0. Classes count from 0."),
        ("cross_entropy", SCORES, 11 * ints(4), "got 11 in row 0."),
        (
            "cross_entropy",
            made((4, 1)),
            ints(4),
            "Use binary_cross_entropy_with_logits for one score a row.",
        ),
        (
            "cross_entropy",
            made((4,)),
            ints(4),
            "Use binary_cross_entropy_with_logits for one score a row.",
        ),
        ("cross_entropy", ints(4), SCORES, "The order is input, target."),
        (
            "cross_entropy",
            ints(4),
            ints(4),
            "Pass the scores of all classes, not their argmax.",
        ),
        ("cross_entropy", ints(4, 10), ints(4), "got int64. Use .float()."),
    ],
)
def test_classes(loss, input, target, words):
    call = getattr(functional, loss)
    text = text_of(call, input, target)
    assert text.startswith(f"[{loss}] expected ") and words in text, text
    assert text_of(cr.compile(call), input, target) == text


PAIRS = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss"]
PAIRS += ["smooth_l1_loss", "huber_loss", "half_mse_loss", "poisson_nll_loss", "soft_margin_loss"]


@pytest.mark.parametrize("loss", PAIRS)
@pytest.mark.parametrize(
    ("input", "target", "words"),
    [
        ((4, 1), (4,), "got (4, 1) and (4,). Use target.unsqueeze(1)."),
        ((4,), (4, 1), "got (4,) and (4, 1). Use target.squeeze(1)."),
        ((2, 4, 1), (2, 4), "Use target.unsqueeze(2)."),
        ((1,), (), "Use target.unsqueeze(0)."),
        ((4, 1), (1, 4), "Use target.reshape(input.shape)."),
        ((2, 1, 4), (1, 2, 4), "Use target.reshape(input.shape)."),
        ((4, 6), (6, 4), "got (4, 6) and (6, 4). Use target.mT."),
        ((2, 4, 6), (2, 6, 4), "got (2, 4, 6) and (2, 6, 4). Use target.mT."),
        ((4, 6), (3, 8), "got (4, 6) and (3, 8)."),
        ((4, 6), (24,), "got (4, 6) and (24,)."),
        ((4, 2), (4,), "got (4, 2) and (4,)."),
    ],
)
def test_pairs_of_one_shape(loss, input, target, words):
    check(getattr(functional, loss), [made(input), made(target)], words)


@pytest.mark.parametrize("loss", PAIRS[:2])
def test_labels_of_yes_or_no(loss):
    call = getattr(functional, loss)
    check(call, [made((4,)), ints(4)], "got int64. Use target.float() for labels of 0 and 1.")
    check(call, [ints(4), made((4,))], "got int64. Use input.float().")
    check(call, [made((4,)), made((4,)), ints(4)], "got int64. Use weight.float().")
    check(call, [made((4, 3)), ints(4)], "Use cross_entropy for labels of classes.")


@pytest.mark.parametrize("loss", PAIRS[2:7])
def test_a_bool_target_of_a_regression(loss):
    call = getattr(functional, loss)
    check(call, [made((4,)), ints(4) > 0], "got a bool target. Use target.float().")


Q = made((2, 4, 5, 8))
ATTENTION = nn.MultiheadAttention(8, 2, batch_first=True)
X = made((2, 5, 8))


@pytest.mark.parametrize("dtype", [I64, U8, cr.int32])
def test_masks_of_integers(dtype):
    mask, x = made((5, 5), dtype), made((5, 5))
    if dtype != U8:  # which torch.where and masked_select take, too
        check(lambda m, x: cr.where(m, x, x), [mask, x], "Use condition.bool().")
        check(lambda m, x: x.masked_select(m), [mask, x], "Use mask.bool().")
    check(lambda m, x: x.masked_fill(m, 0), [mask, x], "Use mask.bool().")
    check(
        functional.scaled_dot_product_attention,
        [Q, Q, Q, mask],
        "Use attn_mask.bool(), True where a query looks.",
    )
    check(
        lambda x, m: ATTENTION(x, x, x, attn_mask=m),
        [X, mask],
        "Use attn_mask.bool(), True where no query looks.",
    )
    check(
        lambda x, m: ATTENTION(x, x, x, key_padding_mask=m),
        [X, made((2, 5), dtype)],
        "Use key_padding_mask.bool(), True where no query looks.",
    )


@pytest.mark.parametrize("dtype", [cr.float64, cr.bfloat16])
def test_a_floating_mask_of_another_dtype_stays_one(dtype):
    mask = made((5, 5), dtype)  # as bools, its zeros would hide what they leave as it is
    words = "Use attn_mask.to(query.dtype)."
    check(functional.scaled_dot_product_attention, [Q, Q, Q, mask], words)
    functional.scaled_dot_product_attention(Q, Q, Q, mask.to(Q.dtype))


def test_masks_of_floats_as_an_index():
    check(lambda x, m: x[m], [X, made((2,))], "Use .bool() for a mask, .long() for places.")


@pytest.mark.parametrize(
    ("name", "sizes", "words"),
    [
        ("key_padding_mask", (5, 2), "got (5, 2). Use key_padding_mask.T."),
        ("attn_mask", (2, 5), "Use key_padding_mask."),
        (
            "attn_mask",
            (2, 5, 5),
            "Use attn_mask.unsqueeze(1).expand(-1, 2, -1, -1).flatten(0, 1).",
        ),
        ("attn_mask", (3, 5), "got (3, 5)."),
    ],
)
def test_shapes_of_masks(name, sizes, words):
    check(lambda x, m: ATTENTION(x, x, x, **{name: m}), [X, made(sizes, cr.bool)], words)


def test_the_mask_of_every_sample_for_all_heads():
    mask = cr.zeros(2, 5, 5, dtype=cr.bool)
    mask = mask.unsqueeze(1).expand(-1, 2, -1, -1).flatten(0, 1)
    assert ATTENTION(X, X, X, attn_mask=mask)[0].shape == X.shape


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: nn.Linear(3, 2)(x), "Pass chainrule.from_numpy(input)."),
        (lambda x: nn.BatchNorm1d(3)(x), "got numpy.ndarray. Pass chainrule.from_numpy(x)."),
        (lambda x: nn.LSTM(3, 2)(x), "got numpy.ndarray. Pass chainrule.from_numpy(x)."),
        (lambda x: nn.MultiheadAttention(3, 1)(x, x, x), "Pass chainrule.from_numpy(x)."),
    ],
)
def test_arrays(call, words):
    assert text_of(call, np.ones((2, 3), np.float32)).endswith(words)


WORDS = "Use nn.Embedding for numbers of words, {}.to(chainrule.float32) for values."


@pytest.mark.parametrize(
    ("call", "sizes", "of_double", "of_ints"),
    [
        (
            lambda x: ATTENTION(x, x, x),
            (2, 5, 8),
            (
                "expected query of the weights' dtype, chainrule.float32; got chainrule.float64. "
                "Use query.to(chainrule.float32)."
            ),
            WORDS.format("query"),
        ),
        (
            lambda x: nn.Bilinear(3, 3, 2)(x, x),
            (2, 3),
            (
                "[bilinear] expected input1 of the weights' dtype, chainrule.float32; got "
                "chainrule.float64. Use input1.to(chainrule.float32)."
            ),
            WORDS.format("input1"),
        ),
        (
            nn.Conv2d(1, 2, 3),
            (1, 5, 5),
            "Use .float() on the float64 one; in NumPy .astype('float32').",
            "Use float().",
        ),
        (nn.BatchNorm1d(3), (4, 3), "Use input.to(chainrule.float32).", "Use .float()."),
        (nn.LayerNorm(3), (4, 3), "Use input.to(weight.dtype).", "Use .float()."),
        (nn.GroupNorm(1, 3), (4, 3), "Use input.to(weight.dtype).", "Use .float()."),
    ],
)
def test_dtypes_of_inputs(call, sizes, of_double, of_ints):
    for dtype, words in ((cr.float64, of_double), (I64, of_ints)):
        x = made(sizes, dtype)
        assert text_of(call, x).endswith(words)
        assert "[linear]" not in text_of(call, x)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda x, v: functional.layer_norm(x, (3,), v), "weight"),
        (lambda x, v: functional.layer_norm(x, (3,), None, v), "bias"),
        (lambda x, v: functional.group_norm(x, 1, v), "weight"),
        (lambda x, v: functional.batch_norm(x, v, v), "running_mean"),
        (lambda x, v: functional.batch_norm(x, None, None, v, training=True), "weight"),
    ],
)
def test_vectors_of_integers_beside_an_input_of_floats(call, what):
    x, vector = made((4, 3)), ints(3)
    assert text_of(call, x, vector).endswith(f"int64. Use {what}.to(input.dtype).")
    assert call(x, vector.to(x.dtype)).shape == x.shape


def test_mixed_dtypes_under_autocast():
    with cr.autocast():
        assert ATTENTION(X, X, X)[0].shape == X.shape
