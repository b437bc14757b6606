"""What a CaptureError says, word for word: what came at which line, and how to do without."""

import copy
import dataclasses
import pprint
import runpy
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

OUTSIDE = "Return the tensor and read it outside, or compile(..., fallback=True)."
CONDITION = (
    "Keep the condition a tensor, as in where(condition, a, b), or compile(..., fallback=True)."
)
NUMBER = "Pass it as a Python number, or compile(..., fallback=True)."
VECTOR = "Index with a vector, x[i.view(1)], which stays in the program."
WHERE = "where(mask, x, 0) keeps the shape."
ALONE = "Do it outside, or compile(..., fallback=True)."
HOOKS = "Work on gradients after backward(), or compile(..., fallback=True)."
NEW = "Pass it as an argument by itself, or make it outside."
READ = "no value to leave the program while it is recorded"
SHAPES = "shapes that do not depend on values while recording"
DATA = "no new data from Python while recording"

X, LABELS, PLACE = cr.ones(3), cr.tensor([0, 2, 1]), cr.tensor(1)
NET = nn.Linear(3, 2)


def text_of(fn, *args, calls=1, error=cr.CaptureError):
    compiled = cr.compile(fn)
    with pytest.raises(error) as caught:
        for _ in range(calls):
            compiled(*args)
    assert cr._core._recording() is None
    return str(caught.value)


def line_of(fn):
    return f" at test_capture_hints.py:{fn.__code__.co_firstlineno}"


REFUSED = [
    (READ, "item", OUTSIDE, lambda: X.sum().item()),
    (READ, "float", OUTSIDE, lambda: float(X.sum())),
    (READ, "int", OUTSIDE, lambda: int(X.sum())),
    (READ, "format", OUTSIDE, lambda: f"{X.sum():.3f}"),
    (READ, "print", OUTSIDE, lambda: print(X)),
    (READ, "numpy", OUTSIDE, lambda: np.exp(X)),
    (READ, "tolist", OUTSIDE, lambda: X.tolist()),
    (READ, "bool", CONDITION, lambda: X if X.sum() > 1 else -X),
    (READ, "in", CONDITION, lambda: 3 in X),
    (READ, "allclose", CONDITION, lambda: cr.allclose(X, X)),
    (READ, "x[i] with a 0-d tensor i", VECTOR, lambda: X[PLACE]),
    (READ, "x[i] with a 0-d tensor i", VECTOR, lambda: X.clone().__setitem__(PLACE, 1.0)),
    (READ, "a tensor in place of an integer", NUMBER, lambda: X[:PLACE]),
    (READ, "a tensor in place of an integer", NUMBER, lambda: range(PLACE)),
    (READ, "a tensor in place of an integer", NUMBER, lambda: X.view(3 * PLACE)),
    (READ, "a tensor in place of a number", NUMBER, lambda: cr.full((2,), X[0])),
    (SHAPES, "x[mask]", WHERE, lambda: X[LABELS == 1]),
    (SHAPES, "x[mask]", WHERE, lambda: X.clone().__setitem__(LABELS > 0, X[:2])),
    (SHAPES, "masked_select", WHERE, lambda: cr.masked_select(X, LABELS == 1)),
    (SHAPES, "nonzero", ALONE, lambda: cr.where(X > 0)),
    (SHAPES, "unique", ALONE, lambda: cr.unique(X)),
    (
        SHAPES,
        "one_hot without num_classes",
        "Pass num_classes.",
        lambda: nn.functional.one_hot(LABELS),
    ),
    (DATA, "tensor", NEW, lambda: X + cr.tensor(0.1)),
    (DATA, "an array as an operand", NEW, lambda: X + np.ones(3, np.float32)),
    (DATA, "a list as an index", NEW, lambda: X[[0, 1]]),
    (DATA, "a list to assign", NEW, lambda: X.clone().__setitem__(slice(2), [1.0, 2.0])),
]


@pytest.mark.parametrize(("expected", "got", "hint", "fn"), REFUSED)
def test_what_came_and_how_to_do_without(expected, got, hint, fn):
    assert text_of(fn) == f"[compile] expected {expected}; got {got}{line_of(fn)}. {hint}"


