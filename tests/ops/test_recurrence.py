"""The operation behind recurrent layers against its twin: values and derivatives on every
instruction set, eager and replayed, and what it refuses."""

import pytest

import chainrule as cr
import gradients
import harness
from op_cases_recurrence import CASES, STATES, run_states

ops = cr._core._ops
IDS = [case.label for case in CASES]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_results_are_the_twins(case, dtype, isa):
    for index in range(len(case.samples)):
        for layout in (harness.dense, harness.misaligned):
            harness.check(case, index, dtype, layout)


@pytest.mark.parametrize("case", [*CASES, *STATES], ids=lambda case: case.label)
def test_gradients_are_the_derivatives_of_the_twin(case, isa):
    function = run_states if case in STATES else None
    for index in range(len(case.samples)):
        assert gradients.check_first(case, index, function=function)
        gradients.check_first(case, index, "float32", tolerance=2e-5, function=function)


@pytest.mark.parametrize("case", [*CASES, *STATES], ids=lambda case: case.label)
def test_second_derivatives_are_those_of_the_gradient(case, isa):
    function = run_states if case in STATES else None
    for index in range(len(case.samples)):
        gradients.check_second(case, index, function=function)


@pytest.mark.parametrize("case", STATES, ids=IDS)
def test_replays_have_the_bits_of_eager_calls(case, isa):
    for index in range(len(case.samples)):
        point = gradients.Point(case, index, "float32", run_states)
        leaves = point.leaves()
        seeds = [cr.tensor(point.random(o.shape).astype("float32")) for o in point.results(leaves)]

        def both(leaves, point=point, seeds=seeds):
            outputs = point.results(leaves)
            wanted = [leaves[p] for p in point.places]
            return [*outputs, *cr.autograd.grad(outputs, wanted, seeds)]

        eager, compiled = both(leaves), cr.compile(both)
        for _ in range(3):
            replayed = compiled(leaves)
        assert compiled.stats["replays"] >= 1
        assert harness.bits(replayed) == harness.bits(eager)


X, W, H = cr.ones(2, 3, 8), cr.ones(8, 2), cr.ones(3, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.recurrence(X, W, None, H, None, 2, False),
        lambda: ops.recurrence(X, W, None, H, H, 3, False),
        lambda: ops.recurrence(X, W, None, H, H, 4, False),
        lambda: ops.recurrence(X, W, None, H, H, -1, False),
        lambda: ops.recurrence(X[:0], W, None, H, H, 2, False),
        lambda: ops.recurrence(X[0], W, None, H, H, 2, False),
        lambda: ops.recurrence(X, W.t(), None, H, H, 2, False),
        lambda: ops.recurrence(X, cr.ones(2, 8).t(), None, H, H, 2, False),
        lambda: ops.recurrence(X, W, cr.ones(7), H, H, 2, False),
        lambda: ops.recurrence(X, W, None, H[:2], H, 2, False),
        lambda: ops.recurrence(X, W, None, H, H.double(), 2, False),
        lambda: ops.recurrence(X.long(), W, None, H, H, 2, False),
        lambda: ops.recurrence_backward(X, None, W, X, X, X, H, H, 2, False),
        lambda: ops.recurrence_backward(X, None, W, H, X, X, H, H, 2, False),
        lambda: ops.recurrence_backward(X, None, W, X, X, X, H, None, 9, False),
    ],
)
def test_what_it_cannot_read_is_refused(call):
    with pytest.raises((cr.ShapeError, cr.DtypeError), match=r"^\[\w+\] expected .*; got "):
        call()
