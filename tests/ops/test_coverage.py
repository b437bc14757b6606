"""Every public operation of the table has a case, and every derivative is compared with numbers."""

import pathlib

import pytest

from cases import all_cases
from chainrule import _core

TABLE = [op for op in _core._op_table() if "private" not in op["surfaces"]]
OPS = pathlib.Path(__file__).parent

# Their results come from no tensor, or from a generator: where each is tested instead.
ELSEWHERE = (
    dict.fromkeys(
        [
            "arange",
            "empty",
            "empty_like",
            "eye",
            "full",
            "full_like",
            "linspace",
            "new_empty",
            "new_full",
            "new_ones",
            "new_zeros",
            "ones",
            "ones_like",
            "zeros",
            "zeros_like",
        ],
        "test_create.py",
    )
    | dict.fromkeys(
        [
            "bernoulli",
            "bernoulli_fill",
            "dropout",
            "multinomial",
            "normal",
            "normal_fill",
            "rand",
            "rand_like",
            "randint",
            "randint_like",
            "randn",
            "randn_like",
            "randperm",
            "uniform",
        ],
        "test_random.py",
    )
    | {"rrelu": "test_rrelu.py"}
)

# Steps: the derivative is zero wherever there is one, which compare/test_kinks.py looks at.
STEPS = {"ceil", "floor", "floor_divide", "round", "round_decimals", "sign", "step", "trunc"}
# Differentiable by name alone: what they compose of is, their results are bools or integers.
NO_FLOATS = {"allclose", "argsort", "argwhere", "count_nonzero", "equal", "isclose", "one_hot"}


def names(op):
    """As users write it: the signatures' names, in place with a trailing underscore."""
    return {signature.split("(")[0] for signature in op["signatures"]}


def cases_of(op):
    return [case for case in all_cases() if case.name.split(".")[-1].rstrip("_") in names(op)]


@pytest.mark.parametrize("op", TABLE, ids=[op["name"] for op in TABLE])
def test_has_a_case(op):
    if op["name"] in ELSEWHERE:
        text = (OPS / ELSEWHERE[op["name"]]).read_text()
        assert any(name in text for name in names(op))
        assert not cases_of(op), "a case exists: the line above is out of date"
        return
    assert cases_of(op), f"{op['name']} has no case; see cases.py"


@pytest.mark.parametrize("op", TABLE, ids=[op["name"] for op in TABLE])
def test_has_a_gradient_case(op):
    if op["name"] in ELSEWHERE or not op["differentiable"]:
        return
    compared = any(case.gradient for case in cases_of(op))
    assert compared != (op["name"] in STEPS | NO_FLOATS)
