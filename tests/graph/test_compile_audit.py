"""CHAINRULE_AUDIT=n: every n-th replay is recorded instead, and the two programs compared."""

import inspect
import os
import subprocess
import sys

import pytest

import chainrule as cr
from chainrule import _plans, nn


@pytest.fixture
def every_third(monkeypatch):
    monkeypatch.setattr(_plans, "AUDIT_EVERY", 3)


def train(steps):
    cr.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.4), nn.Linear(5, 2))
    optimizer = cr.optim.Adam(net.parameters(), lr=0.05)
    calls = []

    @cr.compile
    def step(x, y):
        calls.append(1)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = cr.randn(6, 4), cr.randn(6, 2)
    losses = []
    for k in range(steps):
        optimizer.param_groups[0]["lr"] = 0.05 / (1 + k)  # read before every step, no constant
        losses.append(step(x, y).item())
    return losses, [p.tolist() for p in net.parameters()], cr.get_rng_state().tolist(), step, calls


def test_audits_leave_the_bits_and_the_plan(monkeypatch):
    *wanted, _, plain_calls = train(15)
    monkeypatch.setattr(_plans, "AUDIT_EVERY", 3)
    *got, step, calls = train(15)
    assert got[:3] == wanted[:3]
    assert len(plain_calls) == 3
    assert step.stats == {"replays": 8, "recordings": 3 + 4}  # of 12 turns every third
    assert len(calls) == 7


rate = 0.5


def test_a_number_that_nobody_announces(every_third, monkeypatch):
    calls = []

    @cr.compile
    def scaled(x):
        calls.append(1)
        return x * rate

    x = cr.ones(2)
    for _ in range(4):
        scaled(x)
    program = scaled.program
    monkeypatch.setitem(globals(), "rate", 0.25)
    message = (
        r"expected a call to do what is replayed in its place; got, in a call that "
        r"CHAINRULE_AUDIT recorded again, 0\.5, then 0\.25 at test_compile_audit\.py:\d+"
    )
    with pytest.raises(cr.CaptureError, match=message):
        scaled(x)
    assert len(calls) == 3
    assert [scaled(x).tolist() for _ in range(3)] == [[0.25, 0.25]] * 3  # a plan of its own now
    assert scaled.program is not program
    assert len(calls) == 4


upper = True


def other_operation(x):
    if upper:
        return x * 2  # first:
    return x + 1  # then:


def an_operation_more(x):
    y = x * 2
    if upper:
        y = y.relu()  # first:
    return y.sum()  # then:


def a_round_fewer(x):
    y = x * 2
    for _ in range(3 if upper else 2):
        y = y + x  # then:
    return y


def one_more_at_the_end(x):
    y = x * 3
    return y if upper else x * 4  # then:


def another_result(x):
    y = x * 3  # first:
    z = y + 1  # then:
    return y if upper else z


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (other_operation, "mul at {first}, then add at {then}"),
        (an_operation_more, "relu at {first}, then sum at {then}"),
        (a_round_fewer, "4 instructions, then 3, without add at {then}"),
        (one_more_at_the_end, "1 instruction, then 2, with mul at {then}"),
        (another_result, "other results: of mul at {first}, then of add at {then}"),
    ],
)
def test_a_changed_branch_is_named_by_its_lines(every_third, monkeypatch, function, words):
    fast = cr.compile(function)
    for _ in range(4):
        fast(cr.ones(2))
    monkeypatch.setitem(globals(), "upper", False)
    lines, start = inspect.getsourcelines(function)
    places = {
        mark: f"test_compile_audit.py:{start + at}"
        for mark in ("first", "then")
        for at, line in enumerate(lines)
        if f"# {mark}:" in line
    }
    with pytest.raises(cr.CaptureError) as caught:
        fast(cr.ones(2))
    assert str(caught.value).endswith(f"recorded again, {words.format(**places)}.")


def test_another_result_is_a_difference(every_third):
    words = iter(["a", "a", "b"])
    fast = cr.compile(lambda x: (x * 2, next(words)))
    for _ in range(4):
        assert fast(cr.ones(1))[1] == "a"
    with pytest.raises(cr.CaptureError, match=r"CHAINRULE_AUDIT.*'a' \(str\), then 'b' \(str\)"):
        fast(cr.ones(1))


@pytest.mark.parametrize("fallback", [False, True])
def test_an_audit_that_cannot_be_recorded_is_an_error_with_fallback_too(every_third, fallback):
    looks = []

    @cr.compile(fallback=fallback)
    def total(x):
        looks.append(1)
        return x.sum() * (x.sum().item() if len(looks) > 2 else 1)

    for _ in range(4):
        total(cr.ones(2))
    with pytest.raises(cr.CaptureError, match="got item at test_compile_audit"):
        total(cr.ones(2))
    assert cr._core._recording() is None


def test_each_signature_has_its_own_count(every_third):
    fast = cr.compile(lambda x: x * 2)
    for n in (1, 2):
        for turn in range(2 + 5):
            fast(cr.ones(n))
            if turn == 2:
                program = fast.program
        assert fast.program is program  # what was audited is replayed on
    assert fast.stats == {"replays": 8, "recordings": 6}


def test_where_gradients_are_added_to_and_where_there_are_none(every_third):
    w = cr.ones(2, requires_grad=True)

    @cr.compile
    def step(x):
        (w * x).sum().backward()

    x = cr.ones(2)
    for k in range(24):
        if k % 3 == 0:
            w.grad = None
        step(x)
        assert w.grad.tolist() == [k % 3 + 1] * 2
    assert step.stats["replays"] > 8
    assert step.stats["replays"] + step.stats["recordings"] == 24


def run_with(value):
    code = """
import chainrule as cr
fast = cr.compile(lambda x: x * 2)
for _ in range(6):
    fast(cr.ones(1))
print(fast.stats)
"""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CHAINRULE_AUDIT": value},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("value", "recordings"), [("1", 6), ("2", 4), ("0", 2), ("", 2)])
def test_the_variable(value, recordings):
    stats = {"replays": 6 - recordings, "recordings": recordings}
    assert run_with(value).stdout == f"{stats}\n"


@pytest.mark.parametrize("value", ["-1", "1.5", "often", "9" * 5000])
def test_the_variable_is_an_integer(value):
    done = run_with(value)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "ValueError: [compile] expected CHAINRULE_AUDIT to be an integer >= 0; got '"
    )
    assert len(last) < 150


def test_arguments_that_are_only_read_may_share_memory(every_third):
    """One plan serves where they do and where they do not; a recording tells the two apart."""
    fast = cr.compile(lambda x, y: x[1:] * 2 + y[1:])
    for turn in range(12):
        x = cr.arange(3.0)
        y = x if turn % 2 else cr.arange(3.0)
        assert fast(x.view(3), y.view(3)).tolist() == [3, 6]
