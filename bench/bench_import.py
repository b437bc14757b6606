"""What `import chainrule` costs over a bare interpreter, which packages it loads, and what a graph
of a million nodes costs beside one of a hundred thousand.

python -m bench.bench_import
"""

import gc
import subprocess
import sys
import time

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_import")

from bench import harness
from bench.record import Record, parser

PROGRAMS = {"bare": "pass", "chainrule": "import chainrule"}
# Not of the standard library, and not what the interpreter's own start has loaded.
OTHERS = """
import sys
before = set(sys.modules)
import chainrule
names = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(names - set(sys.stdlib_module_names) - {"chainrule"}))
"""


def graph(cr, length):
    """Seconds a node to build, to run backward and to free a chain of `length` products."""
    x, c = cr.tensor([1.0], requires_grad=True), cr.tensor([1.0000001])

    def chain():
        y = x
        for _ in range(length):
            y = y * c
        return y

    marks = [time.perf_counter()]
    y = chain()
    marks.append(time.perf_counter())
    y.backward()
    marks.append(time.perf_counter())
    y = chain()
    freed = time.perf_counter()
    del y
    done = time.perf_counter()
    return (marks[1] - marks[0]) / length, (marks[2] - marks[1]) / length, (done - freed) / length


def starts(rounds):
    """{program: Samples} of whole interpreters."""
    times = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            times[name].append(time.perf_counter() - begin)
    return {name: harness.Samples(t) for name, t in times.items()}


def main():
    args = parser(__doc__, rounds=31, threads=None).parse_args()
    harness.pin(1)
    record = Record("import", 1)
    found = starts(args.rounds)
    bare, whole = found["bare"], found["chainrule"]
    both = zip(whole.values, bare.values, strict=True)
    cost = harness.Samples(a - b for a, b in both)
    print(f"a bare interpreter            {bare}")
    print(f"with import chainrule         {whole}")
    print(f"the import                    {cost}")
    record.add("import chainrule", "over a bare interpreter", cost)
    listed = subprocess.run(
        [sys.executable, "-c", OTHERS], check=True, capture_output=True, text=True
    )
    print(f"packages it loads             {listed.stdout.strip() or 'none'}")

    import chainrule

    gc.disable()
    graph(chainrule, 1000)
    for length in (100_000, 1_000_000):
        parts = dict(zip(("built", "run backward", "freed"), graph(chainrule, length), strict=True))
        words = ", ".join(f"{part} in {1e9 * s:.0f} ns" for part, s in parts.items())
        print(f"graph of {length:>9,} nodes: a node {words}")
        for part, s in parts.items():
            record.value(f"graph of {length:,} nodes, a node", part, s, "s")
    record.write(args.json)


if __name__ == "__main__":
    main()
