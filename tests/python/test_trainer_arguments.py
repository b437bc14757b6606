"""Trainer: options and arguments that it refuses before the first step."""

import functools
import operator

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.utils.data import DataLoader, TensorDataset
from trainers import blobs, classifier, line, linear_trainer, network, weights


@pytest.mark.parametrize(
    ("metrics", "error", "words"),
    [
        ({"loss": nn.functional.mse_loss}, ValueError, "other than 'loss', which is the loss"),
        ({"mse": 1.0}, TypeError, "from names to functions; got 'mse': 1.0"),
        ({"mse": nn.MSELoss}, TypeError, "from names to functions; got 'mse': <class"),
        ({1: nn.functional.mse_loss}, TypeError, "from names to functions; got 1: <function"),
        (["recall"], ValueError, r"a dict of functions; got \['recall'\]"),
        (None, TypeError, r"a dict of functions; got \[None\]"),
    ],
)
def test_bad_metrics(metrics, error, words):
    with pytest.raises(error, match=rf"^\[Trainer\] expected (names of )?metrics .*{words}"):
        linear_trainer(metrics=metrics)


@pytest.mark.parametrize(
    ("callbacks", "words"),
    [
        (print, "a sequence of Callbacks or functions; got <built-in function print>"),
        (None, "a sequence of Callbacks or functions; got None"),
        (cr.Callback(), "a sequence of Callbacks or functions; got <"),
        ([cr.Callback], "to be Callbacks or functions; got <class"),
        (["print"], "to be Callbacks or functions; got 'print'"),
    ],
)
def test_bad_callbacks(callbacks, words):
    with pytest.raises(TypeError, match=rf"^\[Trainer\] expected callbacks {words}"):
        linear_trainer(callbacks=callbacks)


class Wrong(cr.Callback):
    def on_progress(self, progress):
        """The trainer is missing."""


def one(row):
    """The trainer is missing, too."""


class Watcher:
    def one(self, row): ...

    def two(self, trainer, row): ...

    def __call__(self, trainer, row, *, also=None): ...


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"callbacks": [one]}, "the callback one to take (trainer, row); got (row)."),
        ({"callbacks": [Watcher().one]}, "the callback one to take (trainer, row); got (row)."),
        (
            {"callbacks": [lambda trainer, row, *, also: 0]},
            "the callback <lambda> to take (trainer, row); got (trainer, row, *, also).",
        ),
        ({"callbacks": [Wrong()]}, "Wrong.on_progress to take (trainer, progress); got (progress)"),
        ({"metrics": {"own": one}}, "metric 'own' to take (outputs, targets); got (row)."),
    ],
)
def test_functions_of_other_arguments(options, words):
    with pytest.raises(TypeError) as raised:
        linear_trainer(**options)
    assert str(raised.value).startswith(f"[Trainer] expected {words}")
    if "metrics" in options:
        with pytest.raises(TypeError, match="expected loss to take"):
            cr.Trainer(nn.Linear(1, 1), one, None)


def test_functions_that_take_two_arguments_in_other_words(capsys):
    seen = []
    functions = [
        print,
        lambda *arguments: seen.append(len(arguments)),
        lambda trainer, row, more=1: seen.append(more),
        Watcher().two,
        Watcher(),
        functools.wraps(one)(lambda trainer, row: one(row)),
        cr.compile(lambda *arguments: None),
        functools.partial(lambda first, trainer, row: seen.append(first), 0),
        operator.is_,  # a builtin
        max,  # which tells no signature
    ]
    linear_trainer(callbacks=functions[:-1]).fit((X, Y), epochs=1)
    assert seen == [2, 1, 0]
    assert capsys.readouterr().out.startswith("Trainer(model=Linear")
    linear_trainer(callbacks=functions)


