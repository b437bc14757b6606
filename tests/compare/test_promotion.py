"""Result dtypes over every pair of dtypes, ranks and Python numbers, and what PyTorch refuses."""

import itertools

import pytest
import torch

import chainrule as cr

NAMES = ("bool", "uint8", "int32", "int64", "bfloat16", "float32", "float64")
NUMBERS = (True, 2, 2.5)
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "true_divide",
    "floor_divide",
    "remainder",
    "pow",
    "maximum",
    "minimum",
    "atan2",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "logical_and",
    "logical_or",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
]
UNARY = [
    "neg",
    "abs",
    "sign",
    "square",
    "relu",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "rsqrt",
    "sin",
    "cos",
    "tan",
    "atan",
    "tanh",
    "sigmoid",
    "erf",
    "reciprocal",
    "floor",
    "ceil",
    "round",
    "trunc",
    "isnan",
    "isinf",
    "isfinite",
    "logical_not",
    "bitwise_not",
    "sum",
    "prod",
    "mean",
    "amax",
    "amin",
    "any",
    "all",
    "argmax",
    "argmin",
    "var",
    "std",
    "norm",
]


def make(lib, name, zero_dim):
    return (
        lib.ones((), dtype=getattr(lib, name))
        if zero_dim
        else lib.ones(2, dtype=getattr(lib, name))
    )


def outcome(lib, function, *operands):
    """The dtype of the result, or "refused"."""
    try:
        result = function(*operands)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return "refused"
    return str(result.dtype).removeprefix(f"{lib.__name__}.")


def assert_agree(calls):
    differences = [
        f"{what}: {mine}, PyTorch {theirs}" for what, mine, theirs in calls if mine != theirs
    ]
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("name", BINARY)
def test_two_tensors(name):
    def calls():
        kinds = list(itertools.product(NAMES, (False, True)))
        for (a, a0), (b, b0) in itertools.product(kinds, kinds):
            got, want = (
                outcome(lib, getattr(lib, name), make(lib, a, a0), make(lib, b, b0))
                for lib in (cr, torch)
            )
            yield f"{name}({a}{'[]' if a0 else ''}, {b}{'[]' if b0 else ''})", got, want

    assert_agree(calls())


