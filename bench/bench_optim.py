"""A step of every optimizer that is one native update, on one parameter of a million elements and of
a hundred million: beside PyTorch's, and beside a loop that reads and writes as many arrays and
computes their mean.

python -m bench.bench_optim [--sizes 1000000,100000000]
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_optim")

import numpy as np

from bench import harness, machine
from bench.record import Record, parser

OPTIMIZERS = (
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("Adam", {}),
    ("AdamW", {}),
    ("RMSprop", {}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("NAdam", {}),
    ("RAdam", {}),
    ("QHAdam", {}),
    ("Rprop", {}),
    ("ASGD", {}),
    ("Lion", {}),
)
FUSED = ("SGD", "Adam", "AdamW", "Adagrad")  # those of PyTorch that have such a form


def made(lib, name, size, settings):
    """(step, how many arrays of this size it reads)"""
    rng = np.random.default_rng(0)
    param = lib.nn.Parameter(lib.tensor(rng.standard_normal(size, dtype=np.float32)))
    param.grad = lib.tensor(rng.standard_normal(size, dtype=np.float32))
    optimizer = getattr(lib.optim, name)([param], **settings)
    optimizer.step()
    states = [s for s in optimizer.state[param].values() if getattr(s, "shape", ()) == param.shape]
    return optimizer.step, 2 + len(states)


def candidates(libs, name, size, settings):
    import chainrule

    step, arrays = made(chainrule, name, size, settings)
    found = {"chainrule": step}
    rng = np.random.default_rng(1)
    loop = machine.stream([rng.standard_normal(size, dtype=np.float32) for _ in range(arrays)])
    if loop:
        found["memory loop"] = loop
    if "torch" in libs and hasattr(libs["torch"].optim, name):
        fused = {"fused": True} if name in FUSED else {}
        found["PyTorch"] = made(libs["torch"], name, size, {**settings, **fused})[0]
    return found


def main():
    options = parser(__doc__, rounds=7, threads=None)
    options.add_argument("--sizes", default="1000000,100000000")
    options.add_argument("--peers", default="torch")
    args = options.parse_args()
    harness.pin(1)
    from bench.peers import load

    libs = {}
    if "torch" in args.peers and load("torch_peer"):
        import torch

        torch.set_num_threads(1)
        libs["torch"] = torch
    record = Record("optim", 1)
    for size in map(int, args.sizes.split(",")):
        for name, settings in OPTIMIZERS:
            subject = " ".join([name, *(f"{k}={v}" for k, v in settings.items()), f"{size:,}"])
            functions = candidates(libs, name, size, settings)
            timings = harness.interleaved(functions, args.rounds, target=0.01)
            line = record.compare(subject, timings, 36)
            if "memory loop" in timings:
                share = timings["memory loop"].per(timings["chainrule"])
                record.add(subject, "share of the memory loop", share, "share")
                line += f" {100 * share.median:.0f} % of the loop"
            print(line, flush=True)
    record.write(args.json)


if __name__ == "__main__":
    main()
