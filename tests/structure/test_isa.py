"""Which kernels run: every level the processor has, the best by default, another by
CHAINRULE_ISA."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule import config

# What the psABI demands of each x86-64 level above the baseline, in Linux's names.
NEEDED = {
    "v2": "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3",
    "v3": "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave",
    "v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}


def levels_of_this_processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    flags = set(next(line for line in lines if line.startswith("flags")).split())
    levels = []
    for level, needed in NEEDED.items():
        if not flags.issuperset(needed.split()):
            break
        levels.append(level)
    return levels


def chosen(name):
    """Runs a fresh interpreter with CHAINRULE_ISA=name (None: unset) that prints its choice."""
    environment = {k: v for k, v in os.environ.items() if k != "CHAINRULE_ISA"}
    if name is not None:
        environment["CHAINRULE_ISA"] = name
    code = "from chainrule import config; print(config.isa())"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(platform.machine() != "x86_64", reason="levels are those of x86-64")
def test_levels_are_those_of_the_processor():
    vector = [name for name in config.available_isas() if name != "reference"]
    assert vector == levels_of_this_processor()


def test_best_level_is_the_default():
    vector = [name for name in config.available_isas() if name != "reference"]
    assert chosen(None).stdout.strip() == vector[-1]


@pytest.mark.parametrize("name", config.available_isas())
def test_environment_chooses(name):
    assert chosen(name).stdout.strip() == name


def test_unknown_level_is_an_error_that_lists_the_levels():
    done = chosen("v9")
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert "ValueError" in message
    assert "v9" in message
    assert all(name in message for name in config.available_isas())
