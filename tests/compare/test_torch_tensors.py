"""PyTorch's own tensors and state dicts where chainrule's are wanted: what the message calls them,
and that its hint, run as it stands, does it."""

import re

import pytest
import torch

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn import functional


def made_by_hint(call, kind, **names):
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    code = re.search(r" Pass (.*)\.$", text)[1]
    return text, eval(code, {"chainrule": cr, **names})


def test_a_tensor():
    for tensor, name in (
        (torch.arange(3.0), "torch.Tensor"),
        (torch.nn.Parameter(torch.arange(3.0)), "torch.nn.parameter.Parameter"),
    ):
        text, made = made_by_hint(lambda t=tensor: functional.relu(t), TypeError, input=tensor)
        assert f"got ({name}): 'input' must be a Tensor." in text
        assert functional.relu(made).tolist() == [0, 1, 2]


def test_the_state_dict_of_a_module():
    def build(nn):
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

    theirs, ours = build(torch.nn), build(nn)
    theirs(torch.randn(5, 3))  # statistics of a batch
    state = theirs.state_dict()
    text, made = made_by_hint(lambda: ours.load_state_dict(state), cr.StateError, state_dict=state)
    assert '"0.weight": a tensor expected, torch.Tensor in the state dict' in text
    ours.load_state_dict(made)
    x = torch.randn(6, 3)
    expected = theirs.eval()(x)
    assert torch.allclose(torch.from_dlpack(ours.eval()(cr.from_dlpack(x)).detach()), expected)
    assert ours[1].num_batches_tracked.item() == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [("Adam", {}), ("AdamW", {"amsgrad": True}), ("SGD", {"momentum": 0.9}), ("RMSprop", {})],
)
def test_the_state_dict_of_an_optimizer(name, options):
    theirs = torch.nn.Linear(3, 2)
    ours = nn.Linear(3, 2)
    ours.load_state_dict({k: cr.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    steps = getattr(torch.optim, name)(theirs.parameters(), lr=0.1, **options)
    beside = getattr(optim, name)(ours.parameters(), lr=0.1, **options)
    x = torch.randn(4, 3)
    theirs(x).square().sum().backward()
    steps.step()
    ours.load_state_dict({k: cr.from_dlpack(v) for k, v in theirs.state_dict().items()})
    state = steps.state_dict()
    text, made = made_by_hint(lambda: beside.load_state_dict(state), TypeError, state_dict=state)
    assert re.match(rf"\[{name}\] expected \w+ as a Tensor; got torch\.Tensor\. Pass ", text)
    beside.load_state_dict(made)
    for model, optimizer, inputs in ((theirs, steps, x), (ours, beside, cr.from_dlpack(x))):
        optimizer.zero_grad()
        model(inputs).square().sum().backward()
        optimizer.step()
    assert torch.allclose(torch.from_dlpack(ours.weight.detach()), theirs.weight.detach())


def test_an_optimizer_of_the_users_own_keeps_no_foreign_tensors():
    class Own(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

    state = {"state": {0: {"mean": torch.ones(2)}}, "param_groups": [{"params": [0], "lr": 0.1}]}
    own = Own([cr.ones(2)])
    text, made = made_by_hint(lambda: own.load_state_dict(state), TypeError, state_dict=state)
    assert text.startswith("[Own] expected mean as a Tensor; got torch.Tensor.") and not own.state
    own.load_state_dict(made)
    (entries,) = own.state.values()
    assert entries["mean"].tolist() == [1, 1]
