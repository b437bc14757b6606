"""Every optimizer that PyTorch has beside PyTorch's: trajectories for every combination of flags,
state dicts that go on in the other library, what groups and states hold, what is refused."""

import inspect

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both
from optim_family import FULL, TORCHS, every, gradients, ids, start, steps

LR = 0.01
MODERN = [name for name in TORCHS if name not in ("Adam", "AdamW", "SGD")]


@pytest.fixture
def double_scalars():
    """PyTorch keeps mu_product, eta and mu in its default dtype, chainrule in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def full_precision(monkeypatch):
    """Muon's iteration is PyTorch's in bfloat16, chainrule's in the dtype of the parameter."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)


def made(lib, name, dtype, **flags):
    w = lib.nn.Parameter(lib.tensor(start(dtype)))
    return w, getattr(lib.optim, name)([w], lr=LR, **flags)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", every(TORCHS), ids=ids)
def test_trajectories(case, dtype, double_scalars, full_precision):
    name, flags = case
    tolerance = 1e-9 if dtype == "float64" else 3e-5
    runs = both(lambda lib: steps(*reversed(made(lib, name, dtype, **flags)), dtype, lib))
    for got, want in zip(*runs, strict=True):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def moved(saved, lib):
    """A state dict of the other library with this one's tensors."""
    state = {
        number: {
            key: lib.tensor(value.numpy()) if hasattr(value, "numpy") else value
            for key, value in entries.items()
        }
        for number, entries in saved["state"].items()
    }
    return {"state": state, "param_groups": saved["param_groups"]}


@pytest.mark.parametrize("source, target", [LIBRARIES, LIBRARIES[::-1]], ids=["out", "in"])
@pytest.mark.parametrize("name", TORCHS)
def test_a_state_dict_of_the_other_library_goes_on(
    name, source, target, double_scalars, full_precision
):
    w, first = made(source, name, "float64", **FULL[name])
    v, second = made(target, name, "float64")  # its settings come with the state
    grads = list(gradients("float64"))
    for turn, g in enumerate(grads):
        if turn == 12:
            with target.no_grad():
                v.copy_(target.tensor(w.detach().numpy()))
            second.load_state_dict(moved(first.state_dict(), target))
        w.grad, v.grad = source.tensor(g), target.tensor(g)
        first.step()
        if turn >= 12:
            second.step()
            got, want = v.detach().numpy(), w.detach().numpy()
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


SHAPES = {
    "Adafactor": [(), (5,), (3, 4), (2, 3, 4), (1, 6), (2, 0)],
    "Muon": [(5, 3), (1, 4), (3, 3)],
}


@pytest.mark.parametrize("lr", [0.01, 0.9], ids=str)  # a rate above 1/sqrt(t)
@pytest.mark.parametrize("name", SHAPES)
def test_parameters_of_other_shapes(name, lr, double_scalars, full_precision):
    rng = np.random.default_rng(3)
    starts = [rng.standard_normal(shape) for shape in SHAPES[name]]
    grads = [[rng.standard_normal(w.shape) for w in starts] for _ in range(5)]

    def trained(lib):
        params = [lib.nn.Parameter(lib.tensor(w)) for w in starts if lib is cr or w.size]
        optimizer = getattr(lib.optim, name)(params, lr=lr, weight_decay=0.1)
        for given in grads:
            for p, g in zip(params, given, strict=False):
                p.grad = lib.tensor(g)
            optimizer.step()
        return [p.detach().numpy() for p in params], optimizer.state_dict()["state"]

    (ours, our_states), (theirs, their_states) = both(trained)
    for i, want in enumerate(theirs):  # PyTorch divides by 0 where there is no element
        np.testing.assert_allclose(ours[i], want, rtol=1e-9, atol=1e-9)
        for key, state in their_states[i].items():
            np.testing.assert_allclose(our_states[i][key].numpy(), state.numpy(), rtol=1e-9)


