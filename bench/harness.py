"""Interleaved timing with median and spread, and the record of where it was measured.

Contract: every candidate runs the same work; candidates take turns within one round, so a machine
whose speed drifts slows all of them; a figure is the median over rounds of the mean time of a call,
its spread the quartiles.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Timing:
    """Seconds of one call: median over rounds, and the quartiles."""

    median: float
    low: float
    high: float

    def over(self, n):
        """Of one of `n` things that the call does."""
        return Timing(self.median / n, self.low / n, self.high / n)

    def __str__(self):
        scale, unit = (1e9, "ns") if self.median < 1e-6 else (1e6, "us")
        low, high = self.low * scale, self.high * scale
        return f"{self.median * scale:.1f} {unit} ({low:.1f} to {high:.1f})"


def calls_per_round(function, target=0.02):
    """How many calls take about `target` seconds, after a warm-up."""
    function()
    count = 1
    while True:
        begin = time.perf_counter()
        for _ in range(count):
            function()
        took = time.perf_counter() - begin
        if took > target / 4 or count >= 1 << 20:
            return max(1, int(count * target / max(took, 1e-9)))
        count *= 4


def interleaved(candidates, rounds=15, target=0.02):
    """{name: function} -> {name: Timing}."""
    counts = {name: calls_per_round(f, target) for name, f in candidates.items()}
    times = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in candidates.items():
            begin = time.perf_counter()
            for _ in range(counts[name]):
                function()
            times[name].append((time.perf_counter() - begin) / counts[name])
    return {name: summary(t) for name, t in times.items()}


def summary(times):
    low, median, high = statistics.quantiles(times, n=4)
    return Timing(median, low, high)


def pin(threads):
    """Keeps this process on its first `threads` processors, so that peers cannot use more either.

    Libraries read their thread counts when they load, and NumPy has loaded its own by now: where
    the counts are others the program starts again with these.
    """
    counts = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    if any(os.environ.get(name) != value for name, value in counts.items()):
        os.environ.update(counts)
        os.execv(sys.executable, sys.orig_argv)


def environment(threads):
    """What a reader needs to judge a figure."""
    import chainrule

    cpu = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "chainrule": chainrule.__version__,
        "commit": commit.stdout.strip() or "unknown",
        "cpu": cpu,
        "isa": chainrule.config.isa(),
        "threads": threads,
        "python": platform.python_version(),
    }


def write_json(path, record):
    """Writes the record whole or not at all."""
    temporary = f"{path}.part"
    Path(temporary).write_text(json.dumps(record, indent=2) + "\n")
    os.replace(temporary, path)
