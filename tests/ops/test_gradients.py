"""First and second derivatives of every differentiable operation on every instruction set."""

import pytest

import chainrule as cr
import gradients
import harness
from cases import all_cases

CASES = [case for case in all_cases() if case.gradient]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_gradients_are_the_derivatives_of_the_twin(case, isa):
    checked = sum(gradients.check_first(case, i) for i in range(len(case.samples)))
    assert checked, "no input of any sample is differentiable"


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_gradients_in_float32(case, isa):
    for index in range(len(case.samples)):
        gradients.check_first(case, index, "float32", tolerance=2e-5)


@pytest.mark.parametrize("case", [c for c in CASES if c.second], ids=lambda c: c.id)
def test_second_derivatives_are_those_of_the_gradient(case, isa):
    for index in range(len(case.samples)):
        gradients.check_second(case, index)


def bits_of(gradients_):
    return [None if g is None else harness.bits([g]) for g in gradients_]


@pytest.mark.parametrize("case", [c for c in CASES if c.replays], ids=lambda c: c.id)
@pytest.mark.parametrize("inside", [True, False], ids=["backward-inside", "backward-outside"])
def test_replayed_gradients_have_the_bits_of_eager_ones(case, inside, isa):
    for index in range(len(case.samples)):
        point = gradients.Point(case, index, "float32")
        leaves = point.leaves()
        wanted = [leaves[p] for p in point.places]
        outputs = point.results(leaves)
        if not outputs:
            continue
        seeds = [cr.tensor(point.random(tuple(o.shape)).astype("float32")) for o in outputs]

        def gradients_of(outputs, wanted=wanted, seeds=seeds):
            return cr.autograd.grad(outputs, wanted, seeds, allow_unused=True)

        eager = outputs + list(gradients_of(outputs))
        forward = point.results

        def both(leaves, forward=forward, gradients_of=gradients_of):
            outputs = forward(leaves)
            return outputs, gradients_of(outputs)

        step = cr.compile(both if inside else forward)
        for _ in range(3):
            outputs, grads = step(leaves) if inside else (made := step(leaves), gradients_of(made))
        assert step.stats["replays"] >= 1, case.samples[index]
        assert bits_of([*outputs, *grads]) == bits_of(eager), case.samples[index]
