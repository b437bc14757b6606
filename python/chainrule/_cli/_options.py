"""The options of the command line: every value is checked here, with its allowed range in the
message."""

import argparse
import difflib
import math
from collections.abc import Callable

from .. import datasets
from . import _mlp, _progress, _training

_MAX_INT = 2**31 - 1
_MAX_LAYERS, _MAX_WIDTH = 64, 65_536


class OneLineParser(argparse.ArgumentParser):
    """argparse, but a fault is one line on standard error (and exit code 2), never the whole
    usage."""

    def __init__(self, *args, **kwargs):
        # Half an option is a mistake to name, and would be another option in a later release.
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message):
        for word in _unknown_options(message):
            near = difflib.get_close_matches(word, self._option_string_actions, n=1)
            if near:
                message += f" (did you mean {near[0]}?)"
        self.exit(2, f"{self.prog}: error: {message}\n")


def _unknown_options(message):
    words = message.split()
    return (
        [w.partition("=")[0] for w in words if w.startswith("--")]
        if "unrecognized" in message
        else []
    )


def integer(low, high=_MAX_INT):
    """A type for argparse: an integer in [low, high]."""

    def parse(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"expected an integer from {low} to {high}; got {text!r}"
            )
        return value

    return parse


def number(low, high, *, above=False, below=False):
    """A type for argparse: a number in [low, high], without low if `above`, without high if
    `below`."""
    bounds = f"{'>' if above else '>='} {low:g} and {'<' if below else '<='} {high:g}"

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        inside = (low < value if above else low <= value) and (
            value < high if below else value <= high
        )
        if not inside:  # NaN is never inside
            raise argparse.ArgumentTypeError(f"expected a number {bounds}; got {text!r}")
        return value

    return parse


def widths(text):
    """ "128,64" -> [128, 64]; "none" -> [], a linear model."""
    if text.strip().lower() == "none":
        return []
    try:
        values = [int(word) for word in text.split(",")]
    except ValueError:
        values = [0]
    if len(values) > _MAX_LAYERS or not all(1 <= value <= _MAX_WIDTH for value in values):
        raise argparse.ArgumentTypeError(
            f"expected up to {_MAX_LAYERS} widths from 1 to {_MAX_WIDTH} like 128,64, or none; got {text!r}"
        )
    return values


def folder(text):
    """A folder's name, which may not be empty: that would be taken for none given."""
    if not text:
        raise argparse.ArgumentTypeError(f"expected the name of a folder; got {text!r}")
    return text


def data_set(text):
    """A data set's name; an unknown one is answered with the nearest."""
    try:
        datasets.check_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("[datasets] ")) from None
    return text


def _in_words(usual, others, show: Callable[..., str] = str):
    """ "0.15; fashion-mnist 0.1"."""
    return "; ".join([show(usual), *(f"{name} {show(value)}" for name, value in others.items())])


def _show_widths(values):
    return ",".join(map(str, values)) or "none"


def add_train(parser):
    """The options of `chainrule train`."""
    names = ", ".join(datasets.names())
    parser.add_argument("dataset", metavar="DATASET", type=data_set, help=f"one of: {names}")
    _add_network(parser.add_argument_group("the network"))
    _add_training(parser.add_argument_group("training"))
    _add_files(parser.add_argument_group("files"))


def _add_network(group):
    hidden = _in_words(*_training.value_by_data_set("hidden"), _show_widths)
    group.add_argument(
        "--hidden",
        metavar="WIDTHS",
        type=widths,
        help=f"widths of the hidden layers, such as 128,64, or none (default: {hidden})",
    )
    group.add_argument(
        "--activation",
        choices=tuple(_mlp.ACTIVATIONS),
        default=_training.Options.activation,
        help="between the layers (default: %(default)s)",
    )
    group.add_argument(
        "--dropout",
        metavar="P",
        type=number(0, 1, below=True),
        help="share of activations zeroed while training, below 1 (default: by data set)",
    )


def _add_training(group):
    _, momentum = _training.setting_by_optimizer("momentum")
    group.add_argument(
        "--optimizer",
        choices=tuple(_training.OPTIMIZERS),
        default=_training.Options.optimizer,
        help=f"sgd has momentum {momentum['sgd']} (default: %(default)s)",
    )
    group.add_argument(
        "--lr",
        metavar="RATE",
        type=number(0, 100, above=True),
        help="learning rate, at most 100 "
        f"(default: {_in_words(*_training.setting_by_optimizer('lr'))})",
    )
    group.add_argument(
        "--weight-decay",
        metavar="W",
        type=number(0, 100),
        help="how strongly the weights are pulled towards 0, at most 100 (default: by data set)",
    )
    group.add_argument(
        "--epochs",
        metavar="N",
        type=integer(1, 1_000_000),
        help="passes over the training data at most (default: by data set)",
    )
    group.add_argument(
        "--batch-size",
        metavar="N",
        type=integer(1),
        help="rows in one step (default: by data set)",
    )
    group.add_argument(
        "--patience",
        metavar="N",
        type=integer(0),
        help="stop after N epochs without a smaller validation loss; 0: never stop early "
        "(default: by data set)",
    )
    validation = _in_words(*_training.value_by_data_set("validation"))
    group.add_argument(
        "--validation",
        metavar="SHARE",
        type=number(0, 0.5, above=True),
        help=f"share of the rows that choose the best epoch, at most 0.5 (default: {validation})",
    )
    group.add_argument(
        "--test",
        metavar="SHARE",
        type=number(0, 0.4, above=True),
        default=_training.Options.test,
        help="share of the rows that are measured at the end, at most 0.4 (default: %(default)s); "
        "fashion-mnist has its own test rows",
    )
    group.add_argument(
        "--seed",
        metavar="N",
        type=integer(0),
        default=_training.Options.seed,
        help="seed of the split, the weights, the order and the dropout (default: %(default)s)",
    )
    add_threads(group)


def _add_files(group):
    group.add_argument(
        "--data-dir",
        metavar="DIR",
        type=folder,
        help="folder of Fashion-MNIST's four .gz files (default: Debian's package, else the cache, "
        "into which they are downloaded)",
    )
    group.add_argument(
        "--out",
        metavar="DIR",
        type=folder,
        help="run folder; an earlier run in it is replaced (default: a new runs/DATASET-N)",
    )
    group.add_argument(
        "--no-plots", action="store_true", help="draw no pictures, which need matplotlib"
    )
    group.add_argument(
        "--progress",
        choices=_progress.MODES,
        default="auto",
        help="bar needs tqdm; auto is a bar where there is a terminal and tqdm, else plain lines "
        "(default: auto)",
    )


def add_threads(parser):
    parser.add_argument(
        "--threads",
        metavar="N",
        type=integer(1, 1024),
        help="threads that compute (default: CHAINRULE_NUM_THREADS, else OMP_NUM_THREADS, else the "
        "cores this process may use)",
    )
