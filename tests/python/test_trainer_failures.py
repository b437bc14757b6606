"""Trainer: numbers that are not finite, Ctrl-C, and arguments and data that it cannot use."""

import math
import signal

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.utils.data import TensorDataset
from trainers import Recorder, line, linear_trainer, overfitting, weights


def poisoned(row):
    x, y = line(64)
    array = y.numpy().copy()
    array[row] = np.nan
    return x, cr.from_numpy(array)


def test_nan_names_epoch_and_batch_and_keeps_the_last_good_weights():
    x, y = line()
    calls = []

    class Loss(nn.Module):
        def forward(self, outputs, targets):
            calls.append(weights(model))
            loss = nn.functional.mse_loss(outputs, targets)
            return loss * float("nan") if len(calls) == 11 else loss

    recorder = Recorder()
    trainer = linear_trainer(callbacks=[recorder], compile=False)  # every batch calls the loss
    model = trainer.model
    trainer.loss = Loss()
    with pytest.raises(FloatingPointError, match=r"got nan in epoch 3 in batch 3.*of epoch 2 are"):
        trainer.fit((x, y), epochs=5, batch_size=16)
    assert weights(model) == recorder.weights[1]
    assert weights(model) != calls[-1]
    assert len(trainer.history) == 2
    assert recorder.events[-1] == ("end", None)


def test_the_optimizer_keeps_the_state_of_the_abandoned_steps():
    trainer = linear_trainer()
    trainer.optimizer = optim.Adam(trainer.model.parameters())
    before = weights(trainer.model)
    with pytest.raises(FloatingPointError, match="epoch 1 are kept, the optimizer's state is the"):
        trainer.fit(poisoned(33), epochs=3, batch_size=8, shuffle=False)
    assert weights(trainer.model) == before
    steps = {state["step"].item() for state in trainer.optimizer.state.values()}
    assert steps == {4.0}  # the four batches before the fifth, as the docstring of fit says


def test_nan_labels_in_the_first_epoch():
    trainer = linear_trainer()
    before = weights(trainer.model)
    with pytest.raises(FloatingPointError, match="epoch 1 in batch 5.*before epoch 1"):
        trainer.fit(poisoned(33), epochs=3, batch_size=8, shuffle=False)
    assert weights(trainer.model) == before


def test_nan_in_the_validation_data():
    with pytest.raises(FloatingPointError, match="epoch 1 on the validation data"):
        linear_trainer().fit(line(), poisoned(0), epochs=3)


def test_there_is_no_training_without_an_optimizer():
    trainer = cr.Trainer(nn.Linear(1, 1), nn.MSELoss(), None)
    with pytest.raises(ValueError, match=r"\[Trainer.fit\] expected an optimizer; got None"):
        trainer.fit(line())


def test_an_optimizer_of_another_model():
    trainer = linear_trainer()
    trainer.model = nn.Linear(3, 1)
    words = (
        r"\[Trainer.fit\] expected an optimizer of the model's parameters; got one of others\. Make"
    )
    with pytest.raises(ValueError, match=words):
        trainer.fit(line())
    trainer.optimizer.add_param_group({"params": [trainer.model.bias]})
    trainer.fit(line(), epochs=1)  # some of them may be enough


def test_a_learning_rate_that_diverges():
    trainer = linear_trainer(lr=1e10)
    with pytest.raises(FloatingPointError, match="smaller learning rate"):
        trainer.fit(line(), line(), epochs=50)
    assert all(math.isfinite(v) for v in np.ravel(trainer.model.weight.tolist()))


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(("epoch", "kept"), [(1, 1), (5, 3)])
def test_ctrl_c_between_epochs(epoch, kept):
    recorder = Recorder()

    def interrupt(trainer, row):
        if row["epoch"] == epoch:
            signal.raise_signal(signal.SIGINT)

    trainer = overfitting(callbacks=[recorder, interrupt])
    history = trainer.fit(line(), line(), epochs=10)
    assert history.stopped == "interrupted"
    assert history.best_epoch == kept
    assert weights(trainer.model) == recorder.weights[kept - 1]
    assert recorder.events[-1] == ("end", "interrupted")


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(("compile", "batch"), [(False, 7), (True, 2)])  # the second is recorded
def test_ctrl_c_in_a_batch(compile, batch):
    calls = []

    class Loss(nn.Module):
        def forward(self, outputs, targets):
            calls.append(1)
            if len(calls) == batch:
                signal.raise_signal(signal.SIGINT)
            return nn.functional.mse_loss(outputs, targets)

    recorder = Recorder()
    trainer = linear_trainer(callbacks=[recorder], compile=compile)
    trainer.loss = Loss()
    history = trainer.fit(line(), epochs=10, batch_size=16)
    assert len(calls) == batch
    assert history.stopped == "interrupted"
    assert history.best_epoch == len(history) == batch // 4
    assert not recorder.weights or weights(trainer.model) == recorder.weights[0]
    trainer.fit(line(), epochs=1)  # the trainer is still good


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epochs": -1}, ValueError, "epochs an integer >= 0"),
        ({"epochs": 2.5}, ValueError, "epochs an integer >= 0"),
        ({"patience": 0}, ValueError, "patience an integer >= 1"),
        ({"patience": 2}, ValueError, "validation data with patience"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"generator": 3}, TypeError, "expected generator a Generator or None; got 3"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        linear_trainer().fit(line(), **arguments)


