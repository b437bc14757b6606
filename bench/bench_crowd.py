"""A step beside a neighbour process that burns a processor: mean and 99th percentile over those of
the same step on one thread without the neighbour.

python -m bench.bench_crowd [--threads 2] [--peers torch] [--steps 300]

The process has as many processors as threads; the neighbour sits on the last of them, runs while
its turn is measured and is stopped otherwise.
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_crowd")

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time

from bench import harness, machine, own
from bench.networks import STEPS, check
from bench.record import Record, parser, threads_word

NETWORKS = STEPS[2:5]
FEWEST, LONGEST = 5, 0.3  # steps and seconds: a turn of steps that collapse ends early
BURN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
print(flush=True)
while True:
    pass
"""


class Neighbour:
    """A stopped process; inside `with neighbour.awake():` it burns its processor."""

    def __init__(self):
        last = max(os.sched_getaffinity(0))
        command = [sys.executable, "-c", BURN, str(last)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._process.stdout.readline()  # it is there
        self._process.send_signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def awake(self):
        self._process.send_signal(signal.SIGCONT)
        try:
            time.sleep(0.01)  # the scheduler has seen it
            yield
        finally:
            self._process.send_signal(signal.SIGSTOP)

    def end(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def turn(step, steps):
    """(mean, 99th percentile) of the seconds of single steps, after one that is not counted."""
    step()
    times = []
    end = time.perf_counter() + LONGEST
    while len(times) < steps and (len(times) < FEWEST or time.perf_counter() < end):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return statistics.mean(times), statistics.quantiles(times, n=100, method="inclusive")[98]


def candidates(network, peers, threads):
    """{name: (step, threads, whether the neighbour is awake)}"""
    step = own.compiled_step(network)
    steps = {"chainrule": step}
    for peer in peers:
        steps.update(peer.steps(network))
    check(steps)
    one, all_ = threads_word(1), threads_word(threads)
    found = {f"chainrule, {one}, alone": (step, 1, False)}
    if threads > 1:
        found[f"chainrule, {all_}, alone"] = (step, threads, False)
    found[f"chainrule, {one}, neighbour"] = (step, 1, True)
    for name, peer_step in steps.items():
        if threads > 1 or name != "chainrule":
            found[f"{name}, {all_}, neighbour"] = (peer_step, threads, True)
    return found


def measure(found, steps, rounds):
    """{name: (Samples of means, Samples of 99th percentiles)}"""
    neighbour = Neighbour()
    results = {name: ([], []) for name in found}
    try:
        for _ in range(rounds):
            for name, (step, threads, crowded) in found.items():
                own.set_threads(threads)
                with neighbour.awake() if crowded else contextlib.nullcontext():
                    for slot, value in zip(results[name], turn(step, steps), strict=True):
                        slot.append(value)
    finally:
        neighbour.end()
    return {n: tuple(map(harness.Samples, pair)) for n, pair in results.items()}


def show(record, network, results):
    alone = results[f"chainrule, {threads_word(1)}, alone"]
    print(network.name)
    for name, (mean, p99) in results.items():
        print(
            f"  {name:34} mean {mean!s:34} {mean.median / alone[0].median:6.2f} x   "
            f"p99 {p99!s:34} {p99.median / alone[1].median:6.2f} x"
        )
        record.add(network.name, f"{name}, mean", mean)
        record.add(network.name, f"{name}, p99", p99)


def main():
    options = parser(__doc__, rounds=9, threads=min(2, len(os.sched_getaffinity(0))))
    options.add_argument("--peers", default="torch")
    options.add_argument("--steps", type=int, default=300, help="of a turn")
    args = options.parse_args()
    harness.pin(args.threads)
    from bench.peers import load_all

    record = Record("crowd", args.threads)
    peers = load_all(args.peers, args.threads)
    for network in NETWORKS:
        show(
            record,
            network,
            measure(candidates(network, peers, args.threads), args.steps, args.rounds),
        )
    machine.note_round_trip(record)
    record.write(args.json)


if __name__ == "__main__":
    main()
