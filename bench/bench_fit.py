"""scikit-learn's MLPClassifier on its digits beside the same training here: 64-100-10, ReLU, Adam,
batches of 200, no penalty, equally many epochs, and accuracies on 500 held out that must agree.

python -m bench.bench_fit [--threads 1] [--epochs 60] [--rounds 5]
"""

if not __package__:
    raise SystemExit("bench is a package: python -m bench.bench_fit")

import statistics
import time
import warnings

import numpy as np

from bench import harness, own
from bench.networks import Network
from bench.record import Record, parser

NETWORK = Network((64, 100, 10), 200, "adam")
HELD_OUT = 500


def split(seed):
    """x, y, held-out x, held-out y: float32 in [0, 1] and int64."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = (x[order] / 16).astype("float32"), y[order].astype("int64")
    return x[HELD_OUT:], y[HELD_OUT:], x[:HELD_OUT], y[:HELD_OUT]


def sklearn_fit(x, y, epochs, seed):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        hidden_layer_sizes=NETWORK.sizes[1:-1],
        batch_size=NETWORK.batch,
        alpha=0.0,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs + 1,  # it stops at max_iter alone
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could train on
        model.fit(x, y)
    return model.predict


def compiled_fit(x, y, epochs, seed):
    import chainrule as cr

    model = own.model(NETWORK, True, seed)
    x, y = cr.from_numpy(x), cr.from_numpy(y)
    cr.manual_seed(seed)
    for _ in range(epochs):
        order = cr.randperm(len(x))
        for first in range(0, len(x), NETWORK.batch):
            rows = order[first : first + NETWORK.batch]
            model.step(x[rows], y[rows])
    return lambda held_out: model.outputs(model.tensor(held_out)).argmax(1)


def trainer_fit(x, y, epochs, seed):
    import chainrule as cr

    cr.manual_seed(seed)
    net = own.make_net(NETWORK, seed)
    optimizer = own.make_optimizer(NETWORK, net)
    trainer = cr.Trainer(net, cr.nn.CrossEntropyLoss(), optimizer)
    trainer.fit((x, y), epochs=epochs, batch_size=NETWORK.batch)
    return lambda held_out: trainer.predict(held_out).argmax(1).numpy()


FITS = {"chainrule": compiled_fit, "chainrule Trainer": trainer_fit, "scikit-learn": sklearn_fit}


def measure(rounds, epochs):
    """{candidate: (Samples, mean accuracy)}; a seed a round, after one that is not counted."""
    times = {name: [] for name in FITS}
    right = {name: [] for name in FITS}
    for seed in range(-1, rounds):
        data = split(max(seed, 0))
        for name, fit in FITS.items():
            begin = time.perf_counter()
            predict = fit(*data[:2], epochs, max(seed, 0))
            took = time.perf_counter() - begin
            if seed >= 0:
                times[name].append(took)
                right[name].append(float((predict(data[2]) == data[3]).mean()))
    return {n: (harness.Samples(times[n]), statistics.mean(right[n])) for n in FITS}


def main():
    options = parser(__doc__, rounds=5)
    options.add_argument("--epochs", type=int, default=60)
    args = options.parse_args()
    harness.pin(args.threads)
    from bench.peers import load

    own.set_threads(args.threads)
    if not load("sklearn_peer"):
        return
    record = Record("fit", args.threads)
    subject = f"fit of the digits, {args.epochs} epochs"
    found = measure(args.rounds, args.epochs)
    print(subject)
    for name, (samples, accuracy) in found.items():
        print(f"  {name:18} {samples!s:32} {100 * accuracy:.2f} % right")
        record.add(subject, name, samples)
        record.value(subject, f"accuracy, {name}", accuracy, "accuracy")
    accuracies = [accuracy for _, accuracy in found.values()]
    if max(accuracies) - min(accuracies) > 0.01:
        raise SystemExit("the accuracies are more than 1 % apart: no comparison")
    quotient = found["scikit-learn"][0].per(found["chainrule"][0])
    print(f"  {quotient.median:.1f} x ({quotient.low:.1f} to {quotient.high:.1f})")
    record.add(subject, "over scikit-learn", quotient, "x")
    record.write(args.json)


if __name__ == "__main__":
    main()
