"""The training step of a Trainer, captured where that is possible.

A captured step is replayed natively, where the batches come from tensors in memory without Python
between them. A replay that fails, as for a loss that is not finite, has changed nothing: the same
batch is run once more, eagerly, and meets the same error where it can be told.
"""

import contextlib
import math
import typing

import chainrule as cr

from . import _core
from ._batches import scaled
from ._checks import type_name
from ._compiled_function import EAGER, CompiledFunction
from ._trainer_notes import note_inputs, note_row, note_targets
from ._warn import warn

# So many recordings, each the work of about four eager batches, must have led to so many replays.
_TRIES, _REPLAYS_EACH = 32, 8
_RUNSEAGERLY = (
    "[Trainer.fit] expected a step that can be captured; got one that cannot, and batches run "
    "eagerly, more slowly, from here on: {} Or pass compile=False to Trainer."
)


class NotFinite(FloatingPointError):
    """A loss that is not finite, found before anything is updated."""

    def __init__(self, value):
        super().__init__(value)
        self.value = value


def outputs_of(model, inputs):
    """What the model makes of a batch, scaled already."""
    try:
        outputs = model(inputs)
    except cr.DtypeError as error:
        note_inputs(error, inputs, model)
        raise
    except cr.ShapeError as error:
        note_row(error, inputs)
        raise
    if outputs is None:
        raise TypeError(
            "[Trainer] expected the model to return its outputs; got None. Is the return missing in "
            "its forward?"
        )
    return outputs


def one_tensor(outputs):
    """The outputs of `predict` for a batch."""
    if not isinstance(outputs, cr.Tensor):
        raise TypeError(
            f"[Trainer.predict] expected the model to return one tensor; got {type_name(outputs)}."
        )
    return outputs


def loss_of(loss, outputs, targets):
    """The loss of a batch, a tensor of one element."""
    try:
        value = loss(outputs, targets)
    except (cr.DtypeError, cr.ShapeError) as error:
        note_targets(error, outputs, targets)
        raise
    if isinstance(value, cr.Tensor) and value.numel() == 1:
        return value
    is_tensor = isinstance(value, cr.Tensor)
    got = f"one of shape {tuple(value.shape)}" if is_tensor else type_name(value)
    raise (cr.ShapeError if is_tensor else TypeError)(
        f"[Trainer] expected loss to return a tensor of one element; got {got}."
    )


def measured(metrics, outputs, targets):
    """The metrics of a batch, given by name, as tensors of one element."""
    with cr.no_grad():
        return [_one_number(name, of(outputs, targets)) for name, of in metrics.items()]


def _one_number(name, value):
    if isinstance(value, cr.Tensor) and value.numel() == 1:
        return value.clone()  # it may be a window on a weight, which is about to change
    shape = tuple(getattr(value, "shape", ()))
    if math.prod(shape) == 1 and not isinstance(value, str | bytes):
        with contextlib.suppress(TypeError, ValueError):  # no number: as below
            return cr.full((), float(value.item() if shape else value), dtype=cr.float64)
    got = f"one of shape {shape}" if shape else type_name(value)
    hint = " Return the mean over the batch." if shape else ""
    raise (cr.ShapeError if shape else TypeError)(
        f"[Trainer] expected metric {name!r} to return a tensor of one element or a number; "
        f"got {got}.{hint}"
    )


def train_step(inputs, targets, model, loss, optimizer, max_norm, /, **metrics):
    """One update; the loss and the metrics from before it, as tensors of one element."""
    optimizer.zero_grad()
    outputs = outputs_of(model, inputs)
    value = loss_of(loss, outputs, targets)
    results = measured(metrics, outputs, targets)
    with _core._PauseRecording():  # a replay has require_finite in its place
        number = value.item()
    if not math.isfinite(number):
        raise NotFinite(number)
    checked = _core._ops.require_finite(value.detach())
    value.backward()
    if max_norm is not None:
        cr.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    return (checked, *results)


class Step:
    """Runs `train_step` for the batches of one `fit`."""

    def __init__(self, trainer):
        self._trainer = trainer
        self._captured: typing.Any = _Captured() if trainer.compile else None
        self._latest_captured = False

    def __call__(self, inputs, targets):
        """The loss and the metrics of one batch, as numbers."""
        t = self._trainer
        inputs = scaled(inputs, t.scale, t.model)
        arguments = (inputs, targets, t.model, t.loss, t.optimizer, t.clip_grad_norm)
        return [value.item() for value in self._run(arguments, t.metrics)]

    def _run(self, arguments, metrics):
        self._latest_captured = False
        if self._captured is not None and self._captured.gives_up:
            self._captured = None  # what was recorded so far may go
        if self._captured is None or not _can_be_captured(arguments):
            return train_step(*arguments, **metrics)
        runs = self._captured.runs
        before = len(runs)
        try:
            results = self._captured(*arguments, **metrics)
            self._latest_captured = True
            return results
        except Exception:
            if len(runs) > before:
                raise
            return train_step(*arguments, **metrics)  # after a replay, which has changed nothing

    def follow(self, batches, sums, seconds):
        """Takes the batches that follow the last one and are like it, natively and for so long; how
        many there were."""
        if not self._latest_captured:
            return 0
        done, totals = _core._replay_batches(
            self._captured._fast,
            batches.tensors,
            batches.order,
            batches.position,
            batches.count,
            batches.batch_size,
            sums.totals,
            seconds,
            self._trainer.scale,
        )
        batches.position += done * batches.batch_size
        sums.put(totals, done * batches.batch_size)
        return done

    def look_again(self):
        """Callbacks may have changed what no plan knows of: a number in a global, say."""
        if self._captured is not None:
            self._captured._record_again()


class _Captured(CompiledFunction):
    """`compile(train_step, fallback=True)` that leaves it be where it does not pay."""

    def __init__(self):
        self.runs = runs = []  # of Python's

        def step(*arguments, **metrics):
            runs.append(None)
            return train_step(*arguments, **metrics)

        super().__init__(step, fallback=True)
        self.gives_up = False
        self._recorded = 0

    def _record(self, *arguments, **more):
        self._recorded += 1
        pays = self._recorded < _TRIES or self.stats["replays"] >= _REPLAYS_EACH * self._recorded
        self.gives_up = not pays
        return super()._record(*arguments, **more)

    def _warn(self, message, *of):
        if message is not EAGER or self.gives_up:
            return
        self.gives_up = True
        warn(_RUNSEAGERLY.format(*of))


def _can_be_captured(arguments):
    """Whether they are sure to be the same in a replay: tensors, and an update that is ours. An
    optimizer of the user's own may read its settings as numbers, which a program would keep."""
    inputs, targets, _, _, optimizer, *_ = arguments
    tensors = all(isinstance(t, cr.Tensor) and not t.requires_grad for t in (inputs, targets))
    package = __name__.partition(".")[0]
    return tensors and str(getattr(optimizer.step, "__module__", "")).startswith(f"{package}.")
