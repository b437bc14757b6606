"""The matrix products of a layer as shares of the multiply-add peak measured beside them, in NumPy
and PyTorch too, and on more threads than one how many times faster than on one.

python -m bench.bench_product [--threads 1] [--peers torch,numpy] [64x128x784 ...]

MxNxK is batch M, N outputs, K inputs; forward is X W^T, dW is dY^T X, dX is dY W. The call from
Python and the memory of the result are in the time; `bench_product` of bench/cpp leaves them out.
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_product")

import re

import numpy as np

from bench import harness, machine, own
from bench.record import Record, parser

SIZES = ("64x128x784", "512x512x512", "2048x2048x2048")


def operands(m, n, k):
    rng = np.random.default_rng(0)
    return (rng.uniform(-0.5, 0.5, s).astype("float32") for s in ((m, k), (n, k), (m, n)))


def products(x, w, dy):
    """{layout: function} for the tensors or arrays of any library."""
    return {"forward": lambda: x @ w.T, "dW": lambda: dy.T @ x, "dX": lambda: dy @ w}


def libraries(peers):
    """{name: from an array of NumPy}"""
    import chainrule

    found = {"chainrule": chainrule.from_numpy}
    if "torch" in peers:
        import torch

        found["torch"] = torch.from_numpy
    if "numpy" in peers:
        found["numpy"] = np.asarray
    return found


def check(calls):
    reference = np.asarray(calls["chainrule"]())
    for name, call in calls.items():
        if not np.allclose(np.asarray(call()), reference, rtol=1e-3, atol=1e-3):
            raise SystemExit(f"{name} computes another product")


def measure(record, size, peers, rounds):
    m, n, k = map(int, size.split("x"))
    arrays = list(operands(m, n, k))
    made = {name: products(*map(of, arrays)) for name, of in libraries(peers).items()}
    peak, threads = machine.Peak(record.threads), record.threads
    for layout in made["chainrule"]:
        calls = {name: found[layout] for name, found in made.items()}
        check(calls)
        prepare = {}
        if threads > 1:
            calls["on 1 thread"] = calls["chainrule"]
            prepare = {name: lambda: own.set_threads(threads) for name in calls}
            prepare["on 1 thread"] = lambda: own.set_threads(1)
        timings = harness.interleaved(calls | peak.candidate(), rounds, 0.02, prepare)
        show(record, f"{size} {layout}", calls, timings, peak, 2.0 * m * n * k)


def show(record, subject, calls, timings, peak, flops):
    print(subject)
    for name in calls:
        record.add(subject, name, timings[name])
        share = peak.share(timings, name, flops)
        rate = f"{flops / timings[name].median / 1e9:7.1f} GF/s"
        words = f"{100 * share.median:6.1f} % of the peak" if share else ""
        print(f"  {name:12} {timings[name]!s:36} {rate}{words}")
        if share:
            record.add(subject, f"share of the peak, {name}", share, "share")
    if "on 1 thread" in calls:
        gain = timings["on 1 thread"].per(timings["chainrule"])
        record.add(subject, "over 1 thread", gain, "x")
        print(f"  over 1 thread {gain.median:.2f} ({gain.low:.2f} to {gain.high:.2f})")


def main():
    options = parser(__doc__, rounds=11)
    options.add_argument("--peers", default="torch,numpy")
    options.add_argument("sizes", nargs="*", default=SIZES)
    args = options.parse_args()
    for size in args.sizes:
        if not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[1-9]\d*", size):
            raise SystemExit(f"expected sizes as 64x128x784; got {size!r}")
    harness.pin(args.threads)
    from bench.peers import load_all

    loaded = {
        p.__name__.rsplit(".", 1)[1].removesuffix("_peer")
        for p in load_all(args.peers, args.threads)
    }
    own.set_threads(args.threads)
    record = Record("product", args.threads)
    for size in args.sizes:
        measure(record, size, loaded, args.rounds)
    machine.note_round_trip(record)
    record.write(args.json)


if __name__ == "__main__":
    main()
