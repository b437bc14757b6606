"""What every benchmark prints and writes: figures with their spread, and where they were measured.

A figure's name is topic/threads/subject/candidate. Its unit says which way is better.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

HIGHER_IS_BETTER = {
    "s": False,  # seconds
    "x": True,  # how many times faster
    "share": True,  # of the multiply-add peak, 1 is all of it
    "flop/s": True,
    "excess": False,  # how much above what it should be, 0.05 is 5 %
    "accuracy": True,
    "count": None,  # neither way
}


def parser(doc, rounds=15, threads=1):
    """The options that all benchmarks have; `threads` None for those that fix their own."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if threads is not None:
        made.add_argument("--threads", type=int, default=threads)
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--json", help="where to write the figures")
    return made


LIBRARIES = ("numpy", "torch", "jax", "scikit-learn")


class Record:
    def __init__(self, topic, threads):
        self.topic, self.threads, self.figures = topic, threads, {}

    def add(self, subject, candidate, samples, unit="s"):
        spread = (samples.low, samples.median, samples.high)
        self.interval(subject, candidate, spread, len(samples.values), unit)

    def compare(self, subject, timings, width=44):
        """Adds the candidates' timings and PyTorch's over chainrule's; the line to print."""
        line = f"{subject:{width}}"
        for candidate, samples in timings.items():
            self.add(subject, candidate, samples)
            line += f" {candidate} {samples!s:32}"
        if "PyTorch" in timings:
            quotient = timings["PyTorch"].per(timings["chainrule"])
            self.add(subject, "over PyTorch", quotient, "x")
            line += f" {quotient.median:.2f} x"
        return line

    def value(self, subject, candidate, value, unit):
        """A figure without a spread of its own."""
        self.interval(subject, candidate, (value, value, value), 1, unit)

    def interval(self, subject, candidate, spread, rounds, unit="s"):
        low, middle, high = spread
        assert unit in HIGHER_IS_BETTER, unit
        self.figures[f"{self.topic}/{threads_word(self.threads)}/{subject}/{candidate}"] = {
            "unit": unit,
            "median": middle,
            "low": low,
            "high": high,
            "rounds": rounds,
        }

    def write(self, path):
        if path:
            write_json(path, {"environment": environment(), "figures": self.figures})


def threads_word(n):
    return "1 thread" if n == 1 else f"{n} threads"


def environment():
    """What a reader needs to judge a figure."""
    import chainrule

    cpu = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    versions = {name: _version(name) for name in LIBRARIES}
    return {
        "chainrule": _version("chainrule") or "not installed",  # a folder on the path
        "commit": commit.stdout.strip() or "unknown",
        "cpu": cpu,
        "isa": chainrule.config.isa(),
        "python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
    }


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def write_json(path, record):
    """Writes the record whole or not at all."""
    temporary = f"{path}.part"
    Path(temporary).write_text(json.dumps(record, indent=2) + "\n")
    os.replace(temporary, path)


def read_json(path):
    try:
        record = json.loads(Path(path).read_text())
        if not (record["figures"].keys() and record["environment"].keys()):
            raise ValueError
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SystemExit(f"{path}: expected a record that python -m bench wrote") from None
    return record
