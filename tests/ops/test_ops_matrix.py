"""Every operation against its NumPy twin: {reference, v2, v3, v4} x {eager, replayed} x dtypes x
layouts.

Instruction sets that this processor or build lacks do not appear. The tables are switched inside
one process, so a difference between them cannot come from anything else.
"""

import pytest

import chainrule as cr
import harness
from cases import all_cases

CASES = all_cases()
RUNS = [(case, dtype) for case in CASES for dtype in case.dtypes]


@pytest.mark.parametrize("case, dtype", RUNS, ids=[f"{c.id}-{d}" for c, d in RUNS])
def test_eager_results_are_the_twins(case, dtype, isa):
    for index in range(len(case.samples)):
        for layout in (harness.dense,) if case.dense else harness.LAYOUTS:
            harness.check(case, index, dtype, layout)


@pytest.mark.parametrize("case, dtype", RUNS, ids=[f"{c.id}-{d}" for c, d in RUNS])
def test_replayed_results_have_the_bits_of_eager_ones(case, dtype, isa):
    for index in range(len(case.samples)):
        arrays = harness.make_inputs(case, index, dtype)
        eager, tensors = harness.run(case, index, arrays)
        args, kwargs = case.samples[index].fill(tensors)
        step = cr.compile(harness.resolve(case.name))
        if not case.replays:
            with pytest.raises(cr.CaptureError):
                step(*args, **kwargs)
            continue
        for _ in range(3):
            replayed = harness.outputs_of(step(*args, **kwargs))
        assert step.stats["replays"] >= 1, case.samples[index]
        assert harness.bits(replayed) == harness.bits(eager), case.samples[index]


@pytest.mark.parametrize("case", [c for c in CASES if c.bad], ids=lambda c: c.id)
def test_bad_calls_are_refused_with_a_message_that_teaches(case):
    for bad in case.bad:
        broken = case.but(samples=(bad.sample,))
        arrays = harness.make_inputs(broken, 0, case.dtypes[0])
        with pytest.raises(bad.error, match=bad.match):
            harness.run(broken, 0, arrays)
