"""What one call costs: a + b on one element, and a node of a long chain, against PyTorch.

python -m bench.bench_call
"""

import itertools
import time

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_call")

from bench import harness
from bench.record import Record, parser

REPEATS = 1000  # in one timed call: what a lambda costs is as much as a third of an addition


def one_element(lib, grad):
    a = lib.tensor([1.5], requires_grad=grad)
    b = lib.tensor([2.5])

    def add():
        for _ in itertools.repeat(None, REPEATS):
            a + b

    return add


def chain(lib, length=100_000):
    """Seconds a node, (forward, backward), of x = x * c repeated."""
    x = lib.tensor([1.0], requires_grad=True)
    c = lib.tensor([1.0000001])
    y = x
    begin = time.perf_counter()
    for _ in range(length):
        y = y * c
    middle = time.perf_counter()
    y.backward()
    end = time.perf_counter()
    return (middle - begin) / length, (end - middle) / length


def measure(libs, rounds):
    """{subject: {library: Samples}}"""
    result = {}
    for grad in (False, True):
        name = f"a + b, one element, {'with' if grad else 'without'} gradient"
        timings = harness.interleaved({n: one_element(m, grad) for n, m in libs.items()}, rounds)
        result[name] = {library: samples.over(REPEATS) for library, samples in timings.items()}
    times = {name: ([], []) for name in libs}
    for _ in range(rounds):
        for name, lib in libs.items():
            for slot, seconds in zip(times[name], chain(lib), strict=True):
                slot.append(seconds)
    for i, part in enumerate(("forward", "backward")):
        result[f"chain of 100,000 multiplications, {part} a node"] = {
            name: harness.Samples(t[i]) for name, t in times.items()
        }
    return result


def main():
    args = parser(__doc__, rounds=9, threads=None).parse_args()
    harness.pin(1)
    import chainrule

    libs = {"chainrule": chainrule}
    from bench.peers import load

    if load("torch_peer"):
        import torch

        torch.set_num_threads(1)
        libs["PyTorch"] = torch
    record = Record("call", 1)
    for subject, timings in measure(libs, args.rounds).items():
        print(subject)
        for library, samples in timings.items():
            record.add(subject, library, samples)
            ratio = samples.median / timings["chainrule"].median
            print(f"  {library:12} {samples}   {ratio:.1f} x chainrule")
        if "PyTorch" in timings:
            quotient = timings["PyTorch"].per(timings["chainrule"])
            record.add(subject, "over PyTorch", quotient, "x")
    record.write(args.json)


if __name__ == "__main__":
    main()
