"""Every kernel of activations, losses, normalisations and row-wise operations on a million
elements, forward and forward with backward, against PyTorch.

python -m bench.bench_op [--only NAME]
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_op")

from bench import harness
from bench.operations import operations
from bench.record import Record, parser


def calls(lib, operation, seed=0):
    """(forward, forward and backward) of one operation in one library."""
    inputs, run = operation.prepare(lib, seed)
    leaves = [x for x in inputs if x.requires_grad]
    with lib.no_grad():
        result = run(*inputs)
    seed_gradient = lib.ones(result.shape)

    def forward():
        with lib.no_grad():
            run(*inputs)

    def both():
        for x in leaves:
            x.grad = None
        run(*inputs).backward(seed_gradient)

    return forward, both if leaves else None


def measure(libs, operation, rounds):
    """{part: {library: Samples}}"""
    made = {name: calls(lib, operation) for name, lib in libs.items()}
    found = {}
    for i, part in enumerate(("forward", "with backward")):
        functions = {name: pair[i] for name, pair in made.items() if pair[i]}
        if functions:
            found[part] = harness.interleaved(functions, rounds, target=0.01)
    return found


def main():
    options = parser(__doc__, rounds=7)
    options.add_argument("--peers", default="torch")
    options.add_argument("--only", default="", help="a part of the names to measure")
    args = options.parse_args()
    harness.pin(args.threads)
    import chainrule

    libs = {"chainrule": chainrule}
    from bench.peers import load

    if "torch" in args.peers and load("torch_peer"):
        import torch

        torch.set_num_threads(args.threads)
        libs["PyTorch"] = torch
    record = Record("op", args.threads)
    for operation in operations():
        if args.only not in operation.name:
            continue
        for part, timings in measure(libs, operation, args.rounds).items():
            print(record.compare(f"{operation.name}, {part}", timings), flush=True)
    record.write(args.json)


if __name__ == "__main__":
    main()
