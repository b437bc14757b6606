"""The chosen differences from PyTorch: one test a row of docs/divergences.md that has none elsewhere."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def test_errors_are_right_for_python_and_for_torch():
    for kind, bases in {
        cr.ShapeError: (ValueError, RuntimeError),
        cr.DtypeError: (TypeError, RuntimeError),
        cr.StateError: (RuntimeError,),
        cr.CaptureError: (cr.StateError, RuntimeError),
        cr.OutOfMemory: (MemoryError, RuntimeError),
    }.items():
        for base in bases:
            assert issubclass(kind, base)
    with pytest.raises(ValueError, match="got"):
        cr.ones(2, 3) @ cr.ones(2, 3)


def test_a_clone_is_dense():
    x = cr.ones(3, 4).t()
    assert x.clone().is_contiguous()
    assert not x.is_contiguous()


def test_the_same_bits_for_any_number_of_threads():
    x = cr.randn(300, 700)
    w = cr.randn(500, 700)
    before = cr.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            cr.set_num_threads(threads)
            results.append(nn.functional.linear(x, w).numpy().copy())
    finally:
        cr.set_num_threads(before)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_a_parameter_given_twice_is_refused():
    w = nn.Parameter(cr.ones(2))
    with pytest.raises(ValueError):
        cr.optim.SGD([w, w], lr=0.1)


def test_a_bad_reduction_is_refused_when_the_loss_is_made():
    with pytest.raises(ValueError):
        nn.MSELoss(reduction="average")


def test_a_loss_that_was_run_backward_inside_comes_back_without_history():
    w = nn.Parameter(cr.ones(3))

    @cr.compile
    def step(x):
        w.grad = None
        loss = (w * x).sum()
        loss.backward()
        return loss

    losses = [step(cr.ones(3)) for _ in range(5)]
    assert step.stats["replays"] == 3
    assert not losses[-1].requires_grad
    assert losses[0].item() == losses[-1].item() == 3.0


def test_bad_probability_targets_and_ignore_index():
    logits, target = cr.randn(4, 3), cr.full((4, 3), 1 / 3)
    with pytest.raises(ValueError, match="ignore_index"):
        nn.functional.cross_entropy(logits, target, ignore_index=1)


def test_masks_have_no_powers():
    for power in (lambda m: m.square(), lambda m: m**True, lambda m: m**m):
        with pytest.raises(cr.DtypeError):
            power(cr.tensor([True, False]))


def test_a_nested_list_is_one_index():
    assert cr.arange(4.0)[[[0, 1], [1, 0]]].tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_kinds_of_argument_errors():
    for kind, call in (
        (ValueError, lambda: cr.device("nonsense")),
        (IndexError, lambda: cr.ones(2)["a"]),
        (TypeError, lambda: cr.ones(2).to(3)),
        (TypeError, lambda: cr.manual_seed("a")),
    ):
        with pytest.raises(kind):
            call()