class Doubled(cr.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2


@pytest.mark.parametrize(
    ("what", "hint", "fn"),
    [
        ("manual_seed", "Do it outside the compiled function.", lambda: cr.manual_seed(0)),
        ("deepcopy", "Make the copy outside, or clone() the tensor.", lambda: copy.deepcopy(X)),
        ("deepcopy", "Make the copy outside, or clone() the tensor.", lambda: copy.deepcopy(NET)),
        (
            "new parameter",
            "Make modules and parameters outside the compiled function.",
            lambda: nn.Linear(3, 2),
        ),
        (
            "new optimizer",
            "Make it once, outside.",
            lambda: cr.optim.SGD(NET.parameters(), lr=0.1),
        ),
        (
            "error_if_nonfinite=True",
            "Leave it out and look at the norm outside.",
            lambda: nn.utils.clip_grad_norm_(NET.parameters(), 1.0, error_if_nonfinite=True),
        ),
        (
            "Doubled.apply (a replay runs no Python)",
            "Write it in operations of tensors, or compile(..., fallback=True).",
            lambda: Doubled.apply(X),
        ),
        ("register_hook", HOOKS, lambda: (NET.weight * 2).register_hook(print)),
    ],
)
def test_what_no_replay_would_do_again(what, hint, fn):
    NET(X).sum().backward()
    expected = f"[compile] expected no {what} while recording; got one{line_of(fn)}. {hint}"
    assert text_of(fn) == expected


@pytest.mark.parametrize("register", ["register_hook", "register_post_accumulate_grad_hook"])
def test_a_hook_from_before_is_told_with_its_tensor_and_the_line_of_backward(register):
    w = cr.ones(3, requires_grad=True)
    getattr(w, register)(lambda _: None)
    fn = lambda: (w * X).sum().backward()
    assert text_of(fn) == (
        "[compile] expected no hook while recording; got one on a tensor of sizes (3,)"
        f"{line_of(fn)}. {HOOKS}"
    )


class Running(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", cr.zeros(3))
        self.calls = 0
        self.name = "a"


@pytest.mark.parametrize(
    ("name", "value", "buffer"),
    [("mean", cr.ones(3), True), ("calls", 1, True), ("name", "b", False)],
)
def test_a_rebound_attribute_of_a_module(name, value, buffer):
    module = Running()
    fn = lambda: setattr(module, name, value)
    kept = f"Keep it in a buffer and write into that: self.{name}.copy_(...)."
    assert text_of(fn) == (
        f"[compile] expected no rebinding of Running.{name} while recording; got one{line_of(fn)}. "
        f"{kept if buffer else 'Do it outside the compiled function.'}"
    )


@dataclasses.dataclass
class Point:
    x: cr.Tensor


@pytest.mark.parametrize(
    "fn",
    [
        lambda: pprint.pformat({"loss": X}),
        lambda: copy.deepcopy({"loss": X}),
        lambda: np.linalg.norm(X),
        lambda: np.median(X),
        lambda: Point(X.sum()) == Point(X.mean()),
    ],
)
def test_the_line_is_neither_the_standard_librarys_nor_numpys(fn):
    assert f"{line_of(fn)}. " in text_of(fn)


def test_a_function_of_an_installed_package_keeps_its_line(tmp_path):
    script = tmp_path / "site-packages" / "layers.py"
    script.parent.mkdir()
    script.write_text("def read(x):\n    return x.sum().item()\n")
    read = runpy.run_path(str(script))["read"]
    assert "got item at layers.py:2. " in text_of(read, X)
    fn = lambda: read(X)
    assert f"got item{line_of(fn)}. " in text_of(fn)


def test_what_the_hints_say_works():
    running = Running()

    def fn(x, labels, place):
        running.mean.copy_(x)
        rows = nn.functional.one_hot(labels, 3)
        return cr.where(labels == 1, x, 0), rows, x[place.view(1)], x.index_select(0, place.view(1))

    compiled = cr.compile(fn)
    for place in (0, 1, 2, 1):
        x = cr.tensor([3.0, 4.0, 5.0]) * (place + 1)
        for got, wanted in zip(
            compiled(x, LABELS, cr.tensor(place)), fn(x, LABELS, cr.tensor(place)), strict=True
        ):
            assert got.tolist() == wanted.tolist()
        assert running.mean.tolist() == x.tolist()
    assert compiled.stats == {"replays": 2, "recordings": 2}


@pytest.mark.parametrize(("expected", "got", "hint", "fn"), REFUSED)
def test_a_warning_of_a_fallback_does_not_advise_it(expected, got, hint, fn):
    compiled = cr.compile(fn, fallback=True)
    with pytest.warns(UserWarning) as caught:
        compiled()
    (warning,) = caught
    assert str(warning.message) == (
        f"[compile] expected {expected}; got {got}{line_of(fn)}. "
        f"{hint.replace(', or compile(..., fallback=True)', '')} This call and later ones of its "
        "signature run eagerly, as fallback=True asks."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled()