ROWS = "batch_size an integer in [1, 9223372036854775807]; got "


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"batch_size": None}, ValueError, ROWS + "None."),
        ({"batch_size": True}, ValueError, ROWS + "True."),
        ({"batch_size": 2.0}, ValueError, ROWS + "2.0."),
        ({"batch_size": 0}, ValueError, ROWS + "0."),
        ({"batch_size": 2**63}, ValueError, ROWS + "9223372036854775808."),
        ({"shuffle": 1}, TypeError, "shuffle to be True or False; got 1."),
        ({"shuffle": None}, TypeError, "shuffle to be True or False; got None."),
        ({"min_delta": "x"}, TypeError, "min_delta a number; got 'x'."),
        ({"min_delta": None}, TypeError, "min_delta a number; got None."),
        ({"min_delta": False}, TypeError, "min_delta a number; got False."),
        ({"min_delta": float("nan")}, ValueError, "a finite min_delta; got nan."),
        ({"min_delta": 2**2000}, ValueError, f"a finite min_delta; got {2**2000!r:.60}."),
        ({"min_delta": float("-inf")}, ValueError, "a finite min_delta; got -inf."),
    ],
)
def test_arguments_of_fit(arguments, error, words):
    trainer = linear_trainer()
    before = weights(trainer.model)
    with pytest.raises(error) as raised:
        trainer.fit(line(), line(), **{"epochs": 1} | arguments)
    assert str(raised.value) == f"[Trainer.fit] expected {words}"
    assert weights(trainer.model) == before


def test_the_largest_batch_is_all_data():
    results = []
    for batch_size in (64, 2**63 - 1):
        trainer = linear_trainer()
        trainer.fit(line(64), line(8), epochs=4, batch_size=batch_size, min_delta=np.float32(0.5))
        results.append(weights(trainer.model))
    assert results[0] == results[1]


X, Y = line(8)


def test_widths_that_may_differ():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.last = nn.Parameter(cr.ones(5, 2)), network()

        def forward(self, x):
            return self.last(self.table[x].mean(1))

    labels = cr.tensor([0, 1, 2, 0])
    series = cr.zeros(4, 6, dtype=cr.int64), labels
    longer = cr.zeros(4, 9, dtype=cr.int64), labels
    assert len(classifier(Mean()).fit(series, longer, epochs=1)) == 1
    x, y = blobs(8)
    own = DataLoader(TensorDataset(cr.cat([x, x], 1), y), collate_fn=lambda _: (x[:1], y[:1]))
    assert len(classifier().fit((x, y), own, epochs=1)) == 1


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize(
    ("loss", "error", "got"),
    [
        (nn.MSELoss(reduction="none"), cr.ShapeError, "one of shape (8, 1)"),
        (lambda outputs, targets: None, TypeError, "None"),
        (lambda outputs, targets: outputs.mean().item(), TypeError, "float"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*expected a step that can be captured")
def test_a_loss_that_is_no_number(loss, error, got, compile):
    trainer = linear_trainer(compile=compile)
    trainer.loss = loss
    before = weights(trainer.model)
    for call in (lambda: trainer.fit((X, Y), epochs=1), lambda: trainer.evaluate((X, Y))):
        with pytest.raises(error) as raised:
            call()
        message = f"[Trainer] expected loss to return a tensor of one element; got {got}."
        assert str(raised.value) == message
    assert weights(trainer.model) == before


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize(
    ("metric", "error", "got"),
    [
        (lambda o, t: (o - t).abs(), cr.ShapeError, "one of shape (8, 1). Return the mean over"),
        (lambda o, t: np.zeros(8), cr.ShapeError, "one of shape (8,). Return the mean over"),
        (lambda o, t: None, TypeError, "None."),
        (lambda o, t: (o.mean(), t.mean()), TypeError, "tuple."),
        (lambda o, t: "0.5", TypeError, "str."),
    ],
)
def test_a_metric_that_is_no_number(metric, error, got, compile):
    trainer = linear_trainer(compile=compile, metrics={"good": nn.L1Loss(), "own": metric})
    before = weights(trainer.model)
    for call in (lambda: trainer.fit((X, Y), epochs=1), lambda: trainer.evaluate((X, Y))):
        with pytest.raises(error) as raised:
            call()
        assert str(raised.value).startswith(
            "[Trainer] expected metric 'own' to return a tensor of one element or a number; "
            f"got {got}"
        )
    assert weights(trainer.model) == before


def test_metrics_of_any_name_and_kind_of_number():
    kinds = {
        "model": lambda o, t: t.mean().reshape(1, 1),
        "self": lambda o, t: np.float32(0.5),
        "two words": lambda o, t: np.array([2]),
        "targets": lambda o, t: True,
    }
    trainer = linear_trainer(metrics=kinds)
    row = trainer.fit((X, Y), epochs=5, batch_size=8)[-1]
    assert [row[f"train_{name}"] for name in kinds] == pytest.approx([Y.mean().item(), 0.5, 2, 1])
