"""First and second derivatives of every differentiable operation on every instruction set."""

import pytest

import gradients
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
