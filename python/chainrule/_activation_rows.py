"""The facts of activations.py, one dict an activation: of which module and function, the formula
and its derivative as expressions of x (and f), the range, and the places of kinks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ANY = "(-inf, inf)"
SELU = {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}


def _row(
    module: str,
    function: str,
    formula: str,
    derivative: str,
    range: str = ANY,
    kinks: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    return {
        "module": module,
        "function": function,
        "formula": formula,
        "derivative": derivative,
        "range": range,
        "kinks": kinks,
        **more,
    }


SIGMOIDS = [
    _row("Identity", "clone", "x", "1"),
    _row("Step", "step", "0 if x < 0 else value_at_zero if x == 0 else 1", "0", "{0, 1}", ("0",)),
    _row("Sigmoid", "sigmoid", "1 / (1 + exp(-x))", "f * (1 - f)", "(0, 1)"),
    _row(
        "Tanh",
        "tanh",
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        "1 - f**2",
        "(-1, 1)",
    ),
    _row("Arctan", "arctan", "atan(x)", "1 / (x**2 + 1)", "(-pi / 2, pi / 2)"),
    _row("Softsign", "softsign", "x / (1 + abs(x))", "1 / (1 + abs(x)) ** 2", "(-1, 1)"),
    _row("LogSigmoid", "logsigmoid", "-log(1 + exp(-x))", "1 / (1 + exp(x))", "(-inf, 0)"),
    _row("Tanhshrink", "tanhshrink", "x - tanh(x)", "tanh(x) ** 2"),
]

RECTIFIERS = [
    _row(
        "ReLU",
        "relu",
        "max(x, 0)",
        "0 if x < 0 else derivative_at_zero if x == 0 else 1",
        "[0, inf)",
        ("0",),
    ),
    _row("ReLU6", "relu6", "min(max(x, 0), 6)", "1 if 0 < x < 6 else 0", "[0, 6]", ("0", "6")),
    _row(
        "LeakyReLU",
        "leaky_relu",
        "x if x > 0 else negative_slope * x",
        "1 if x > 0 else negative_slope",
        ANY,
        ("0",),
    ),
    _row("PReLU", "prelu", "x if x > 0 else weight * x", "1 if x > 0 else weight", ANY, ("0",)),
    _row(
        "RReLU",
        "rrelu",
        "x if x > 0 else (lower + upper) / 2 * x",
        "1 if x > 0 else (lower + upper) / 2",
        ANY,
        ("0",),
    ),
    _row(
        "Threshold",
        "threshold",
        "x if x > threshold else value",
        "1 if x > threshold else 0",
        "{value} | (threshold, inf)",
        ("threshold",),
        arguments={"threshold": 0.5, "value": 0.0},
    ),
    _row(
        "Hardtanh",
        "hardtanh",
        "min(max(x, min_val), max_val)",
        "1 if min_val < x < max_val else 0",
        "[min_val, max_val]",
        ("min_val", "max_val"),
    ),
    _row(
        "Hardsigmoid",
        "hardsigmoid",
        "min(max(x + 3, 0), 6) / 6",
        "1 / 6 if -3 < x < 3 else 0",
        "[0, 1]",
        ("-3", "3"),
    ),
    _row(
        "Hardshrink",
        "hardshrink",
        "x if abs(x) > lambd else 0",
        "1 if abs(x) > lambd else 0",
        ANY,
        ("-lambd", "lambd"),
    ),
    _row(
        "Softshrink",
        "softshrink",
        "x - lambd if x > lambd else x + lambd if x < -lambd else 0",
        "1 if abs(x) > lambd else 0",
        ANY,
        ("-lambd", "lambd"),
    ),
]

SMOOTH_RECTIFIERS = [
    _row(
        "Softplus",
        "softplus",
        "log(1 + exp(beta * x)) / beta",
        "1 / (1 + exp(-beta * x))",
        "(0, inf)",
    ),
    _row(
        "Squareplus",
        "squareplus",
        "(x + sqrt(x**2 + b)) / 2",
        "(1 + x / sqrt(x**2 + b)) / 2",
        "(0, inf)",
    ),
    _row(
        "ELU",
        "elu",
        "x if x > 0 else alpha * (exp(x) - 1)",
        "1 if x > 0 else f + alpha",
        "(-alpha, inf)",
    ),
    _row(
        "CELU",
        "celu",
        "x if x > 0 else alpha * (exp(x / alpha) - 1)",
        "1 if x > 0 else exp(x / alpha)",
        "(-alpha, inf)",
    ),
    _row(
        "SELU",
        "selu",
        "scale * (x if x > 0 else alpha * (exp(x) - 1))",
        "scale if x > 0 else scale * alpha * exp(x)",
        "(-scale * alpha, inf)",
        ("0",),
        constants=SELU,
    ),
]

GATES = [
    _row(
        "GELU",
        "gelu",
        "x / 2 * (1 + erf(x / sqrt(2)))",
        "(1 + erf(x / sqrt(2))) / 2 + x * exp(-(x**2) / 2) / sqrt(2 * pi)",
        "[-0.17, inf)",
    ),
    _row(
        "GELU",
        "gelu",
        "x / (1 + exp(-sqrt(8 / pi) * (x + 0.044715 * x**3)))",
        "s + f * (1 - s) * sqrt(8 / pi) * (1 + 0.134145 * x**2) "
        "with s = 1 / (1 + exp(-sqrt(8 / pi) * (x + 0.044715 * x**3)))",
        "[-0.1701, inf)",
        arguments={"approximate": "tanh"},
    ),
    _row(
        "SiLU",
        "silu",
        "x / (1 + exp(-x))",
        "s + f * (1 - s) with s = 1 / (1 + exp(-x))",
        "[-0.2785, inf)",
    ),
    _row(
        "Mish",
        "mish",
        "x * tanh(log(1 + exp(x)))",
        "t + x * (1 - t**2) / (1 + exp(-x)) with t = tanh(log(1 + exp(x)))",
        "[-0.3089, inf)",
    ),
    _row(
        "Hardswish",
        "hardswish",
        "x * min(max(x + 3, 0), 6) / 6",
        "0 if x <= -3 else x / 3 + 1 / 2 if x < 3 else 1",
        "[-3 / 8, inf)",
        ("-3", "3"),
    ),
]

GROUPS = [
    _row("Softmax", "softmax", "exp(x) / sum(exp(x))", "diag(f) - outer(f, f)", "(0, 1)"),
    _row("Softmin", "softmin", "exp(-x) / sum(exp(-x))", "outer(f, f) - diag(f)", "(0, 1)"),
    _row("LogSoftmax", "log_softmax", "x - log(sum(exp(x)))", "eye(len(x)) - exp(f)", "(-inf, 0)"),
    _row(
        "GLU",
        "glu",
        "x[0] * s with s = 1 / (1 + exp(-x[1]))",
        "[s, f * (1 - s)] with s = 1 / (1 + exp(-x[1]))",
    ),
    _row(
        "Maxout",
        "maxout",
        "max(x)",
        "(x == f) / sum(x == f)",
        arguments={"pieces": 2},
    ),
]

ROWS = [*SIGMOIDS, *RECTIFIERS, *SMOOTH_RECTIFIERS, *GATES, *GROUPS]
