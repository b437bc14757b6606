"""What a replay costs beside its work: a compiled function of one operation on one element, called
from Python with its guards and its output, and what each further operation adds.

python -m bench.bench_replay [--peers torch,jax]

The operation is an addition, which a pass may join with its neighbours, and a product of 1 x 1
matrices, which none does. A node costs what a chain of 1001 takes over a chain of 1, by 1000.
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_replay")

from bench import harness
from bench.record import Record, parser

LENGTH = 1001
SHAPES = {"elementwise": (1,), "product": (1, 1)}


def chain(kind, length, c):
    def elementwise(x):
        for _ in range(length):
            x = x + c
        return x

    def product(x):
        for _ in range(length):
            x = x @ c
        return x

    return elementwise if kind == "elementwise" else product


def own(kind, length):
    import chainrule as cr

    x, c = cr.ones(SHAPES[kind]), cr.full(SHAPES[kind], 1.0)
    compiled = cr.compile(chain(kind, length, c))
    return lambda: compiled(x)


def torch(kind, length):
    import torch

    x, c = torch.ones(SHAPES[kind]), torch.full(SHAPES[kind], 1.0)
    compiled = torch.compile(chain(kind, length, c))

    def call():
        with torch.no_grad():
            return compiled(x)

    return call


def jax(kind, length):
    import jax

    x, c = jax.numpy.ones(SHAPES[kind]), jax.numpy.full(SHAPES[kind], 1.0)
    compiled = jax.jit(chain(kind, length, c))
    return lambda: compiled(x).block_until_ready()


MAKERS = {"torch": ("torch.compile", torch), "jax": ("jax", jax)}


def values_agree(calls, expected):
    for name, call in calls.items():
        found = float(call().reshape(-1)[0])
        if found != expected:
            raise SystemExit(f"{name} computes another value: {found}, expected {expected}")


def measure(peers, rounds):
    """{subject: {library: Samples}}; peers at a chain of one alone, they compile for minutes."""
    result = {}
    for kind in SHAPES:
        calls = {"chainrule": own(kind, 1)}
        for name in peers:
            title, maker = MAKERS[name]
            calls[title] = maker(kind, 1)
        values_agree(calls, 2.0 if kind == "elementwise" else 1.0)
        calls["chain"] = own(kind, LENGTH)
        values_agree({"chain": calls["chain"]}, 1.0 + LENGTH * (kind == "elementwise"))
        timings = harness.interleaved(calls, rounds)
        added = zip(timings.pop("chain").values, timings["chainrule"].values, strict=True)
        nodes = harness.Samples((long - one) / (LENGTH - 1) for long, one in added)
        result[f"replay of one operation, {kind}"] = timings
        result[f"a node of a replay, {kind}"] = {"chainrule": nodes}
    return result


def main():
    options = parser(__doc__, threads=None)
    options.add_argument("--peers", default="torch,jax")
    args = options.parse_args()
    harness.pin(1)
    from bench.peers import load_all

    loaded = {peer.__name__.rsplit(".", 1)[1] for peer in load_all(args.peers, 1)}
    peers = [name for name in MAKERS if f"{name}_peer" in loaded]
    record = Record("replay", 1)
    for subject, timings in measure(peers, args.rounds).items():
        print(subject)
        for name, samples in timings.items():
            print(f"  {name:14} {samples}")
            record.add(subject, name, samples)
    record.write(args.json)


if __name__ == "__main__":
    main()
