"""Every public class of nn and optim, made with every argument of a wrong kind.

Nonsense is refused when a layer is made, in the house's form, or it is no nonsense there: whichever,
nothing crashes, hangs or raises what is no error of arguments.
"""

import inspect
import math
import re
import warnings

import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import lr_scheduler

WRONG = {
    "None": None,
    "text": "x",
    "-1": -1,
    "nan": math.nan,
    "inf": math.inf,
    "half": 0.5,
    "True": True,
    "2**63": 2**63,
    "list": [],
    "texts": ["x", None],
    "dict": {},
    "Tensor": cr.ones(2, 3),
    "class": int,
    "object": object(),
    "complex": 1j,
}

# What the required arguments may be.
VALUES = {
    "function": cr.relu, "output_size": 4, "features": [3, 2], "kernel_size": 2, "num_features": 4,
    "in1_features": 2, "in2_features": 3, "out_features": 2, "padding": 1, "value": 0.5, "in_channels": 2,
    "out_channels": 4, "num_embeddings": 5, "embedding_dim": 3, "input_size": 3, "hidden_size": 4,
    "num_groups": 2, "num_channels": 4, "normalized_shape": 4, "in_features": 3, "hidden_features": [4],
    "pieces": 2, "embed_dim": 4, "num_heads": 2, "threshold": 0.5, "num_layers": 1, "d_model": 4, "nhead": 2,
    "dim": 1, "unflattened_size": (2, 2), "defaults": {"lr": 0.1}, "T_max": 5, "T_0": 5, "base_lr": 0.1,
    "max_lr": 0.2, "gamma": 0.9, "lr_lambda": lambda step: 0.5, "milestones": [3], "step_size": 2,
    "total_steps": 10, "swa_lr": 0.1,
}  # fmt: skip
MADE = {
    "encoder_layer": lambda: nn.TransformerEncoderLayer(4, 2),
    "params": lambda: [cr.ones(2, 2, requires_grad=True)],
    "optimizer": lambda: optim.SGD([cr.ones(2, requires_grad=True)], lr=0.1, momentum=0.9),
    "model": lambda: nn.Linear(2, 2),
}


def classes(module):
    found = [getattr(module, name) for name in dir(module) if not name.startswith("_")]
    return [c for c in found if isinstance(c, type)]


def arguments(cls):
    """Those that it cannot be made without, and the names of all."""
    names, given = [], {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        names.append(name)
        if name in MADE:
            given[name] = MADE[name]()
        elif parameter.default is parameter.empty or name == "total_steps":
            given[name] = VALUES.get(name)
    if cls in (lr_scheduler.ChainedScheduler, lr_scheduler.SequentialLR):
        optimizer = given.get("optimizer") or MADE["optimizer"]()
        given["schedulers"] = [lr_scheduler.ConstantLR(optimizer) for _ in range(2)]
    return names, given


CLASSES = [c for module in (nn, optim, lr_scheduler, optim.swa_utils) for c in classes(module)]
ARGUMENTS = [(c, name) for c in CLASSES for name in arguments(c)[0]]
# "[Linear] expected in_features >= 0; got -1."
FORM = re.compile(r"\[\w+\] expected .+; got .+", re.DOTALL)
ERRORS = (TypeError, ValueError, RuntimeError, LookupError, OverflowError, MemoryError)


@pytest.mark.parametrize("cls", [c for c in CLASSES if c is not lr_scheduler.LRScheduler])
def test_the_arguments_make_it(cls):
    cls(**arguments(cls)[1])


@pytest.mark.parametrize(("cls", "name"), ARGUMENTS)
def test_nonsense_is_refused_in_form_or_taken(cls, name):
    for kind, value in WRONG.items():
        if (name, kind) == ("num_layers", "2**63"):
            continue  # so many layers are made one by one, until memory is full
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = cls(**{**arguments(cls)[1], name: value})
            except ERRORS as error:
                assert FORM.match(str(error.args[0])), f"{kind}: {type(error).__name__}: {error}"
            else:
                repr(made)


# An int by PyTorch's signature; here any number.
NUMBERS = {"p", "T_max", "step_size_up", "step_size_down"}
INTS = [
    (cls, name)
    for cls, name in ARGUMENTS
    if name not in NUMBERS
    and re.match(r"int\b", str(inspect.signature(cls).parameters[name].annotation))
    and cls is not lr_scheduler.OneCycleLR  # which reads neither epochs nor last_epoch here
]


def test_the_ints_are_found():
    assert (nn.Linear, "in_features") in INTS and (nn.Conv2d, "groups") in INTS and len(INTS) > 110


@pytest.mark.parametrize(("cls", "name"), INTS)
def test_true_is_no_integer(cls, name):
    with pytest.raises((TypeError, ValueError)) as caught:
        cls(**{**arguments(cls)[1], name: True})
    assert str(caught.value).endswith(f"expected {name} to be an int; got True.")


@pytest.mark.parametrize(
    ("words", "make"),
    [
        ("[ChainedScheduler] expected an iterable of schedulers; got None.",
         lambda: lr_scheduler.ChainedScheduler(None)),
        ("[SequentialLR] expected an iterable of milestones; got int.",
         lambda: lr_scheduler.SequentialLR(**{**arguments(lr_scheduler.SequentialLR)[1], "milestones": 3})),
        ("[Embedding] expected a Tensor; got str.", lambda: nn.Embedding(2, 3, _weight="x")),
        ("[Dropout] expected scale_at_test to be True or False; got 1.", lambda: nn.Dropout(scale_at_test=1)),
        ("[LayerNorm] expected", lambda: nn.LayerNorm(int)),
        ("[MLP] expected a function; got list.", lambda: nn.MLP(3, [4], 2, output_activation=[])),
        ("[StepLR] expected step_size to be an int; got <class 'int'>.",
         lambda: lr_scheduler.StepLR(MADE["optimizer"](), int)),
    ],
)  # fmt: skip
def test_what_was_not_refused_before(words, make):
    with pytest.raises(TypeError) as caught:
        make()
    assert str(caught.value).startswith(words)
