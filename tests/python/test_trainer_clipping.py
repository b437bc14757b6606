"""Trainer(clip_grad_norm=...): the bits of the loop that one writes by hand, captured and eager."""

import pytest

import chainrule as cr
from chainrule import nn, optim
from trainers import blobs, figures, linear_trainer, network, weights


def trained(compile, clip_grad_norm):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    trainer = cr.Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        metrics=["accuracy"],
        compile=compile,
        clip_grad_norm=clip_grad_norm,
    )
    history = trainer.fit(blobs(), epochs=3, batch_size=16, shuffle=False)
    return figures(history), weights(model)


def by_hand(max_norm):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    x, y = blobs()
    norms = []
    for _ in range(3):
        for begin in range(0, 90, 16):
            optimizer.zero_grad()
            nn.functional.cross_entropy(
                model(x[begin : begin + 16]), y[begin : begin + 16]
            ).backward()
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), max_norm).item())
            optimizer.step()
    return weights(model), norms


@pytest.mark.parametrize("max_norm", [0.125, 1, 1e9])
def test_the_bits_of_a_loop_by_hand(taken, max_norm):
    wanted, norms = by_hand(max_norm)
    assert max_norm == 1e9 or max(norms) > max_norm  # some were clipped
    runs = [trained(compile, max_norm) for compile in (True, False)]
    assert runs[0] == runs[1]
    assert runs[0][1] == wanted
    assert sum(taken) > 8  # natively, from batch to batch
    assert (runs[0] == trained(True, None)) is (max_norm == 1e9)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("1", TypeError, r"clip_grad_norm a number or None; got '1'"),
        (True, TypeError, r"clip_grad_norm a number or None; got True"),
        (0, ValueError, r"clip_grad_norm > 0; got 0"),
        (-1.0, ValueError, r"clip_grad_norm > 0; got -1.0"),
        (float("nan"), ValueError, r"a finite clip_grad_norm; got nan"),
    ],
)
def test_what_is_no_norm(value, kind, text):
    with pytest.raises(kind, match=rf"^\[Trainer\] expected {text}\.$"):
        linear_trainer(clip_grad_norm=value)
