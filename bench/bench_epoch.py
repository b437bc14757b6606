"""MNIST: an epoch of 784-128-10 in batches of 64 with Adam beside PyTorch, and the time until 98 %
of the test images are classified right.

python -m bench.bench_epoch --data MNIST.npz [--threads 1] [--seeds 5] [--target 0.98]

MNIST.npz holds x_train (60000, 28, 28), y_train, x_test and y_test, uint8. The images are in memory
as float32 in [0, 1], both libraries gather the same shuffled batches from them in the same loop and
start from the same weights. The time to a target is that of the epochs, without the measurement of
the accuracy between them.
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_epoch")

import time

import numpy as np

from bench import harness, machine, own
from bench.interval import mean_interval
from bench.networks import MNIST
from bench.record import Record, parser

KEYS = ("x_train", "y_train", "x_test", "y_test")


def read(path):
    """[x_train, y_train, x_test, y_test], images as rows of float32, labels as int64."""
    try:
        with np.load(path) as file:
            arrays = [file[key] for key in KEYS]
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"{path}: expected an .npz with {', '.join(KEYS)}; {error}") from None
    rows = [a.reshape(len(a), -1).astype("float32") / 255 for a in arrays[::2]]
    labels = [a.astype("int64") for a in arrays[1::2]]
    return [rows[0], labels[0], rows[1], labels[1]]


class Training:
    """A model of one library with the training data in its tensors."""

    def __init__(self, model, x, y, batch):
        self._model, self._batch, self._count = model, batch, len(x)
        self._x, self._y = model.tensor(x), model.tensor(y)

    def epoch(self, order):
        """Seconds of one epoch in this order of the samples; the last loss is read in them."""
        rows = self._model.tensor(order)
        begin = time.perf_counter()
        for first in range(0, self._count, self._batch):
            taken = rows[first : first + self._batch]
            loss = self._model.step(self._x[taken], self._y[taken])
        self.loss = loss.item()
        return time.perf_counter() - begin

    def accuracy(self, x, y):
        return float((self._model.outputs(self._model.tensor(x)).argmax(1) == y).mean())


def makers(torch):
    """{candidate: seed -> Model}"""
    made = {
        "chainrule": lambda seed: own.model(MNIST, True, seed),
        "chainrule eager": lambda seed: own.model(MNIST, False, seed),
    }
    for kind in torch.KINDS if torch else ():
        made[kind] = lambda seed, kind=kind: torch.model(MNIST, kind, seed)
    return made


def epochs(record, data, made, rounds):
    trainings = {n: Training(make(1), *data[:2], MNIST.batch) for n, make in made.items()}
    times = {name: [] for name in trainings}
    rng = np.random.default_rng(0)
    for turn in range(rounds + 1):
        order = rng.permutation(len(data[0]))
        for name, training in trainings.items():
            seconds = training.epoch(order)
            if turn:  # the first records and compiles
                times[name].append(seconds)
    accuracies = {name: training.accuracy(*data[2:]) for name, training in trainings.items()}
    timings = {name: harness.Samples(t) for name, t in times.items()}
    for name, samples in timings.items():
        record.add("epoch of MNIST", name, samples)
        ratio = samples.median / timings["chainrule"].median
        print(f"  {name:18} {samples!s:32} {ratio:5.2f} x   {100 * accuracies[name]:.2f} % right")
    if max(accuracies.values()) - min(accuracies.values()) > 0.01:
        raise SystemExit(f"the accuracies are no comparison: {accuracies}")
    eager = [timings[name] for name in ("torch", "torch fused") if name in timings]
    if eager:
        best = min(eager, key=lambda samples: samples.median)
        record.add("epoch of MNIST", "over PyTorch", best.per(timings["chainrule"]), "x")


def time_to(target, training, data, seed, limit):
    """(seconds, epochs) until the accuracy on the test images, or None for the first."""
    rng = np.random.default_rng(seed)
    total = 0.0
    for count in range(1, limit + 1):
        total += training.epoch(rng.permutation(len(data[0])))
        if training.accuracy(*data[2:]) >= target:
            return total, count
    return None, limit


def times_to(record, args, data, made):
    for name in [n for n in ("chainrule", "torch fused") if n in made]:
        made[name](0)  # what loads on the first use
    found = {name: [] for name in ("chainrule", "torch fused") if name in made}
    for seed in range(args.seeds):
        for name, results in found.items():
            training = Training(made[name](seed), *data[:2], MNIST.batch)
            results.append(time_to(args.target, training, data, seed, args.limit))
    subject = f"time to {100 * args.target:g} % on MNIST"
    for name, results in found.items():
        reached = [seconds for seconds, _ in results if seconds is not None]
        counts = [epochs for _, epochs in results]
        record.value(subject, f"seeds that reached it, {name}", len(reached), "count")
        if len(reached) < len(results):
            print(f"  {name:18} {len(reached)} of {len(results)} seeds in {args.limit} epochs")
            continue
        mean, low, high = mean_interval(reached)
        record.interval(subject, name, (low, mean, high), len(reached))
        print(
            f"  {name:18} {mean:.2f} s, 95 % interval of the mean {low:.2f} to {high:.2f}, "
            f"epochs {', '.join(map(str, counts))}"
        )


def main():
    options = parser(__doc__, rounds=5)
    options.add_argument("--data", required=True, help="mnist.npz")
    options.add_argument("--peers", default="torch", help="torch or nothing")
    options.add_argument("--seeds", type=int, default=5, help="of the time to the target; 0: none")
    options.add_argument("--target", type=float, default=0.98, help="share of right answers")
    options.add_argument("--limit", type=int, default=40, help="epochs a seed may take")
    args = options.parse_args()
    if args.seeds == 1 or args.seeds < 0:
        raise SystemExit(f"expected --seeds 0 or at least 2, for an interval; got {args.seeds}")
    harness.pin(args.threads)
    from bench.peers import load_all

    own.set_threads(args.threads)
    data = read(args.data)
    record = Record("epoch", args.threads)
    made = makers(next(iter(load_all(args.peers, args.threads)), None))
    print("an epoch of MNIST")
    epochs(record, data, made, args.rounds)
    machine.note_round_trip(record)
    if args.seeds:
        print(f"time to {100 * args.target:g} %, {args.seeds} seeds")
        times_to(record, args, data, made)
    record.write(args.json)


if __name__ == "__main__":
    main()
