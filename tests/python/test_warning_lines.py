"""A warning points at the line of the user's that led to it, however many calls of ours lie between."""

import inspect
import warnings

import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn import functional
from chainrule.optim import lr_scheduler

X = cr.ones(2, 3)


class Net(nn.Module):
    def forward(self, input):
        return functional.softmax(input)  # here: without dim


def line_of(marked):
    lines, start = inspect.getsourcelines(marked)
    return start + next(i for i, line in enumerate(lines) if "here:" in line)


def warned_line(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {warning.filename for warning in caught} == {__file__}
    return {warning.lineno for warning in caught}


def trainer(model):
    optimizer = optim.SGD([p for p in model.parameters()], lr=0.1)
    return cr.Trainer(model, nn.MSELoss(), optimizer)


def hooked():
    net = Net()
    net.register_forward_hook(lambda module, args, output: None)
    return net


@pytest.mark.parametrize(
    "call",
    [
        lambda: Net()(X),
        lambda: hooked()(X),
        lambda: nn.Sequential(nn.Sequential(Net()))(X),
        lambda: cr.compile(Net())(X),
        lambda: trainer(nn.Sequential(nn.Linear(3, 3), Net())).fit((X, X), epochs=2),
        lambda: trainer(nn.Sequential(nn.Linear(3, 3), Net())).predict(X),
    ],
    ids=["module", "hooks", "sequential", "compile", "fit", "predict"],
)
def test_in_a_forward_it_is_the_line_there(call):
    assert warned_line(call) == {line_of(Net)}


def kl_div():
    nn.KLDivLoss()(X, X)  # here:


def kl_div_in_a_container():
    nn.Sequential(nn.Softmin(None))(X)  # here:


def old_flags():
    nn.MSELoss(reduce=False)  # here:


def dropout_between_no_layers():
    nn.LSTM(3, 2, dropout=0.5)  # here:


def clipping_nothing():
    nn.utils.clip_grad_norm_(iter(()), 1.0)  # here:


def scheduler_first():
    optimizer = optim.SGD([cr.ones(1)], lr=0.1)
    lr_scheduler.LinearLR(optimizer).step()  # here:


def scheduler_to_an_epoch():
    optimizer = optim.SGD([nn.Parameter(cr.ones(1))], lr=0.1)
    optimizer.step()
    lr_scheduler.StepLR(optimizer, 2).step(3)  # here:


def plateau_to_an_epoch():
    optimizer = optim.SGD([nn.Parameter(cr.ones(1))], lr=0.1)
    lr_scheduler.ReduceLROnPlateau(optimizer).step(1.0, 3)  # here:


@pytest.mark.parametrize(
    "call",
    [
        kl_div,
        kl_div_in_a_container,
        old_flags,
        dropout_between_no_layers,
        clipping_nothing,
        scheduler_first,
        scheduler_to_an_epoch,
        plateau_to_an_epoch,
    ],
    ids=lambda call: call.__name__,
)
def test_elsewhere_it_is_the_line_of_the_call(call):
    assert warned_line(call) == {line_of(call)}
