"""Trainer: arrays that no tensor holds and targets that the loss refuses, with their remedies."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from trainers import blobs, classifier, line, linear_trainer

INTEGERS = 'Convert inputs by astype("float32"), class numbers by astype("int64").'
UNIQUE = "For numbers of classes take numpy.unique(labels, return_inverse=True)[1]."
NUMBERS = "[Trainer] expected a tensor, an array or a list of numbers; got "


@pytest.mark.parametrize(
    ("targets", "got"),
    [
        (np.zeros(8, np.int16), "an array of int16. " + INTEGERS),
        (np.zeros(8, np.uint32), "an array of uint32. " + INTEGERS),
        (np.zeros(8, complex), "an array of complex128."),
        (
            np.array(["cat", "dog"] * 4),
            "an array of <U3. " + UNIQUE,
        ),
        (None, "None."),
        (["cat", "dog"] * 4, "list: [tensor] expected a number at [0]; got str."),
    ],
)
def test_arrays_that_no_tensor_holds(targets, got):
    with pytest.raises(TypeError) as raised:
        classifier().fit((cr.zeros(8, 2), targets))
    assert str(raised.value) == NUMBERS + got
    assert raised.value.__notes__ == ["[Trainer] in the training data, a pair (inputs, targets)."]


@pytest.mark.parametrize("kind", ["float16", ">f4", ">f8", "longdouble"])
def test_arrays_of_any_floating_numbers_get_the_dtype_of_the_model(kind):
    x, y = line(8)[0].numpy().astype("float16"), line(8)[1].numpy().astype("float16")
    expected = linear_trainer().evaluate((x.astype("float32"), y.astype("float32")))
    assert linear_trainer().evaluate((x.astype(kind), y.astype(kind))) == expected
    assert linear_trainer().predict(x.astype(kind)).dtype == cr.float32


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_class_numbers_of_every_dtype_of_integers(dtype):
    x, y = blobs(60)
    assert classifier().evaluate((x, y.numpy().astype(dtype))) == classifier().evaluate((x, y))
    assert len(classifier().fit((x, y.numpy().astype(dtype)), epochs=2)) == 2


def convert(got, dtype):
    return (
        f"[Trainer] expected targets of chainrule.{dtype}; got chainrule.{got}. Convert them: a tensor "
        f'by targets.to(chainrule.{dtype}), an array by targets.astype("{dtype}").'
    )


def in_form_of(outputs, got, form):
    return (
        f"[Trainer] expected targets in the form of the outputs, {outputs}; got {got}. Pass "
        f"targets.reshape{form}, of a tensor or an array."
    )


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "note"),
    [
        (nn.CrossEntropyLoss(), 3, np.zeros(8), convert("float32", "int64")),
        (nn.CrossEntropyLoss(), 3, cr.zeros(8, dtype=cr.bool), convert("bool", "int64")),
        (
            nn.BCEWithLogitsLoss(),
            1,
            cr.zeros(8, 1, dtype=cr.int64),
            convert("int64", "float32"),
        ),
        (nn.BCEWithLogitsLoss(), 1, np.zeros(8), in_form_of((8, 1), (8,), "(-1, 1)")),
        (nn.MSELoss(), 1, np.zeros(8), in_form_of((8, 1), (8,), "(-1, 1)")),
    ],
)
def test_targets_that_the_loss_refuses(loss, outputs, targets, note, compile):
    model = nn.Linear(2, outputs)
    trainer = cr.Trainer(model, loss, optim.SGD(model.parameters(), lr=0.1), compile=compile)
    data = cr.zeros(8, 2), targets
    for call in (lambda: trainer.fit(data, epochs=1), lambda: trainer.evaluate(data)):
        with pytest.raises((cr.DtypeError, cr.ShapeError)) as raised:
            call()
        assert raised.value.__notes__ == [note]


def test_targets_of_more_columns_than_the_outputs():
    class Flat(nn.Linear):
        def forward(self, input):
            return super().forward(input)[:, 0]

    trainer = cr.Trainer(Flat(2, 1), nn.MSELoss(), None)
    with pytest.raises(cr.ShapeError) as raised:
        trainer.evaluate((cr.zeros(8, 2), cr.zeros(8, 1)))
    assert raised.value.__notes__ == [in_form_of((8,), (8, 1), "(-1)")]
    with pytest.raises(cr.ShapeError) as raised:
        classifier().evaluate((cr.zeros(8, 2), cr.zeros(8, 1, dtype=cr.int64)))
    assert not hasattr(raised.value, "__notes__")  # its own hint holds
    assert str(raised.value).endswith("got (8, 1). Use target.squeeze(1).")


def test_accuracy_of_two_classes_in_one_column():
    x, y = cr.tensor([[-1.0], [-1.0], [2.0], [3.0]]), cr.tensor([[0.0], [1.0], [1.0], [1.0]])
    model = nn.Identity()
    loss = nn.BCEWithLogitsLoss()
    model.unused = nn.Parameter(cr.zeros(1))
    with pytest.raises(cr.ShapeError, match="got .4, 1. and .4, 1.. For two classes in") as raised:
        cr.Trainer(model, loss, None, metrics=["accuracy"]).evaluate((x, y))
    own = str(raised.value).partition("pass metrics=")[2].removesuffix(".")
    figures = cr.Trainer(model, loss, None, metrics=eval(own)).evaluate((x, y))
    assert figures["accuracy"] == 0.75
    with pytest.raises(cr.ShapeError, match=r"got \(8, 3\) and \(8, 3\)\.$"):
        trainer = classifier()
        trainer.loss = lambda outputs, targets: outputs.mean()
        trainer.evaluate((cr.zeros(8, 2), cr.zeros(8, 3)))
