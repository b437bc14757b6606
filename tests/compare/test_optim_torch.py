"""Optimizers beside PyTorch's: trajectories, text, states that pass over."""

import copy
import itertools

import numpy as np
import pytest

import chainrule as cr
from both_libraries import LIBRARIES, both, close, same_weights

# ---- text and keys


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_optimizer_text_and_groups(name):
    def make(lib):
        w, v = lib.nn.Parameter(lib.ones(2)), lib.nn.Parameter(lib.ones(1))
        more = {"momentum": 0.9} if name == "SGD" else {"amsgrad": True}
        optimizer = getattr(lib.optim, name)([{"params": [w]}, {"params": [v], "lr": 0.5}], **more)
        (w.sum() * v.sum()).backward()
        optimizer.step()
        state = optimizer.state_dict()
        return (
            repr(optimizer),
            [sorted(g.items(), key=str) for g in state["param_groups"]],
            {k: {n: tuple(t.shape) for n, t in v.items()} for k, v in state["state"].items()},
        )

    ours, theirs = both(make)
    assert ours == theirs


# ---- optimizers


def trajectories(name, flags, steps=20):
    """The parameters after each step, in both libraries, on the same two-layer network."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(16, 5)), rng.integers(0, 3, 16)
    nets = both(
        lambda lib: lib.nn.Sequential(
            lib.nn.Linear(5, 9), lib.nn.Tanh(), lib.nn.Linear(9, 3)
        ).double()
    )
    same_weights(*nets)
    optimizers = [
        getattr(lib.optim, name)(net.parameters(), lr=0.05, **flags)
        for lib, net in zip(LIBRARIES, nets, strict=True)
    ]
    for _ in range(steps):
        for lib, net, optimizer in zip(LIBRARIES, nets, optimizers, strict=True):
            optimizer.zero_grad()
            lib.nn.functional.cross_entropy(net(lib.tensor(x)), lib.tensor(y)).backward()
            optimizer.step()
        for p, q in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
            close(p, q, rtol=1e-9)
    return nets, optimizers


FLAGS = [
    (
        "SGD",
        dict(
            zip(("momentum", "dampening", "weight_decay", "nesterov", "maximize"), v, strict=True)
        ),
    )
    for v in itertools.product((0.0, 0.9), (0.0, 0.3), (0.0, 0.1), (False, True), (False, True))
    if not (v[3] and (v[0] == 0 or v[1] != 0))
] + [
    (name, dict(zip(("weight_decay", "amsgrad", "maximize"), v, strict=True)))
    for name in ("Adam", "AdamW")
    for v in itertools.product((0.0, 0.1), (False, True), (False, True))
]


@pytest.mark.parametrize(("name", "flags"), FLAGS, ids=str)
def test_optimizer(name, flags):
    trajectories(name, flags)


@pytest.mark.parametrize(
    ("name", "flags"),
    [("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {"amsgrad": True})],
    ids=str,
)
def test_optimizer_state_passes_over(name, flags):
    (ours, theirs), (own, other) = trajectories(name, flags, steps=3)
    state = own.state_dict()
    for number, entries in other.state_dict()["state"].items():
        assert list(entries) == list(state["state"][number])
        for key, value in entries.items():
            close(state["state"][number][key], value, rtol=1e-9)
            assert (
                str(state["state"][number][key].dtype).split(".")[1]
                == str(value.dtype).split(".")[1]
            )
    # The state of one library goes on in the other.
    moved = copy.deepcopy(other.state_dict())
    moved["state"] = {
        number: {key: cr.tensor(value.numpy()) for key, value in entries.items()}
        for number, entries in moved["state"].items()
    }
    again = getattr(cr.optim, name)(ours.parameters(), **flags)
    again.load_state_dict(moved)
    same_weights(ours, theirs)
    for net, optimizer in ((ours, again), (theirs, other)):
        for p in net.parameters():
            p.grad = p.detach() * 0.5
        optimizer.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p, q)


# ---- the same kinds of errors


def layer(lib):
    return lib.nn.Linear(2, 3)
