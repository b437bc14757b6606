"""What a Trainer calls while it runs."""

from ._checks import object_hint
from ._trainer_checks import check_takes


class Callback:
    """Base of what a Trainer calls while it runs; override what you need.

    Returning True from `on_epoch_end` stops the run. Its `row`, the newest of the History,
    has the History's columns as its keys. `on_progress` comes at the end of every
    epoch and in between at most every 50 ms, not once a batch: `progress` has the keys epoch,
    samples, total (None if unknown), samples_per_second, loss and the metrics so far.
    """

    _only_watches = False  # whether it leaves alone what a captured step may have read

    def on_fit_begin(self, trainer, epochs):
        """Called before the first of `epochs` epochs."""

    def on_progress(self, trainer, progress):
        """Called while an epoch runs, with the means so far."""

    def on_epoch_end(self, trainer, row):
        """Called after an epoch and its validation; True stops the run."""

    def on_fit_end(self, trainer, history):
        """Called when the run is over, however it ended."""


# Of what a Callback has; the first is the trainer.
_SECOND_ARGUMENTS = {
    "on_fit_begin": "epochs",
    "on_progress": "progress",
    "on_epoch_end": "row",
    "on_fit_end": "history",
}


class _Function(Callback):
    def __init__(self, function):
        self.on_epoch_end = function


def stops(answer):
    """Whether it is True, also one of NumPy's or of a tensor; what else a function returns is its
    own affair."""
    return answer is True or (getattr(answer, "ndim", None) == 0 and answer.item() is True)


def as_callback(call):
    """The Callback that `call` is, or a function as one."""
    if isinstance(call, Callback):
        for method, second in _SECOND_ARGUMENTS.items():
            what = f"{type(call).__name__}.{method}"
            check_takes(what, getattr(call, method), "trainer", second)
        return call
    if callable(call) and not isinstance(call, type):
        name = getattr(call, "__name__", type(call).__name__)
        check_takes(f"the callback {name}", call, "trainer", "row")
        return _Function(call)
    raise TypeError(
        f"[Trainer] expected callbacks to be Callbacks or functions; got {call!r:.60}."
        f"{object_hint(call)}"
    )
