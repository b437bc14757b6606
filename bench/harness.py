"""Interleaved timing with median and spread.

Contract: every candidate runs the same work; candidates take turns within one round, so a machine
whose speed drifts slows all of them; a figure is the median over rounds of the mean time of a call,
its spread the quartiles. Quotients of two candidates are taken round by round.
"""

import os
import statistics
import sys
import time


class Samples:
    """One value a round: seconds of a call unless it says otherwise."""

    def __init__(self, values):
        self.values = list(values)
        if len(self.values) < 2:
            raise ValueError(f"expected at least 2 rounds; got {len(self.values)}")
        self.low, self.median, self.high = statistics.quantiles(
            self.values, n=4, method="inclusive"
        )

    def over(self, n):
        """Of one of `n` things that the call does."""
        return Samples(v / n for v in self.values)

    def per(self, other):
        """Round by round, how many times `other`."""
        return Samples(a / b for a, b in zip(self.values, other.values, strict=True))

    def __str__(self):
        scale, unit = scale_of(self.median)
        low, high = self.low * scale, self.high * scale
        return f"{self.median * scale:.1f} {unit} ({low:.1f} to {high:.1f})"


def scale_of(seconds):
    """(factor, unit) in which to read it: 1.5e-5 s as 15 us."""
    units = ((1e9, "ns"), (1e6, "us"), (1e3, "ms"), (1.0, "s"))
    return next((unit for unit in units if seconds * unit[0] < 1000), units[-1])


def calls_per_round(function, target=0.02):
    """How many calls take about `target` seconds, after a warm-up."""
    function()
    count = 1
    while True:
        took = seconds(function, count)
        if took > target / 4 or count >= 1 << 20:
            return max(1, int(count * target / max(took, 1e-9)))
        count *= 4


def seconds(function, count):
    begin = time.perf_counter()
    for _ in range(count):
        function()
    return time.perf_counter() - begin


def turn(function, count, target):
    """Seconds of one call, over `count` of them.

    It starts untimed with an eighth as many: the caches are then its own, and threads that the
    candidate before it keeps spinning have gone to sleep. It ends early where it takes four times
    its target, as some do a hundredfold while another process has their processor.
    """
    part = count // 8 + 1
    seconds(function, part)
    took, done = 0.0, 0
    while done < count and took < 4 * target:
        calls = min(part, count - done)
        took += seconds(function, calls)
        done += calls
    return took / done


def interleaved(candidates, rounds=15, target=0.02, prepare=None):
    """{name: function} -> {name: Samples}. `prepare[name]()` is called before its turns."""
    prepare = {name: (prepare or {}).get(name, _nothing) for name in candidates}
    counts = {}
    for name, function in candidates.items():
        prepare[name]()
        counts[name] = calls_per_round(function, target)
    times = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in candidates.items():
            prepare[name]()
            times[name].append(turn(function, counts[name], target))
    return {name: Samples(t) for name, t in times.items()}


def _nothing():
    pass


def pin(threads):
    """Keeps this process on its first `threads` processors, so that peers cannot use more either.

    Libraries read their thread counts when they load, and NumPy has loaded its own by now: where
    the counts are others the program starts again with these.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        raise SystemExit(
            f"expected --threads in [1, {len(allowed)}], the processors; got {threads}"
        )
    counts = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
    counts["CHAINRULE_NUM_THREADS"] = str(threads)
    os.sched_setaffinity(0, allowed[:threads])
    if any(os.environ.get(name) != value for name, value in counts.items()):
        os.environ.update(counts)
        os.execv(sys.executable, sys.orig_argv)
