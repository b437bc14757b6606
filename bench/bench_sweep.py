"""How a compiled step grows with depth, batch and width, and whether it grows without cliffs.

python -m bench.bench_sweep [--threads 1] [--only depth|batch|width]

Depth (2 to 64 layers, 16 and 64 wide: the data of the first stay in an L2 cache of 1 MB, those of
the second leave it at about ten layers) and batch (32 to 1024 on 64-128-128-10) are compared with
the line fixed + per one * size that fits them best: figures are the largest distances from it.
Width (8 to 512 on 64-w-w-10, in steps that are no powers of two): the figure is the largest excess
of a width over the next larger one; on more threads also the largest excess over one thread.
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_sweep")

from bench import harness, machine, own
from bench.interval import affine_fit
from bench.networks import Network
from bench.record import Record, parser, threads_word

DEPTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
BATCHES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
WIDTHS = (8, 12, 17, 23, 31, 40, 50, 61, 72, 85, 97, 110, 130, 150, 175, 200)
WIDTHS += (230, 259, 300, 340, 390, 450, 512)
FROM_THE_LINE, ABOVE = 0.10, 0.05  # what these figures should stay below


def deep(width, layers):
    return Network((width,) * (layers + 1), 64, "sgd")


def batched(batch):
    return Network((64, 128, 128, 10), batch, "adam")


def wide(width):
    return Network((64, width, width, 10), 64, "adam")


def measure(networks, threads, rounds):
    """{number of threads: [Samples, ...]} for one thread and `threads`, all in the same rounds."""
    steps, prepare = {}, {}
    for n in sorted({1, threads}):
        for network in networks:
            steps[n, network] = own.compiled_step(network)
            prepare[n, network] = lambda n=n: own.set_threads(n)
    timings = harness.interleaved(steps, rounds, 0.01, prepare)
    return {n: [timings[n, network] for network in networks] for n in sorted({1, threads})}


def verdict(value, bound):
    return f"{100 * value:.1f} % ({'within' if value <= bound else 'above'} {100 * bound:.0f} %)"


def line(record, subject, sizes, networks, rounds):
    found = measure(networks, record.threads, rounds)[record.threads]
    fixed, slope, distance = affine_fit(sizes, [samples.median for samples in found])
    found_line = f"{1e6 * fixed:.1f} us + {1e6 * slope:.2f} us each"
    print(f"{subject} on {threads_word(record.threads)}: {found_line}")
    for size, samples in zip(sizes, found, strict=True):
        away = samples.median / (fixed + slope * size) - 1
        print(f"  {size:5} {samples!s:34} {100 * away:+5.1f} % from the line")
        record.add(f"{subject} {size}", "chainrule", samples)
    print(f"  largest distance from the line {verdict(distance, FROM_THE_LINE)}")
    record.value(subject, "largest distance from the line", distance, "excess")


def width(record, rounds):
    found = measure([wide(w) for w in WIDTHS], record.threads, rounds)
    print("width")
    for i, w in enumerate(WIDTHS):
        print(f"  {w:5} " + "   ".join(f"{samples[i]!s:34}" for samples in found.values()))
        for n, samples in found.items():
            record.add(f"width {w}", f"on {threads_word(n)}", samples[i])
    own_times = found[record.threads]
    pairs = {
        f"{a} over {b}": x.per(y).median - 1
        for a, b, x, y in zip(WIDTHS, WIDTHS[1:], own_times, own_times[1:], strict=False)
    }
    excess(record, "width over the next larger one", pairs)
    if record.threads > 1:
        both = zip(WIDTHS, own_times, found[1], strict=True)
        more = {f"{w}": x.per(y).median - 1 for w, x, y in both}
        excess(record, f"{threads_word(record.threads)} over one", more)


def excess(record, subject, pairs):
    worst = max(pairs, key=pairs.get)
    print(f"  {subject}: at most {verdict(pairs[worst], ABOVE)}, at {worst}")
    record.value("width", subject, pairs[worst], "excess")


def main():
    options = parser(__doc__, rounds=11)
    options.add_argument("--only", choices=("depth", "batch", "width"))
    args = options.parse_args()
    harness.pin(args.threads)
    record = Record("sweep", args.threads)
    if args.only in (None, "depth"):
        for w in (16, 64):
            networks = [deep(w, layers) for layers in DEPTHS]
            line(record, f"depth, {w} wide,", DEPTHS, networks, args.rounds)
    if args.only in (None, "batch"):
        line(record, "batch", BATCHES, [batched(b) for b in BATCHES], args.rounds)
    if args.only in (None, "width"):
        width(record, args.rounds)
    machine.note_round_trip(record)
    record.write(args.json)


if __name__ == "__main__":
    main()
