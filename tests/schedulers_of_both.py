"""Optimizers and schedulers of chainrule and PyTorch side by side."""

import warnings

import pytest

EPOCHS = 60


def make(lib, kind="SGD", lr=None):
    """An optimizer of two groups with different learning rates."""
    groups = [
        {"params": [lib.nn.Parameter(lib.ones(2))]},
        {"params": [lib.nn.Parameter(lib.ones(1))], "lr": 0.5},
    ]
    if lr is not None:
        for group in groups:
            group["lr"] = lib.tensor(lr, dtype=lib.float64)
    more = {"momentum": 0.7} if kind == "SGD" else {}
    return getattr(lib.optim, kind)(groups, lr=0.2, **more)


def kinds(lib, name):
    return getattr(lib.optim.lr_scheduler, name)


def settings(optimizer):
    """The numbers of the groups that schedulers write."""
    for group in optimizer.param_groups:
        yield float(group["lr"])
        yield from [group["momentum"]] if "momentum" in group else group["betas"]


def walk(optimizers, schedulers, epochs=EPOCHS, act=lambda epoch: None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for epoch in range(epochs):
            ours, theirs = map(list, map(settings, optimizers))
            assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-15)
            last = [[float(lr) for lr in s.get_last_lr()] for s in schedulers]
            assert last[0] == pytest.approx(last[1], rel=1e-12, abs=1e-15)
            for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
                optimizer.step()
                scheduler.step()
            act(epoch)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
