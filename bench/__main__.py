"""All Python benchmarks, one after the other, or one of them by name.

python -m bench [options]          all: prints, and writes results.json, table.md and picture.png
python -m bench TOPIC [options]    one of call, replay, step, tiny, epoch, product, op, optim, fit,
                                   sweep, crowd and import; --help lists its options
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TOPICS = (
    "call",
    "replay",
    "step",
    "tiny",
    "epoch",
    "product",
    "op",
    "optim",
    "fit",
    "sweep",
    "crowd",
    "import",
)
BY_THREADS = ("step", "tiny", "epoch", "product", "op", "fit", "sweep")  # the others fix theirs
PEERS = {  # whom a topic can compare with
    "replay": ("torch", "jax"),
    "step": ("torch", "jax", "numpy", "sklearn"),
    "tiny": ("torch", "jax", "numpy"),
    "epoch": ("torch",),
    "product": ("torch", "numpy"),
    "op": ("torch",),
    "optim": ("torch",),
    "crowd": ("torch",),
}


def command(topic, *options):
    # A process of its own: it starts itself again with the thread counts of its options.
    return [sys.executable, "-m", f"bench.bench_{topic}", *options]


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", default="bench_results", help="folder, made if need be")
    parser.add_argument("--data", help="mnist.npz, for the epochs of MNIST; skipped without")
    parser.add_argument("--threads", default="1,2", help="thread counts, with commas")
    parser.add_argument("--rounds", type=int, help="of every benchmark, in place of its own number")
    parser.add_argument("--peers", default="torch,jax,numpy", help="which, with commas")
    parser.add_argument("--seeds", type=int, default=5, help="of the time to 98 %% on MNIST")
    parser.add_argument("--topics", default=",".join(TOPICS), help="which, with commas")
    parser.add_argument("--no-picture", action="store_true", help="no matplotlib is needed then")
    args = parser.parse_args(arguments)
    args.topics = args.topics.split(",")
    unknown = [topic for topic in args.topics if topic not in TOPICS]
    if unknown:
        raise SystemExit(f"expected --topics of {', '.join(TOPICS)}; got {unknown[0]!r}")
    args.peers = [name for name in args.peers.split(",") if name]
    known = {name for names in PEERS.values() for name in names}
    for name in set(args.peers) - known:
        raise SystemExit(f"expected --peers of {', '.join(sorted(known))}; got {name!r}")
    processors = len(os.sched_getaffinity(0))
    try:
        args.threads = sorted({int(word) for word in args.threads.split(",")})
    except ValueError:
        raise SystemExit(f"expected --threads as 1,2; got {args.threads!r}") from None
    for n in [n for n in args.threads if n > processors]:
        print(f"skipped {n} threads: this process has {processors} processor(s)")
    args.threads = [n for n in args.threads if n <= processors]
    return args


def runs(args):
    """[(topic, its options), ...]"""
    rounds = ["--rounds", str(args.rounds)] if args.rounds else []
    found = []
    for topic in args.topics:
        options = list(rounds)
        if topic in PEERS:
            options += ["--peers", ",".join(p for p in PEERS[topic] if p in args.peers)]
        if topic == "epoch":
            if not args.data:
                print("skipped epoch: --data mnist.npz was not given")
                continue
            options += ["--data", args.data]
        for n in args.threads if topic in BY_THREADS else [None]:
            more = ["--threads", str(n)] if n else []
            if topic == "epoch":
                more += ["--seeds", str(args.seeds)]
            found.append((topic, options + more))
    return found


def run_all(args):
    """(the merged record, what failed)"""
    from bench.record import read_json

    whole, failed = {"environment": {}, "figures": {}}, []
    with tempfile.TemporaryDirectory() as folder:
        for topic, options in runs(args):
            print(f"\n== {' '.join([topic, *options])}", flush=True)
            path = Path(folder) / "part.json"
            path.unlink(missing_ok=True)
            done = subprocess.run([*command(topic, *options), "--json", str(path)], check=False)
            if done.returncode:
                failed.append(" ".join([topic, *options]))
            elif path.exists():
                part = read_json(path)
                whole["environment"] = part["environment"]
                whole["figures"].update(part["figures"])
    return whole, failed


def main(arguments):
    if arguments and not arguments[0].startswith("-"):
        if arguments[0] not in TOPICS:
            raise SystemExit(f"expected one of {', '.join(TOPICS)}; got {arguments[0]!r}")
        return subprocess.run(command(*arguments), check=False).returncode
    args = parse(arguments)
    from bench import picture
    from bench.record import write_json
    from bench.table import markdown

    if not args.no_picture:
        picture.require()  # now, not after minutes
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    record, failed = run_all(args)
    if record["figures"]:
        write_json(out / "results.json", record)
        table = markdown(record)
        (out / "table.md").write_text(table)
        print(f"\n{table}\nwritten: {out / 'results.json'}, {out / 'table.md'}")
        if not args.no_picture:
            picture.draw(record, out / "picture.png")
            print(f"and {out / 'picture.png'}")
    for name in failed:
        print(f"failed: {name}")
    return 1 if failed or not record["figures"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
