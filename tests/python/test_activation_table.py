"""Every row of activations.table(): its facts are those of the function it names."""

import math
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

TABLE = cr.activations.table()
GROUPS = ("Softmax", "Softmin", "LogSoftmax", "GLU", "Maxout")
ELEMENTWISE = [row for row in TABLE if not row.name.startswith(GROUPS)]
VECTORS = [row for row in TABLE if row.name.startswith(GROUPS)]
POINTS = [*np.linspace(-6, 6, 241).tolist(), 1e-3, -1e-3, 20.0, -20.0]
NUMPY = vars(np) | {"len": len, "sum": np.sum, "max": np.max, "exp": np.exp}


def value(expression, names):
    expression, _, part = expression.partition(" with ")
    if part:
        name, _, meaning = part.partition(" = ")
        names = {**names, name: eval(meaning, {}, names)}
    return eval(expression, {}, names)


def module_of(row):
    arguments = row.name.partition("(")[2].rstrip(")")
    return eval(f"dict({arguments})") if arguments else {}


def make(row):
    alone = {"Softmax": {"dim": 0}, "Softmin": {"dim": 0}, "LogSoftmax": {"dim": 0}}
    return row.module(**module_of(row), **alone.get(row.name, {})).double().eval()


def ours(row, x):
    """f(x) and f'(x) of the module, element by element; of vectors the matrix of derivatives."""
    x = cr.tensor(x, dtype=cr.float64, requires_grad=True)
    y = make(row)(x)
    if row in ELEMENTWISE:
        return y.detach().numpy(), cr.autograd.grad(y.sum(), x)[0].numpy()
    rows = [cr.autograd.grad(part, x, retain_graph=True)[0].numpy() for part in y]
    return y.detach().numpy(), np.stack(rows)


def theirs(row, x):
    """The same from the formulas."""
    library = vars(math) | vars(__import__("builtins")) if row in ELEMENTWISE else NUMPY
    names = {**library, **row.settings, "x": x}
    f = value(row.formula, names)
    return f, value(row.derivative, {**names, "f": f})


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda r: r.name)
def test_formula_and_derivative_are_the_functions(row):
    want = np.transpose([theirs(row, x) for x in POINTS])
    np.testing.assert_allclose(ours(row, POINTS), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("row", VECTORS, ids=lambda r: r.name)
def test_formula_and_derivative_of_vectors(row):
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=2 if row.name.startswith(("GLU", "Maxout")) else 5) * 3
        got, want = ours(row, x), theirs(row, x)
        np.testing.assert_allclose(got[0], np.atleast_1d(want[0]), rtol=1e-12)
        np.testing.assert_allclose(got[1], np.atleast_2d(want[1]), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda r: r.name)
def test_kinks_are_where_the_derivative_jumps(row):
    for place, slope in row.kinks.items():
        assert ours(row, place)[1] == pytest.approx(slope, rel=1e-15)
        sides = [ours(row, place + step) for step in (-1e-9, 1e-9)]
        jumps = abs(sides[0][1] - sides[1][1]) > 0.1 or abs(sides[0][0] - sides[1][0]) > 0.1
        assert jumps, f"{row.name} has no kink at {place}"
    around = np.linspace(-6.0005, 6.0005, 602)
    slopes = np.array([theirs(row, x)[1] for x in around])
    for i in np.flatnonzero(np.abs(np.diff(slopes)) > 0.05):
        assert any(around[i] < k < around[i + 1] for k in row.kinks), f"{row.name} near {around[i]}"


def parts_of(row):
    """[(low, closed below, high, closed above)] of the range."""
    names = {**vars(math), **row.settings}
    for part in row.range.split(" | "):
        ends = [float(eval(end, {}, names)) for end in part[1:-1].split(", ")]
        if part[0] == "{":
            yield from ((end, True, end, True) for end in ends)
        else:
            yield ends[0], part[0] == "[", ends[1], part[-1] == "]"


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda r: r.name)
def test_ranges_hold_and_are_reached(row):
    far = [-1e30, -1e6, 1e6, 1e30, 0.0, *row.kinks]
    x = np.concatenate([np.linspace(-40, 40, 80_001), far])
    y = make(row)(cr.tensor(x)).detach().numpy()
    near = y[np.abs(x) < 5]  # where nothing has rounded to a limit yet
    inside, strictly = np.zeros(len(y), bool), np.zeros(len(near), bool)
    for low, closed_low, high, closed_high in parts_of(row):
        inside |= (low <= y) & (y <= high)
        below = near >= low if closed_low else near > low
        strictly |= below & (near <= high if closed_high else near < high)
    assert inside.all() and strictly.all()
    lowest = min(low for low, *_ in parts_of(row))
    highest = max(high for _, _, high, _ in parts_of(row))
    assert y.min() <= -1e5 if lowest == -math.inf else y.min() == pytest.approx(lowest, abs=1e-4)
    assert y.max() >= 1e5 if highest == math.inf else y.max() == pytest.approx(highest, abs=1e-4)


def test_functions_are_the_modules():
    extra = {"PReLU": (cr.tensor([0.25], dtype=cr.float64),), "Threshold": (0.5, 0.0)}
    extra |= {name: (0,) for name in ("Softmax", "Softmin", "LogSoftmax")} | {"Maxout": (2,)}
    x = cr.linspace(-4, 4, 40, dtype=cr.float64)
    for row in TABLE:
        named = {"approximate": "tanh"} if "approximate" in row.name else {}
        args = extra.get(row.module.__name__, ())
        assert row.function(x, *args, **named).equal(make(row)(x)), row.name


def test_every_activation_has_a_row():
    modules = {row.module for row in TABLE}
    files = ("_rectifier", "_leaky", "_smooth", "_grouped")
    for name in nn.__all__:
        module = getattr(nn, name)
        if getattr(module, "__module__", "").endswith(files) and name != "Softmax2d":
            assert module in modules, f"{name} has no row"
    assert len({row.name for row in TABLE}) == len(TABLE)
    sources = {row.name: row.source for row in TABLE}
    assert sources["ReLU"].startswith("000_4bfdbb0e825250a6.txt")
    assert "He et al." in sources["PReLU"]


def test_it_prints_as_a_table():
    lines = str(TABLE).splitlines()
    assert re.split(r"  +", lines[0]) == ["name", "f(x)", "f'(x)", "range", "at kinks"]
    assert max(map(len, lines)) <= 140
    (relu,) = [line for line in lines if line.startswith("ReLU ")]
    assert "max(x, 0)" in relu and "[0, inf)" in relu and "f'(0) = 0" in relu
    assert "negative_slope = 0.01" in str(TABLE) and repr(TABLE) == str(TABLE)
    assert cr.activations.table() is not TABLE
