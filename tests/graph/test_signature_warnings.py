"""What a compiled function says where its calls are never replayed."""

import warnings
from dataclasses import dataclass

import pytest

import chainrule as cr
from chainrule import nn


@dataclass
class Batch:
    k: float


class Holder:
    pass


def test_keys_that_cannot_be_compared_do_not_spoil_the_warning():
    step, x = cr.compile(lambda x, d: x * 2), cr.ones(2)
    with pytest.warns(UserWarning, match="differs from the one before in the arguments"):
        [step(x, {nn.Parameter(cr.ones(3)): 1.0}) for _ in range(20)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            lambda i: (cr.ones(i + 1, 2), 0),
            r"the shape of a tensor: \(15, 2\), then \(16, 2\)\. Pad",
        ),
        (lambda i: (cr.ones(2), i), r"an argument: 14, then 15\. .*0-d tensor, to what takes one"),
        (
            lambda i: (cr.ones(2), {"k": [0, i]}),
            r"an argument: 14, then 15\. .*0-d tensor, to what takes one",
        ),
        (
            lambda i: (cr.ones(2), Batch(i)),
            r"an argument: 14, then 15\. .*0-d tensor, to what takes one",
        ),
        (
            lambda i: (cr.ones(2), Holder()),
            "an argument: another object of class Holder.*dataclass",
        ),
        (lambda i: (cr.ones(2), [0] * i), "the structure of the arguments"),
        (lambda i: (cr.ones(2, i + 9)[:, :2], 0), "the layout of a tensor"),
    ],
)
def test_what_makes_a_signature_of_every_call_is_named(arguments, words):
    step = cr.compile(lambda x, other: x * 2)
    with pytest.warns(
        UserWarning, match=f"16 signatures and none .* differs .* in {words}"
    ) as seen:
        [step(*arguments(i)) for i in range(70)]
    assert len(seen) == 1 and seen[0].filename == __file__


def test_signatures_that_make_room_for_newer_ones_unused_are_warned_of():
    step, x = cr.compile(lambda x, k: x * 2), cr.ones(2)
    [step(x, 0) for _ in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [step(x, k) for k in range(1, 100)]
    with pytest.warns(UserWarning, match="64 signatures made room .* an argument: ") as seen:
        [step(x, k % 100 + 1) for k in range(300)]
    assert len(seen) == 1 and seen[0].filename == __file__
