"""What print(step.program) shows: calls as Python would write them, with what is not a default."""

import ast
import re

import pytest

import chainrule as cr
import chainrule.nn.functional as F
import harness
from cases import all_cases
from chainrule import _core, nn

KNOWN = {op["name"] for op in _core._op_table()}
INSTRUCTION = re.compile(
    r"  (?P<outputs>.+) = (?P<call>(?P<name>\w+)\(.*\))  # \S+:\d+, (a view|.* operations, .* bytes.*)"
)
OUTPUT = re.compile(r"%\d+: \w+\((\d+,)?( ?\d+,?)*\)")


def program_of(fn, *args, **kwargs):
    step = cr.compile(fn)
    for _ in range(3):
        step(*args, **kwargs)
    return step.program


def calls(program):
    """The printed calls, without outputs and lines."""
    lines = [INSTRUCTION.fullmatch(line) for line in repr(program).splitlines()]
    return [line["call"] for line in lines if line]


@pytest.mark.parametrize(
    "fn, expected",
    [
        (lambda x: F.leaky_relu(x, 0.3), "leaky_relu(arg0, negative_slope=0.3)"),
        (lambda x: F.leaky_relu(x), "leaky_relu(arg0)"),
        (lambda x: x.sum(), "sum(arg0)"),
        (lambda x: x.sum(1, keepdim=True), "sum(arg0, dim=(1,), keepdim=True)"),
        (lambda x: cr.full((2, 3), 0.5), "full((2, 3), 0.5)"),
        (lambda x: cr.full((), True, dtype=cr.float64), "full((), True, dtype=float64)"),
        (lambda x: F.gelu(x, approximate="tanh"), "gelu(arg0, approximate='tanh')"),
        (lambda x: cr.cat([x, x], 1), "cat([arg0, arg0], dim=1)"),
        (lambda x: x + 1e-8, "add(arg0, 1e-08)"),
        (lambda x: x.clamp(max=2), "clamp_range(arg0, min=-inf, max=2.0)"),
    ],
)
def test_calls_are_printed_as_python_writes_them(fn, expected):
    assert calls(program_of(fn, cr.ones(2, 3))) == [expected]


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_every_program_is_readable(case):
    if not case.replays:
        return
    arrays = harness.make_inputs(case, 0, case.dtypes[0])
    args, kwargs = case.samples[0].fill([harness.dense(a) for a in arrays])
    program = program_of(harness.resolve(case.name), *args, **kwargs)
    lines = repr(program).splitlines()
    assert lines[-1].startswith("  return")
    for line in lines[: len(program)]:
        instruction = INSTRUCTION.fullmatch(line)
        assert instruction and instruction["name"] in KNOWN, line
        assert re.fullmatch(rf"{OUTPUT.pattern}(, {OUTPUT.pattern})*", instruction["outputs"]), line
        # Values are no names of Python; what stands around them is its syntax.
        ast.parse(re.sub(r"%(\d+)", r"v\1", instruction["call"]))


def test_long_lists_are_abbreviated():
    net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(4)])
    optimizer = cr.optim.Adam(net.parameters())

    def step(x):
        net.zero_grad()
        net(x).sum().backward()
        optimizer.step()

    text = repr(program_of(step, cr.ones(3, 2)))
    (update,) = [line for line in text.splitlines() if "adam_update" in line]
    assert re.match(r"  %\d+, \.\.\., %\d+: 32 tensors = adam_update\(\[state0", update)
    assert re.search(r"\[state\d+\.\.\d+\]", update) and len(update.split(" = ")[0]) < 40
    assert not text.endswith("\n")


def test_a_changing_attribute_is_an_error_that_shows_both_values():
    slope = iter([0.1, 0.2, 0.3, 0.4, 0.5])
    fast = cr.compile(lambda x: F.leaky_relu(x, next(slope)))
    expected = r"got negative_slope=0\.3, then 0\.4 at test_program_text\.py:\d+; pass it as an arg"
    with pytest.raises(cr.CaptureError, match=expected):
        for _ in range(5):
            fast(cr.ones(3))


def test_inner_machinery_is_private():
    assert [name for name in dir(cr.Program) if not name.startswith("_")] == ["peak_bytes"]


def test_costs_and_passes_are_shown():
    net = nn.Linear(3, 4)
    with cr.no_grad():
        text = repr(program_of(lambda x: net(x).relu().t(), cr.ones(500, 3)))
    linear, relu, turned = text.splitlines()[:3]
    assert ", 12.0 k operations, 14.1 k bytes" in linear  # 2 * 500 * 3 * 4; 4 * (1500 + 16 + 2000)
    assert ", 2.0 k operations, 16.0 k bytes, on parts of the output before (attach_tails)" in relu
    assert turned.endswith(", a view")


def test_peak_bytes_are_those_of_what_is_alive_together():
    def chain(x):
        for _ in range(5):
            x = x.softmax(1)  # not in place: two of them are needed at a time
        return x.sum()

    # Two of 64 by 16 floats, and the sum, which outlives the call, in a block of 64 bytes.
    assert program_of(chain, cr.ones(64, 16)).peak_bytes == 2 * 64 * 16 * 4 + 64


def test_elementwise_work_takes_the_place_of_its_input():
    def chain(x):
        x = x.softmax(1)
        for _ in range(5):
            x = x.exp() - 1
        return x.sum()

    # One of them, the sum, and each number 1.
    assert program_of(chain, cr.ones(64, 16)).peak_bytes == 64 * 16 * 4 + 64 + 5 * 64
