"""What a recording refuses, with the user's line."""

import re
import runpy

import pytest

import chainrule as cr
from chainrule import nn


def test_a_changing_constant_is_an_error_that_shows_both_values():
    rate = iter([0.1, 0.09, 0.08, 0.07, 0.06])
    fast = cr.compile(lambda x: x * next(rate))
    with pytest.raises(cr.CaptureError, match=r"0\.08, then 0\.07 at test_capture_errors\.py:\d+"):
        for _ in range(5):
            fast(cr.ones(3))


class Doubled(cr.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2


@pytest.mark.parametrize(
    "body",
    [
        lambda x: x.sum().item(),
        lambda x: float(x[0]),
        lambda x: bool(x[0] > 0),
        lambda x: x.numpy(),
        lambda x: str(x),
        lambda x: x.tolist(),
        lambda x: x[x > 0],
        lambda x: x + cr.tensor([1.0, 2.0, 3.0]),
        lambda x: cr.nonzero(x),
        lambda x: cr.manual_seed(0),
        lambda x: cr.set_num_threads(1),
        lambda x: cr.set_default_dtype(cr.float64),
        lambda x: Doubled.apply(x),
        lambda x: (x * nn.Parameter(x)).register_hook(print),
        lambda x: nn.Parameter(x).register_post_accumulate_grad_hook(print),
    ],
)
def test_what_cannot_be_captured_names_the_line(body):
    with pytest.raises(cr.CaptureError, match=r"test_capture_errors\.py:\d+"):
        cr.compile(body)(cr.ones(3))
    assert cr._core._recording() is None
    cr.ones(3).sum().item()  # recording mode is off again


def test_a_changed_gradient_mode_cannot_be_captured():
    def body(x):
        cr.set_grad_enabled(False)
        return x * 2

    try:
        with pytest.raises(cr.CaptureError, match="leaves the gradient mode as it found it"):
            cr.compile(body)(cr.ones(3))
    finally:
        cr.set_grad_enabled(True)
    assert cr._core._recording() is None


def test_a_script_in_a_directory_of_the_packages_name_keeps_its_line(tmp_path):
    script = tmp_path / "chainrule" / "train.py"
    script.parent.mkdir()
    script.write_text("def read(x):\n    return x.sum().item()\n")
    names = runpy.run_path(str(script))
    with pytest.raises(cr.CaptureError, match=r"got item at train\.py:2\."):
        cr.compile(names["read"])(cr.ones(3))


def test_a_line_inside_the_package_is_not_the_users():
    loss = nn.CrossEntropyLoss()
    fn = cr.compile(lambda x, y: loss(x, y))
    for _ in range(3):
        fn(cr.ones(2, 3), cr.zeros(2, dtype=cr.int64))
    assert set(re.findall(r"# (\S+):\d+", repr(fn.program))) == {"test_capture_errors.py"}


def test_arguments_and_results_without_end():
    listed, deep = [], []
    listed.append(listed)
    for _ in range(100_000):
        deep = [deep]
    for value in (listed, deep):
        with pytest.raises(ValueError, match=r"^\[compile\] expected arguments nested"):
            cr.compile(lambda x: cr.ones(1))(value)
        with pytest.raises(ValueError, match=r"^\[compile\] expected a result nested"):
            cr.compile(lambda value=value: value)()
    assert cr._core._recording() is None


def test_what_was_updated_before_the_error_stands():
    w, seen = nn.Parameter(cr.ones(3)), cr.zeros(1)
    optimizer = cr.optim.SGD([w], lr=0.5)

    def step(x):
        (w * x).sum().backward()
        optimizer.step()
        seen.add_(1)
        return x.sum().item()

    with pytest.raises(cr.CaptureError):
        cr.compile(step)(cr.ones(3))
    assert (w.tolist(), seen.tolist()) == ([0.5, 0.5, 0.5], [1.0])


@pytest.mark.parametrize("make", [cr.tensor, lambda value: cr.full((), value)])
def test_a_number_that_changes_with_every_call_as_a_0d_tensor(make):
    scale = cr.compile(lambda x, rate: x * rate)
    for k in range(6):
        assert scale(cr.ones(3), make(0.5 * k)).tolist() == [0.5 * k] * 3
    assert (scale.plans, scale.stats["recordings"]) == (1, 2)


def test_a_capture_error_that_the_function_catches_is_raised_at_its_end():
    def body(x):
        try:
            return x * float(x.sum())
        except cr.CaptureError:
            return x * 2

    step, x = cr.compile(body), cr.ones(2)
    for _ in range(4):
        with pytest.raises(cr.CaptureError, match="expected no value .* recorded; got float"):
            step(x)
    assert step.plans == 0
    with pytest.warns(UserWarning, match="run eagerly"):
        assert cr.compile(body, fallback=True)(x).tolist() == body(x).tolist()
