"""Two builds in turns: a process for each, which times what the parent asks for (bench.compare).

The parent writes the name of a candidate, the process answers with the seconds of one call.
"""

import os
import subprocess
import sys
from pathlib import Path

from bench.harness import Samples

TARGET = 0.01  # seconds of a turn


def candidates():
    """{name: function} in this process's chainrule; names are those of both builds."""
    import chainrule as cr
    from bench import bench_call, bench_replay, own
    from bench.networks import STEPS, TINY

    found = {}
    for network in (*STEPS, TINY):
        for name, step in own.steps(network).items():
            found[f"step {network.name}/{name}"] = step
    for kind in bench_replay.SHAPES:
        found[f"replay of one operation, {kind}"] = bench_replay.own(kind, 1)
        found[f"replay of 1001 operations, {kind}"] = bench_replay.own(kind, bench_replay.LENGTH)
    for grad in (False, True):
        name = f"1000 additions of one element, {'with' if grad else 'without'} gradient"
        found[name] = bench_call.one_element(cr, grad)
    return found


def serve(only):
    """The child: a line with the names, then the seconds of each that is asked for."""
    from bench.harness import calls_per_round, turn

    found = {name: run for name, run in candidates().items() if only in name}
    counts = {name: calls_per_round(run, TARGET) for name, run in found.items()}
    print("\t".join(found), flush=True)
    for line in sys.stdin:
        name = line.rstrip("\n")
        print(turn(found[name], counts[name], TARGET), flush=True)


class Site:
    """The process of one build."""

    def __init__(self, folder, threads, only):
        path = Path(folder).resolve()
        if not list(path.glob("chainrule/_core*")):
            raise SystemExit(
                f"{folder}: expected a folder that pip install --target filled; it has no "
                "chainrule/_core*"
            )
        root = str(Path(__file__).resolve().parents[1])
        counts = {f"{n}_NUM_THREADS": str(threads) for n in ("OMP", "OPENBLAS", "CHAINRULE")}
        paths = os.pathsep.join([str(path), root])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.sites", str(path), only],
            env=os.environ | counts | {"PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names = [name for name in self._answer().split("\t") if name]

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of a site ended with status {self._process.wait()}")
        return line.rstrip("\n")

    def time(self, name):
        self._process.stdin.write(name + "\n")
        self._process.stdin.flush()
        return float(self._answer())

    def end(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def measure(folders, args):
    """{name: [(low, median, high) of B / A, ...]}, one entry a pair of processes."""
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= args.threads <= len(allowed):
        raise SystemExit(f"expected --threads in [1, {len(allowed)}]; got {args.threads}")
    if args.rounds < 2 or args.processes < 1:
        raise SystemExit("expected --rounds of at least 2 and --processes of at least 1")
    os.sched_setaffinity(0, allowed[: args.threads])
    found = {}
    for _ in range(args.processes):
        pair = [Site(folder, args.threads, args.only) for folder in folders]
        try:
            for name in [name for name in pair[0].names if name in pair[1].names]:
                spread = ratios(pair, name, args.rounds)
                found.setdefault(name, []).append((spread.low, spread.median, spread.high))
        finally:
            for site in pair:
                site.end()
    if not found:
        raise SystemExit(f"expected --only as a part of a name; got {args.only!r}")
    return found


def ratios(pair, name, rounds):
    """B / A round by round; who goes first alternates."""
    values = []
    for i in range(rounds):
        order = (0, 1) if i % 2 == 0 else (1, 0)
        times = {site: pair[site].time(name) for site in order}
        values.append(times[1] / times[0])
    return Samples(values)


if __name__ == "__main__":
    import chainrule

    # The folder, and not an installed package or a checkout that the interpreter found first.
    if Path(sys.argv[1]) not in Path(chainrule.__file__).resolve().parents:
        raise SystemExit(f"imported {chainrule.__file__}, not the chainrule of {sys.argv[1]}")
    serve(sys.argv[2])
