"""Every error of the native module has one form, "[op] expected ...; got ...", whoever finds it."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.utils import data

HUGE = 2**100
FLOAT = cr.ones(2, 3)


def text_of(call):
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("add", lambda: FLOAT + HUGE),
        ("add", lambda: HUGE + FLOAT),
        ("mul", lambda: FLOAT.clone().__imul__(HUGE)),
        ("eq", lambda: FLOAT == HUGE),
        ("index", lambda: FLOAT[HUGE]),
        ("index", lambda: FLOAT[0, HUGE]),
        ("index", lambda: FLOAT[[HUGE]]),
        ("index", lambda: FLOAT.clone().__setitem__(0, HUGE)),
        ("Tensor", lambda: cr.Tensor(HUGE)),
        ("tensor", lambda: cr.tensor([1, HUGE])),
        ("new_tensor", lambda: FLOAT.new_tensor(HUGE)),
        ("fill_", lambda: FLOAT.clone().fill_(HUGE)),
        ("result_type", lambda: cr.result_type(FLOAT, HUGE)),
        ("set_num_threads", lambda: cr.set_num_threads(HUGE)),
        ("size", lambda: FLOAT.size(HUGE)),
        ("full", lambda: cr.full((2,), HUGE)),
        ("add_", lambda: FLOAT.clone().add_(HUGE)),
        ("arange", lambda: cr.arange(HUGE)),
    ],
)
def test_an_integer_beyond_64_bits(name, call):
    error, text = text_of(call)
    assert error is OverflowError
    assert text == f"[{name}] expected an integer that fits int64; got one of 101 bits."


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: FLOAT.item(3), "[item] expected no arguments; got (int)."),
        (lambda: FLOAT.detach(x=1), "[detach] expected no arguments; got (x=int)."),
        (
            lambda: cr.Tensor.item(3),
            "[item] expected a Tensor as the object of the method; got (int).",
        ),
        (
            lambda: cr.Tensor.relu(),
            "[relu] expected a Tensor as the object of the method; got ().",
        ),
        (lambda: FLOAT.size(0, 1), "[size] expected (dim=None); got (int, int)."),
        (lambda: FLOAT.size(x=1), "[size] expected (dim=None); got (x=int)."),
        (
            lambda: FLOAT.relu(1),
            ("[relu] expected relu() -> Tensor; got (int): too many positional arguments."),
        ),
        (
            lambda: FLOAT.sum().backward(3),
            (
                "[backward] expected the gradient to be a Tensor, a list or tuple of them, or None; "
                "got int."
            ),
        ),
        (
            lambda: FLOAT.sum().backward(0, 0, 0, 0, 0),
            (
                "[backward] expected (gradient: object = None, retain_graph: bool | None = None, "
                "create_graph: bool = False, inputs: object = None); got (int, int, int, int, int)."
            ),
        ),
        (lambda: FLOAT.__array__(copy="a"), "[__array__] expected copy to be a bool; got str."),
        (lambda: FLOAT.to(copy=1), "[to] expected copy to be a bool; got int."),
        (lambda: FLOAT.__dlpack__(copy=1), "[__dlpack__] expected copy to be a bool; got int."),
        (lambda: cr.no_grad(1), "[no_grad] expected a function; got int."),
        (
            lambda: cr.no_grad(1, 2),
            "[no_grad] expected nothing or one function to decorate; got (int, int).",
        ),
        (
            lambda: cr.enable_grad()(),
            "[enable_grad] expected one function to decorate; got ().",
        ),
        (
            lambda: cr.set_grad_enabled(),
            "[set_grad_enabled] expected (mode: bool); got ().",
        ),
        (
            lambda: cr.set_grad_enabled(1),
            "[set_grad_enabled] expected mode to be a bool; got int.",
        ),
        (
            lambda: cr.inference_mode(True, 2),
            "[inference_mode] expected (mode: bool = True); got (bool, int).",
        ),
        (lambda: cr.device(), "[device] expected (type, index=None); got ()."),
        (lambda: cr.Size(3), "[Size] expected one iterable of integers; got (int)."),
        (
            lambda: cr.Size([1], [2]),
            "[Size] expected one iterable of integers; got (list of int, list of int).",
        ),
        (
            lambda: cr.Generator("cpu", 2),
            "[Generator] expected (device='cpu'); got (str, int).",
        ),
        (
            lambda: cr.nn.Parameter(FLOAT, x=1),
            "[Parameter] expected (data=None, requires_grad=True); got (Tensor, x=int).",
        ),
        (
            lambda: cr.nn.Parameter(FLOAT, np.ones(2)),
            "[Parameter] expected requires_grad to be a bool; got numpy.ndarray.",
        ),
        (
            lambda: setattr(cr.ones(2), "requires_grad", 1),
            "[requires_grad] expected the value to be a bool; got int.",
        ),
        (
            lambda: FLOAT[0.5:],
            "[index] expected a slice of integers or None; got slice(0.5, None, None).",
        ),
    ],
)
def test_wrong_arguments(call, expected):
    assert text_of(call) == (TypeError, expected)


def test_a_value_that_is_no_integer():
    for value, error in ((math.inf, OverflowError), (math.nan, ValueError)):
        found, text = text_of(lambda value=value: int(cr.tensor(value)))
        assert (found, text) == (error, f"[int] expected a finite value; got {value}.")


def test_what_a_method_raises_itself_stays():
    class Angry:
        def __index__(self):
            raise LookupError("mine")

    for call in (lambda: FLOAT.size(Angry()), lambda: FLOAT[Angry()], lambda: FLOAT[Angry() :]):
        assert text_of(call) == (LookupError, "mine")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: nn.Dropout("a"), "[Dropout] expected p to be a number; got 'a'."),
        (lambda: nn.HuberLoss(delta=[1]), "[HuberLoss] expected delta to be a number; got [1]."),
        (lambda: nn.SmoothL1Loss(beta=1j), "[SmoothL1Loss] expected beta to be a number; got 1j."),
        (
            lambda: nn.CrossEntropyLoss(label_smoothing=None),
            "[CrossEntropyLoss] expected label_smoothing to be a number; got None.",
        ),
        (
            lambda: nn.init.xavier_normal_(cr.ones(2, 2), gain=()),
            "[xavier_normal_] expected gain to be a number; got ().",
        ),
        (
            lambda: nn.init.sparse_(cr.ones(2, 2), {}),
            "[sparse_] expected sparsity to be a number; got {}.",
        ),
        (
            lambda: nn.utils.clip_grad_value_([], "sum"),
            "[clip_grad_value_] expected clip_value to be a number; got 'sum'.",
        ),
        (
            lambda: nn.Linear(np.ones(2), 1),
            (
                "[Linear] expected in_features to be an int; got a numpy.ndarray of shape (2,). "
                "Make the module, then call it: nn.Linear(...)(...)."
            ),
        ),
        (
            lambda: nn.Sequential(nn.ReLU())["a"],
            "[Sequential] expected an integer or a slice as index; got 'a'.",
        ),
        (
            lambda: nn.ModuleList([nn.ReLU()]).__delitem__(0.5),
            "[ModuleList] expected an integer or a slice as index; got 0.5.",
        ),
        (
            lambda: nn.ReLU().register_buffer([], None),
            "[register_buffer] expected a string as name; got list.",
        ),
        (
            lambda: nn.ReLU().get_submodule(3),
            "[get_submodule] expected a string as name; got int.",
        ),
        (
            lambda: nn.ReLU().get_parameter(3),
            "[get_parameter] expected a string as name; got int.",
        ),
        (lambda: nn.ReLU().get_buffer(3), "[get_buffer] expected a string as name; got int."),
        (lambda: nn.ReLU().apply("a"), "[apply] expected a function; got str."),
        (
            lambda: nn.ReLU().register_forward_hook(3),
            "[register_forward_hook] expected a function; got int.",
        ),
        (
            lambda: nn.ReLU().register_forward_pre_hook(3),
            "[register_forward_pre_hook] expected a function; got int.",
        ),
        (
            lambda: cr.optim.SGD([cr.ones(1)], lr=0.1).step(3),
            "[SGD] expected a function; got int.",
        ),
        (lambda: nn.ModuleList(3), "[ModuleList] expected an iterable of modules; got int."),
        (
            lambda: cr.optim.Optimizer([cr.ones(1)], "lr"),
            "[Optimizer] expected a dict of defaults; got str.",
        ),
        (
            lambda: data.ConcatDataset(3),
            "[ConcatDataset] expected an iterable of datasets; got int.",
        ),
        (
            lambda: data.ConcatDataset([3]),
            "[ConcatDataset] expected samples of a known number; got int.",
        ),
        (
            lambda: data.random_split(3, [1, 2]),
            "[random_split] expected samples of a known number; got int.",
        ),
        (
            lambda: data.default_collate(0.5),
            "[default_collate] expected samples of a known number; got float.",
        ),
    ],
)
def test_settings_of_layers_and_data(call, expected):
    assert text_of(call) == (TypeError, expected)


def test_numbers_of_any_kind_are_settings():
    for half in (0.5, np.float32(0.5), cr.tensor(0.5)):
        assert nn.Dropout(half).p == 0.5
    text = text_of(lambda: nn.Flatten()(3))[1]
    assert text.startswith("in Flatten: [flatten] expected")
    assert "expected one of" in text_of(lambda: nn.init.calculate_gain([1]))[1]


def test_errors_of_the_users_code_are_left_alone():
    class Odd(ValueError):
        pass

    class Size:
        def __index__(self):
            raise Odd("expected nothing", 3)

    def hook(gradient):
        raise Odd("expected no gradient")

    for call in (
        lambda: cr.zeros(Size()),
        lambda: cr.ones(3)[Size()],
        lambda: cr.ones(3).sum(Size()),
    ):
        with pytest.raises(Odd) as caught:
            call()
        assert caught.value.args == ("expected nothing", 3)
    x = cr.ones(2, requires_grad=True)
    x.register_hook(hook)
    with pytest.raises(Odd, match="^expected no gradient$"):
        x.sum().backward()
