"""The epoch of a tiny network, one full batch of 10,000: 4-32-16-4, tanh, squared error, Adam.

python -m bench.bench_tiny [--threads 1] [--peers torch,jax,numpy]
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_tiny")

from bench import bench_step, harness, own
from bench.networks import TINY
from bench.record import Record, parser


def main():
    options = parser(__doc__, rounds=11)
    options.add_argument("--peers", default="torch,jax,numpy")
    args = options.parse_args()
    harness.pin(args.threads)
    from bench.peers import load_all

    own.set_threads(args.threads)
    record = Record("tiny", args.threads)
    bench_step.run(record, [TINY], load_all(args.peers, args.threads), args.rounds)
    record.write(args.json)


if __name__ == "__main__":
    main()
