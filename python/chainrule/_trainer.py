"""`Trainer`: fit, evaluate and predict, with early stopping and the best weights kept.

What holds whatever runs inside: after `fit`, also when Ctrl-C ended it or a loss that is not finite
made it raise, the model has the weights of `history.best_epoch`. Where that is 0, as no epoch was
finished, it has after Ctrl-C the weights of the last step, else those from before `fit`.
"""

import math
import time

import chainrule as cr

from ._batches import as_inputs, as_loader, as_rows, model_dtype, pair, sample_count, scaled
from ._callbacks import as_callback, stops
from ._fit_checks import check_data, check_fit, check_trains, no_batches
from ._history import History
from ._run_state import BestWeights, Evaluating, Sums
from ._step import NotFinite, Step, loss_of, measured, one_tensor, outputs_of
from ._trainer_checks import check_options, check_parts, named_metrics
from ._trainer_schedule import (
    check_measured,
    check_scheduler,
    check_steps,
    counts_batches,
    step_after_batch,
    step_scheduler,
)
from .optim._rate import value_of

_PROGRESS_SECONDS = 0.05


class Trainer:
    """Trains `model` to make `loss(model(inputs), targets)` small with `optimizer`.

    `loss` gives the mean over a batch. `metrics` is a sequence of names ("accuracy": integer
    targets, one output a class) or a dict from names to functions of (outputs, targets), in that
    order, which give a batch mean, under any name but "loss". Callbacks are `Callback`s, or plain
    functions taken as `on_epoch_end`. `optimizer` may be None where nothing is fitted. `history` is
    the History of the last `fit`.

    `scheduler`, one of `optim.lr_scheduler`, is stepped after every epoch; ReduceLROnPlateau follows
    the validation loss. The column `lr` of the history has the rate that each epoch was trained with.
    OneCycleLR and CyclicLR, which count batches, are stepped after every batch but the last of a
    cycle, and refused as parts of a SequentialLR or a ChainedScheduler, which are stepped after
    epochs; the column has the rate of the epoch's last batch. So can any rate be: give the optimizer
    one of `optim.schedules` as lr, which is also faster, as replays compute it. The column has the
    rate at the end of the epoch then.

    `clip_grad_norm` scales the gradients of every batch down to this norm, all together, before the
    update: `nn.utils.clip_grad_norm_(model.parameters(), clip_grad_norm)`.

    `scale` is for inputs of integers, as the bytes of images: they are converted to the dtype of the
    model and multiplied by it (1 / 255, say) while a batch is gathered, so that the data stay as
    small as they are. Floating inputs are then a DtypeError, in `fit`, `evaluate` and `predict`:
    nobody can tell whether they have been multiplied already.

    `fit` captures its step, as `chainrule.compile` does, with the bits of eager training. Batches of
    a TensorDataset, a Subset of one or a pair are then taken natively, from the gather of shuffled
    rows to the sums of loss and metrics; Python runs every 50 ms for progress. So the Python code of
    model, loss and metrics runs only for the batches that are recorded: the first ones, after a
    change of modules or optimizer, and with callbacks, which may change what it reads, the first of
    each epoch. Return metrics as tensors: `item()` or NumPy in a step ends the capture, with a
    warning that names the line. `compile=False` runs every batch eagerly. So do, without a warning,
    batches that are no tensors, optimizers whose `step` is not the library's, and runs in which
    recordings do not pay, as with callbacks and a few batches an epoch.

    A number that model, loss or metrics read from a global or a closure is what it was when the step
    was recorded: a change later on goes unnoticed, with callbacks until the next epoch. Keep it in a
    0-d tensor that is written in place (`weight.fill_(0.5)`), or pass `compile=False`. Not sure?
    Run once with CHAINRULE_AUDIT=100 in the environment: every hundredth step is recorded again, and
    what it finds changed is an error that names the line.

    Nothing is printed: there is no `verbose`. `show` in the example prints a line every five epochs;
    `on_progress` of a Callback has figures while an epoch runs.

    Example:
        >>> _ = chainrule.manual_seed(0)
        >>> x = chainrule.randn(200, 2)  # or arrays of NumPy
        >>> y = (x[:, 0] > x[:, 1]).long()
        >>> net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> optimizer = chainrule.optim.Adam(net.parameters(), lr=0.01)
        >>> def show(trainer, row):
        ...     if row["epoch"] % 5 == 0:
        ...         print(f"epoch {row['epoch']}: accuracy {row['val_accuracy']:.1f}")
        >>> trainer = chainrule.Trainer(
        ...     net, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], callbacks=[show]
        ... )
        >>> history = trainer.fit((x[:150], y[:150]), (x[150:], y[150:]), epochs=20, patience=5)
        epoch 5: accuracy 0.9
        epoch 10: accuracy 1.0
        epoch 15: accuracy 1.0
        epoch 20: accuracy 1.0
        >>> history["val_accuracy"][-1] > 0.9
        True
        >>> sorted(trainer.evaluate((x[150:], y[150:])))
        ['accuracy', 'loss']
        >>> trainer.predict(x[:5]).argmax(1).shape
        chainrule.Size([5])
    """

    def __init__(
        self,
        model,
        loss,
        optimizer,
        *,
        metrics=(),
        callbacks=(),
        scale=None,
        compile=True,
        scheduler=None,
        clip_grad_norm=None,
    ):
        check_parts(model, loss, optimizer)
        if scheduler is not None:
            check_scheduler(scheduler, optimizer)
        check_options(callbacks, scale, compile, clip_grad_norm)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.metrics = named_metrics(metrics)
        self.callbacks = [as_callback(call) for call in callbacks]
        self.scale = scale
        self.compile = compile
        self.scheduler = scheduler
        self.clip_grad_norm = clip_grad_norm
        self.history = History()

    def __repr__(self):
        loss = getattr(self.loss, "__name__", type(self.loss).__name__)
        optimizer = None if self.optimizer is None else type(self.optimizer).__name__
        return (
            f"Trainer(model={type(self.model).__name__}, loss={loss}, optimizer={optimizer}, "
            f"metrics={list(self.metrics)}, history={self.history._summary()})"
        )

    def fit(
        self,
        train,
        validation=None,
        *,
        epochs=10,
        batch_size=32,
        shuffle=True,
        generator=None,
        patience=None,
        min_delta=0.0,
    ):
        """Train for `epochs` passes over `train`; returns the History.

        `train` and `validation` are DataLoaders, Datasets or pairs (inputs, targets) of tensors,
        arrays or lists: `fit((x, y), (x_val, y_val))`. `batch_size`, `shuffle` and `generator` serve
        the latter two. Any other iterable, a list for one, gives batches (inputs, targets). Arrays and
        lists of floating numbers get the dtype of the model's parameters; integers and tensors
        keep theirs.

        With `validation`, the weights of the best epoch are put back at the end: the last that
        brought the validation loss down by more than `min_delta`. `patience` stops after that many
        epochs without such a one. Ctrl-C ends the run in the same clean way
        (`history.stopped == "interrupted"`). A loss that is not finite raises FloatingPointError.
        Only weights and buffers are put back: the optimizer keeps the moments and counts of all
        its steps, also of those that the weights have lost. To go on from there, make a new one.
        """
        if self.optimizer is None:
            raise ValueError("[Trainer.fit] expected an optimizer; got None.")
        check_trains(self.optimizer, self.model)
        check_fit(epochs, batch_size, shuffle, generator, patience, min_delta)
        self.callbacks = [as_callback(call) for call in self.callbacks]  # also those appended
        if patience is not None and validation is None:
            raise ValueError("[Trainer.fit] expected validation data with patience; got none.")
        check_measured(self.scheduler, validation)
        loader = self._loader(train, batch_size, shuffle, generator, "training data")
        held_out = validation
        if validation is not None:
            held_out = self._loader(validation, batch_size, part="validation data")
        check_data(loader, held_out, self.scale, epochs)
        check_steps(self.scheduler, loader, epochs)
        history = self.history = History()
        step = Step(self)
        best = BestWeights(self.model, history, held_out is not None, float(min_delta))
        try:
            self._call("on_fit_begin", epochs)
            history.stopped = self._epochs(step, loader, held_out, epochs, patience, best)
            best.restore()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            if history.best_epoch:
                best.restore()
        except FloatingPointError:
            best.restore()
            raise
        finally:
            self._call("on_fit_end", history)
        return history

    def evaluate(self, data, *, batch_size=1024):
        """{"loss": mean loss, metric: mean} over all samples of `data`, without training."""
        loader = self._loader(data, batch_size)
        sums = Sums(["loss", *self.metrics])
        with Evaluating(self.model):
            for batch in loader:
                inputs, targets = pair(batch)
                outputs = self._outputs(inputs)
                loss = loss_of(self.loss, outputs, targets)
                values = measured(self.metrics, outputs, targets)
                sums.add([value.item() for value in (loss, *values)], len(targets))
        if not sums.samples:
            raise ValueError("[Trainer.evaluate] expected data with at least one batch; got none.")
        return sums.means()

    def predict(self, data, *, batch_size=1024):
        """The model's outputs for a tensor, an array, a list, a Dataset or a DataLoader, as one
        tensor.

        Of batches that are tuples or lists, the first part is the input.
        """
        data = as_inputs(data, model_dtype(self.model))
        outputs = []
        with Evaluating(self.model):
            for batch in self._loader(data, batch_size, part="inputs"):
                inputs = batch[0] if isinstance(batch, list | tuple) else batch
                outputs.append(one_tensor(self._outputs(inputs)))
        if not outputs:
            raise ValueError("[Trainer.predict] expected data with at least one batch; got none.")
        return cr.cat(outputs)

    def _loader(self, data, batch_size, shuffle=False, generator=None, part="data"):
        return as_loader(data, batch_size, shuffle, generator, model_dtype(self.model), part)

    def _outputs(self, inputs):
        return outputs_of(self.model, scaled(inputs, self.scale, self.model))

    def _epochs(self, step, loader, held_out, epochs, patience, best):
        """Run the epochs; returns why they ended."""
        for epoch in range(1, epochs + 1):
            row = self._train_epoch(epoch, step, loader, best)
            if held_out is not None:
                figures = self._validate(held_out)
                if not math.isfinite(figures["loss"]):
                    raise FloatingPointError(best.not_finite(figures["loss"], epoch, None))
                row |= {f"val_{name}": value for name, value in figures.items()}
            self.history.rows.append(row)
            best.offer(epoch, row)
            step_scheduler(self.scheduler, row)
            answers = [call.on_epoch_end(self, row) for call in self.callbacks]
            if any(map(stops, answers)):
                return "callback"
            if patience is not None and epoch - self.history.best_epoch >= patience:
                return "patience"
        return "epochs"

    def _validate(self, held_out):
        try:
            return self.evaluate(held_out)
        except Exception as error:
            error.add_note("[Trainer.fit] in the validation data.")
            raise

    def _train_epoch(self, epoch, step, loader, best):
        self.model.train()
        if not all(call._only_watches for call in self.callbacks):
            step.look_again()
        total = sample_count(loader)
        rows = as_rows(loader)
        sums, begin = Sums(["loss", *self.metrics]), time.perf_counter()
        last_report, number, used = begin, 0, None
        by_batch = counts_batches(self.scheduler)
        for batch in loader if rows is None else rows:
            number += 1
            inputs, targets = pair(batch, "training data")
            try:
                sums.add(step(inputs, targets), len(targets))
            except NotFinite as error:
                raise FloatingPointError(best.not_finite(error.value, epoch, number)) from None
            if by_batch:
                used = step_after_batch(self.scheduler)
            elif rows is not None:
                left = last_report + _PROGRESS_SECONDS - time.perf_counter()
                number += step.follow(rows, sums, left)
            now = time.perf_counter()
            if now - last_report >= _PROGRESS_SECONDS:
                last_report = now
                self._report(epoch, sums, total, now - begin)
        if not sums.samples:
            raise no_batches("training data", epoch)
        seconds = time.perf_counter() - begin
        self._report(epoch, sums, total, seconds)
        lr = value_of("Trainer", self.optimizer.param_groups[0]) if used is None else used
        row = {"epoch": epoch, "lr": lr}
        row |= {f"train_{name}": value for name, value in sums.means().items()}
        return row | {"seconds": seconds, "samples_per_second": sums.samples / max(seconds, 1e-9)}

    def _report(self, epoch, sums, total, seconds):
        progress = {"epoch": epoch, "samples": sums.samples, "total": total}
        progress |= {"samples_per_second": sums.samples / max(seconds, 1e-9), **sums.means()}
        self._call("on_progress", progress)

    def _call(self, method, argument):
        for call in self.callbacks:
            getattr(call, method)(self, argument)
