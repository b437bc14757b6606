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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", STATES, ids=lambda case: case.label)
def test_gradients_that_can_be_differentiated_are_the_same(case, dtype, isa):
    """To the bit, zeros of either sign among them; the reference rounds less often."""
    for index in range(len(case.samples)):
        point = gradients.Point(case, index, dtype, run_states)
        leaves = point.leaves()
        seeds = [point.random(tuple(o.shape)).astype(dtype) for o in point.results(leaves)]
        seeds[0].flat[:3] = -0.0
        seeds = [cr.tensor(seed) for seed in seeds]
        plain, linked = (
            gradients.vjp(point, leaves, seeds, create_graph=linked) for linked in (False, True)
        )
        if isa == "reference":
            for a, b in zip(plain, linked, strict=True):
                assert cr.allclose(a, b, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5)
        else:
            assert harness.bits(plain) == harness.bits([g.detach() for g in linked])


X, W, H = cr.ones(2, 3, 8), cr.ones(8, 2), cr.ones(3, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.recurrence(X, W, None, H, None, None, 2, False),
        lambda: ops.recurrence(X, W, None, H, H, None, 3, False),
        lambda: ops.recurrence(X, W, None, H, H, None, 4, False),
        lambda: ops.recurrence(X, W, None, H, H, None, -1, False),
        lambda: ops.recurrence(X[:0], W, None, H, H, None, 2, False),
        lambda: ops.recurrence(X[0], W, None, H, H, None, 2, False),
        lambda: ops.recurrence(X, W.t(), None, H, H, None, 2, False),
        lambda: ops.recurrence(X, cr.ones(2, 8).t(), None, H, H, None, 2, False),
        lambda: ops.recurrence(X, W, cr.ones(7), H, H, None, 2, False),
        lambda: ops.recurrence(X, W, None, H[:2], H, None, 2, False),
        lambda: ops.recurrence(X, W, None, H, H.double(), None, 2, False),
        lambda: ops.recurrence(X.long(), W, None, H, H, None, 2, False),
        lambda: ops.recurrence(X, W, None, H, H, cr.ones(3, 2), 2, False),
        lambda: ops.recurrence(X, W, None, H, H, cr.ones(2), 2, False),
        lambda: ops.recurrence(X, W, None, H, H, cr.ones(2, 0), 2, False),
        lambda: ops.recurrence(X, W, None, H, None, cr.ones(2, 2), 3, False),
        lambda: ops.recurrence(X[..., :2], cr.ones(2, 2), None, H, None, cr.ones(2, 2), 0, False),
        lambda: ops.recurrence_backward(X, None, W, X, X, X, H, None, 2, False),
        lambda: ops.recurrence_backward(X, None, W, X, X, X, H, cr.ones(2), 2, False),
        lambda: ops.recurrence_backward(X, None, W, H, X, X, H, None, 2, False),
        lambda: ops.recurrence_backward(X, None, W, X, X, X, H, None, 9, False),
    ],
)
def test_what_it_cannot_read_is_refused(call):
    with pytest.raises((cr.ShapeError, cr.DtypeError), match=r"^\[\w+\] expected .*; got "):
        call()