@pytest.mark.parametrize(
    "operator", ["+", "-", "*", "/", "//", "%", "**", "<", "==", "&", "|", "^"]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_tensor_and_a_number(operator, swapped):
    function = eval(f"lambda a, b: {'b' if swapped else 'a'} {operator} {'a' if swapped else 'b'}")

    def calls():
        for name, zero_dim, number in itertools.product(NAMES, (False, True), NUMBERS):
            if operator == "**" and name == "bool" and number is True:
                continue  # powers of bool: docs/divergences.md
            got, want = (
                outcome(lib, function, make(lib, name, zero_dim), number) for lib in (cr, torch)
            )
            yield f"{name}{'[]' if zero_dim else ''} {operator} {number!r}", got, want

    assert_agree(calls())


@pytest.mark.parametrize("name", UNARY)
def test_one_tensor(name):
    calls = [
        (
            f"{name}({dtype}{'[]' if zero_dim else ''})",
            *(outcome(lib, getattr(lib, name), make(lib, dtype, zero_dim)) for lib in (cr, torch)),
        )
        for dtype in NAMES
        for zero_dim in (False, True)
        if (name, dtype) != ("square", "bool")  # powers of bool: docs/divergences.md
    ]
    assert_agree(calls)


@pytest.mark.parametrize("name", ["add_", "sub_", "mul_", "div_", "pow_", "remainder_", "clamp_"])
def test_in_place_keeps_the_dtype_or_refuses(name):
    def calls():
        for a, b in itertools.product(NAMES, NAMES):
            got, want = (
                outcome(
                    lib, lambda x, y: getattr(x, name)(y), make(lib, a, False), make(lib, b, False)
                )
                for lib in (cr, torch)
            )
            yield f"{a}.{name}({b})", got, want

    assert_agree(calls())


def test_where_clamp_and_friends():
    def calls():
        for a, b in itertools.product(NAMES, NAMES):
            for what, function in {
                "where": lambda lib, x, y: lib.where(lib.tensor([True, False]), x, y),
                "where number": lambda lib, x, y: lib.where(lib.tensor([True, False]), x, 0.5),
                "masked_fill": lambda lib, x, y: x.masked_fill(lib.tensor([True, False]), 2.5),
                "clamp": lambda lib, x, y: lib.clamp(x, 0, 2.5),
                "clamp ints": lambda lib, x, y: lib.clamp(x, 0, 2),
                "addcmul": lambda lib, x, y: lib.addcmul(x, y, y),
                "sum to": lambda lib, x, y: lib.sum(x, dtype=y.dtype),
                "cumsum": lambda lib, x, y: lib.cumsum(x, 0),
            }.items():
                got, want = (
                    outcome(
                        lib,
                        function,
                        lib,
                        make(lib, a, False),
                        make(lib, b, False),
                    )
                    for lib in (cr, torch)
                )
                yield f"{what}({a}, {b})", got, want

    assert_agree(calls())


@pytest.mark.parametrize("default", ["float32", "float64"])
def test_the_default_dtype_counts(default):
    before = cr.get_default_dtype(), torch.get_default_dtype()
    try:
        for lib in (cr, torch):
            lib.set_default_dtype(getattr(lib, default))
        calls = [
            (text, *(outcome(lib, eval(f"lambda lib: {text}"), lib) for lib in (cr, torch)))
            for text in (
                "lib.ones(2, dtype=lib.int64) / 2",
                "lib.ones(2, dtype=lib.int64) + 1.5",
                "lib.exp(lib.ones(2, dtype=lib.int64))",
                "lib.ones(2, dtype=lib.float32) * 1.5",
                "lib.where(lib.tensor([True]), 1.0, 0.0)",
                "lib.tensor(1.5) + 1",
            )
        ]
    finally:
        cr.set_default_dtype(before[0])
        torch.set_default_dtype(before[1])
    assert_agree(calls)


def test_result_type_promote_types_and_can_cast():
    for a, b in itertools.product(NAMES, repeat=2):
        mine, theirs = (lib.promote_types(getattr(lib, a), getattr(lib, b)) for lib in (cr, torch))
        assert str(mine).split(".")[-1] == str(theirs).split(".")[-1], (a, b)
        assert cr.can_cast(getattr(cr, a), getattr(cr, b)) == torch.can_cast(
            getattr(torch, a), getattr(torch, b)
        )
        for a0, b0 in itertools.product((False, True), repeat=2):
            mine, theirs = (
                lib.result_type(make(lib, a, a0), make(lib, b, b0)) for lib in (cr, torch)
            )
            assert str(mine).split(".")[-1] == str(theirs).split(".")[-1], (a, a0, b, b0)


@pytest.mark.parametrize("name", ["clamp", "clip", "clamp_min", "clamp_max"])
@pytest.mark.parametrize("values", [[3, 0], [True, False], [0.25, 4.0], 3])
def test_limits_of_no_dimensions_are_tensors(name, values):
    def limited(library, dtype):
        limit = library.tensor(0.5, dtype=getattr(library, dtype), requires_grad=True)
        y = getattr(library, name)(library.tensor(values), limit)
        y.sum().backward()
        return y.tolist(), str(y.dtype).rpartition(".")[2], limit.grad.tolist()

    for dtype in ("float32", "float64"):
        assert limited(cr, dtype) == limited(torch, dtype)
        plain = getattr(cr, name)(cr.tensor(values), cr.tensor(0.5, dtype=getattr(cr, dtype)))
        assert str(plain.dtype).rpartition(".")[2] == limited(torch, dtype)[1]