def test_muon_is_pytorchs_but_for_bfloat16():
    """Eight bits of a step that has singular values near 1."""
    runs = both(lambda lib: steps(*reversed(made(lib, "Muon", "float32")), "float32", lib))
    for turn, (got, want) in enumerate(zip(*runs, strict=True), 1):
        np.testing.assert_allclose(got, want, rtol=0, atol=turn * LR * 0.02)


@pytest.mark.parametrize("name", TORCHS)
def test_groups_states_and_text(name):
    def told(lib):
        w, optimizer = made(lib, name, "float32", **FULL[name])
        w.grad = lib.ones_like(w)
        optimizer.step()
        state = optimizer.state_dict()
        (group,) = state["param_groups"]
        return repr(optimizer), sorted(group.items(), key=str), list(state["state"][0])

    ours, theirs = both(told)
    assert ours == theirs


@pytest.mark.parametrize("name", TORCHS)
def test_arguments_and_defaults(name):
    def arguments(lib):
        found = inspect.signature(getattr(lib.optim, name)).parameters.values()
        return {p.name: p.default for p in found}, [
            p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD
        ]

    (ours, order), (theirs, expected) = both(arguments)
    assert order == expected
    assert {key: ours[key] for key in theirs} == theirs
    assert ours.keys() - theirs.keys() <= {
        "lr_in_velocity",
        "constant_bias_correction",
        "eps_in_root",
    }


PAIR = [{"betas": value} for value in ((1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, -0.1))]
COMMON = [{"lr": -0.1}, {"lr": float("nan")}, {"lr": (1.0, 2.0)}, {"weight_decay": -1.0}]
EPS = [{"eps": -1e-8}]
REFUSED = {
    "RMSprop": [*COMMON, *EPS, {"alpha": -0.1}, {"momentum": -1.0}],
    "Adagrad": [*COMMON, *EPS, {"lr_decay": -1.0}, {"initial_accumulator_value": -1.0}],
    "Adadelta": [*COMMON, *EPS, {"rho": 1.5}, {"rho": -0.1}],
    "Adamax": [*COMMON, *EPS, *PAIR],
    "NAdam": [*COMMON, *EPS, *PAIR, {"momentum_decay": -1.0}],
    "RAdam": [*COMMON, *EPS, *PAIR],
    "Rprop": [*COMMON[:3], *({"etas": e} for e in ((0.0, 1.2), (1.0, 1.2), (0.5, 1.0)))],
    "ASGD": COMMON,
    "Adafactor": [
        *COMMON,
        {"beta2_decay": 0.1},
        {"d": 0.9},
        *({"eps": eps} for eps in ((-1e-8, 1e-3), (None, -1e-3), (None, float("nan")))),
    ],
    "Muon": [*COMMON, {"momentum": -0.1}, {"adjust_lr_fn": "adamw"}, {"params": (3,)}],
    "SGD": [COMMON[0], *COMMON[2:], {"momentum": -1.0}, {"nesterov": True}],
    "Adam": [
        *COMMON,
        *EPS,
        *PAIR,
        *({"fused": True, k: True} for k in ("foreach", "differentiable")),
    ],
}


@pytest.mark.parametrize("case", every(REFUSED), ids=str)
def test_constructors_refuse_what_pytorchs_refuse(case):
    name, flags = case
    for lib in LIBRARIES:
        given = {
            k: lib.tensor(v) if k == "lr" and type(v) is tuple else v for k, v in flags.items()
        }
        kind = RuntimeError if "fused" in flags else ValueError
        with pytest.raises(kind) as refusal:
            sizes = given.pop("params", (2, 2))
            getattr(lib.optim, name)([lib.nn.Parameter(lib.ones(sizes))], **given)
        if lib is cr:
            named = "nesterov" if name == "SGD" and "nesterov" in flags else next(iter(flags))
            assert str(refusal.value).startswith(f"[{name}] expected") and named in str(
                refusal.value
            )
