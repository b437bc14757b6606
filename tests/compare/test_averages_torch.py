"""Averages of weights beside PyTorch's: AveragedModel in all its forms, SWALR."""

import copy
import inspect

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both, close, same_weights
from schedulers_of_both import make, plain, settings, walk


def utils(lib):
    return lib.optim.swa_utils


FORMS = {
    "equal": lambda lib: {},
    "ema": lambda lib: {"avg_fn": utils(lib).get_ema_avg_fn(0.9)},
    "swa": lambda lib: {"avg_fn": utils(lib).get_swa_avg_fn()},
    "ema of lists": lambda lib: {"multi_avg_fn": utils(lib).get_ema_multi_avg_fn(0.8)},
    # PyTorch's form for lists rounds 1 / (n + 1) to float32, so its other one is what is compared with.
    "swa of lists": lambda lib: (
        {"multi_avg_fn": utils(cr).get_swa_multi_avg_fn()}
        if lib is cr
        else {"avg_fn": utils(torch).get_swa_avg_fn()}
    ),
    "with buffers": lambda lib: {"use_buffers": True},
    "of one's own": lambda lib: {"avg_fn": lambda a, p, n: 0.25 * a + 0.75 * p / (n + 1)},
    "never forgets": lambda lib: {"avg_fn": utils(lib).get_ema_avg_fn(1.0)},
    "now": lambda lib: {"multi_avg_fn": utils(lib).get_ema_multi_avg_fn(0.0)},
}


def network(lib):
    net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 2)).double()
    net[0].register_buffer("mean", lib.zeros(2, dtype=lib.float64))
    net[0].register_buffer("count", lib.tensor(0))
    return net


def updates(lib, net, averaged, steps):
    """Deterministic steps; the averages after each."""
    for i in range(steps):
        with lib.no_grad():
            for p in net.parameters():
                p.mul_(0.9).add_(0.1 * (i + 1))
            net[0].mean.add_(i)
            net[0].count.add_(3)
        averaged.update_parameters(net)
        yield {k: v.clone() for k, v in averaged.state_dict().items()}


@pytest.mark.parametrize("form", FORMS)
def test_averages(form):
    nets = both(network)
    same_weights(*nets)
    averaged = [
        utils(lib).AveragedModel(net, **FORMS[form](lib))
        for lib, net in zip(LIBRARIES, nets, strict=True)
    ]
    runs = [updates(lib, net, a, 8) for lib, net, a in zip(LIBRARIES, nets, averaged, strict=True)]
    for ours, theirs in zip(*runs, strict=True):
        assert list(ours) == list(theirs)
        for name, value in ours.items():
            close(value, theirs[name], rtol=1e-13)
            assert str(value.dtype).split(".")[1] == str(theirs[name].dtype).split(".")[1]
    x = [lib.ones(2, 3, dtype=lib.float64) for lib in LIBRARIES]
    close(averaged[0](x[0]), averaged[1](x[1]))
    again = utils(cr).AveragedModel(nets[0])
    same_weights(again, averaged[1])
    assert again.n_averaged.item() == 8


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("pairs", [False, True])
def test_statistics_of_batch_norm(pairs, training):
    rng = np.random.default_rng(0)
    batches = [rng.normal(size=(rows, 3)) for rows in (8, 8, 5)]

    def network_of(lib):
        layers = lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4, momentum=0.3), lib.nn.BatchNorm1d(4)
        return lib.nn.Sequential(*layers).double()

    nets = both(network_of)
    same_weights(*nets)
    for lib, net in zip(LIBRARIES, nets, strict=True):
        net(lib.tensor(batches[0]) * 5)  # statistics that are let go
        net.train(training)
        tensors = [lib.tensor(batch) for batch in batches]
        utils(lib).update_bn([(x, 0) for x in tensors] if pairs else tensors, net)
        assert net.training == net[1].training == training
        assert (net[1].momentum, net[2].momentum) == (0.3, 0.1)
        assert all(p.grad is None for p in net.parameters())
    ours, theirs = (net.state_dict() for net in nets)
    for name, value in theirs.items():
        close(ours[name], value, rtol=1e-12)


SWALRS = [
    {"swa_lr": 0.05},
    {"swa_lr": [0.05, 0.7], "anneal_epochs": 25},
    {"swa_lr": 0.05, "anneal_epochs": 13, "anneal_strategy": "linear"},
    {"swa_lr": 0.05, "anneal_epochs": 0},
    {"swa_lr": 0.05, "anneal_epochs": 1, "anneal_strategy": "linear"},
]


@pytest.mark.parametrize("lr", [None, 0.3])
@pytest.mark.parametrize("flags", SWALRS, ids=str)
def test_swalr(flags, lr):
    optimizers = both(lambda lib: make(lib, lr=lr))
    schedulers = [
        utils(lib).SWALR(o, **flags) for lib, o in zip(LIBRARIES, optimizers, strict=True)
    ]
    walk(optimizers, schedulers, 11)
    if lr is None:
        states = [copy.deepcopy(s.state_dict()) for s in schedulers]
        assert states[0] == plain(states[1])
        schedulers[0] = utils(cr).SWALR(
            optimizers[0], swa_lr=[g["swa_lr"] for g in groups(optimizers)]
        )
        assert [*settings(optimizers[0])] == pytest.approx([*settings(optimizers[1])], rel=1e-12)
        schedulers[0].load_state_dict(states[1])
    walk(optimizers, schedulers, 40)


def groups(optimizers):
    return optimizers[1].param_groups


def test_names_and_arguments():
    names = {*torch.optim.swa_utils.__all__}
    assert {*utils(cr).__all__} == names
    for name in names:
        signatures = [inspect.signature(getattr(utils(lib), name)) for lib in LIBRARIES]
        ours, theirs = ([(p.name, p.default) for p in s.parameters.values()] for s in signatures)
        assert ours == theirs, name


def test_decays_out_of_range():
    for lib in LIBRARIES:
        for name in ("get_ema_avg_fn", "get_ema_multi_avg_fn"):
            for decay in (-0.1, 1.1):
                with pytest.raises(ValueError):
                    getattr(utils(lib), name)(decay)
        with pytest.raises(ValueError):
            utils(lib).SWALR(make(lib), 0.1, anneal_epochs=-1)
        with pytest.raises(ValueError):
            utils(lib).SWALR(make(lib), 0.1, anneal_strategy="steps")
