"""What `import chainrule` costs over a bare interpreter, which packages it loads, and what a graph
of a million nodes costs beside one of a hundred thousand.

python -m bench.bench_import [--rounds 31]
"""

import argparse
import gc
import subprocess
import sys
import time

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_import")

from bench import harness

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    args = parser.parse_args()
    harness.pin(1)
    times = {name: [] for name in PROGRAMS}
    for _ in range(args.rounds):
        for name, program in PROGRAMS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            times[name].append(time.perf_counter() - begin)
    bare, whole = (harness.summary(times[name]) for name in PROGRAMS)
    print(f"a bare interpreter            {bare}")
    print(f"with import chainrule         {whole}")
    print(f"the import                    {(whole.median - bare.median) * 1e3:.1f} ms")
    found = subprocess.run(
        [sys.executable, "-c", OTHERS], check=True, capture_output=True, text=True
    )
    print(f"packages it loads             {found.stdout.strip() or 'none'}")

    import chainrule

    chainrule.set_num_threads(1)
    gc.disable()
    graph(chainrule, 1000)
    for length in (100_000, 1_000_000):
        build, backward, free = (1e9 * seconds for seconds in graph(chainrule, length))
        print(
            f"graph of {length:>9,} nodes: a node built in {build:.0f}, run backward in "
            f"{backward:.0f}, freed in {free:.0f} ns"
        )


if __name__ == "__main__":
    main()