def test_bad_data():
    trainer = linear_trainer()
    for data in (7, line()[0]):
        with pytest.raises(TypeError, match="DataLoader, a Dataset"):
            trainer.fit(data)
    with pytest.raises(ValueError, match="at least one batch"):
        trainer.fit((cr.zeros(0, 3), cr.zeros(0, 1)))
    with pytest.raises(ValueError, match="at least one batch"):
        trainer.evaluate((cr.zeros(0, 3), cr.zeros(0, 1)))
    with pytest.raises(ValueError, match="training data as a pair"):
        trainer.fit(TensorDataset(cr.zeros(4, 3)))
    with pytest.raises(ValueError, match="metrics"):
        cr.Trainer(trainer.model, nn.MSELoss(), trainer.optimizer, metrics=["recall"])
    with pytest.raises(KeyError, match=r"\[History\] expected .*; got 'val_loss'"):
        trainer.fit(line(), epochs=1)["val_loss"]


def test_labels_out_of_range_are_an_error():
    cr.manual_seed(0)
    model = nn.Linear(2, 3)
    trainer = cr.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(IndexError):
        trainer.fit((cr.zeros(4, 2), cr.tensor([0, 1, 2, 3])), epochs=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"loss": nn.MSELoss},
            r"loss function or module, as nn.MSELoss.*got the class MSELoss\. Make one: nn\.MSELoss\(\)\.$",
        ),
        (
            {"model": nn.Linear},
            r"expected a model, as nn.Linear\(2, 1\); got the class Linear\. Make one: nn",
        ),
        ({"model": lambda x: x}, "expected a model.*got function"),
        ({"model": None}, "expected a model.*got None"),
        ({"loss": None}, "loss function or module.*got None"),
        ({"optimizer": "adam"}, r"; got 'adam'\. Make one: chainrule.optim.Adam\(model\.par"),
        (
            {"optimizer": optim.AdamW},
            r"; got the class AdamW\. Make one: chainrule\.optim\.AdamW\(model\.parameters\(\)\)\.$",
        ),
        ({"metrics": {"mse": nn.MSELoss}}, r"got 'mse': <class .*\. Make one: nn\.MSELoss\(\)\.$"),
        ({"callbacks": [cr.Callback]}, r"got <class .*\. Make one: Callback\(\)\.$"),
        ({"optimizer": nn.MSELoss()}, r"optimizer of the model's parameters; got MSELoss\(\)"),
    ],
)
def test_parts_that_cannot_train(change, words):
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    parts = {"model": model, "loss": nn.MSELoss(), "optimizer": optimizer} | change
    with pytest.raises(TypeError, match=words):
        cr.Trainer(**parts)


def test_there_is_no_training_where_nothing_has_a_gradient():
    trainer = linear_trainer()
    for mode in (cr.no_grad, cr.inference_mode):
        with (
            mode(),
            pytest.raises(cr.StateError, match="expected gradients; got a call inside no_"),
        ):
            trainer.fit(line())
    trainer.model.requires_grad_(False)
    with pytest.raises(ValueError, match=r"got frozen ones alone\. Call model\.requires_grad_\(\)"):
        trainer.fit(line())
    trainer.model.bias.requires_grad_()
    before = trainer.model.weight.tolist()
    assert len(trainer.fit(line(), epochs=1)) == 1
    assert trainer.model.weight.tolist() == before


@pytest.mark.parametrize("compile", [False, True])
def test_a_model_without_a_return(compile):
    class Silent(nn.Linear):
        def forward(self, input):
            super().forward(input)

    model = Silent(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = cr.Trainer(model, nn.MSELoss(), optimizer, compile=compile)
    for call in (trainer.fit, trainer.evaluate, lambda data: trainer.predict(data[0])):
        with pytest.raises(
            TypeError, match=r"to return its outputs; got None\. Is the return miss"
        ):
            call(line())


def test_a_model_of_several_outputs_does_not_predict():
    class Both(nn.Linear):
        def forward(self, input):
            return super().forward(input), input

    model = Both(3, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = cr.Trainer(model, lambda both, y: nn.functional.mse_loss(both[0], y), optimizer)
    assert len(trainer.fit(line(), epochs=1)) == 1
    with pytest.raises(TypeError, match=r"\[Trainer.predict\] .* one tensor; got tuple\."):
        trainer.predict(line()[0])
