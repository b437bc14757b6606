"""What a Trainer keeps while it runs: the weights to go back to, the sums of an epoch, the mode."""

import math

import chainrule as cr


class BestWeights:
    """The weights to go back to: of the least validation loss, or of the last finished epoch."""

    def __init__(self, model, history, by_validation, min_delta):
        self._model, self._history = model, history
        self._by_validation, self._min_delta = by_validation, min_delta
        self._least = math.inf
        self._weights = self._copy()

    def offer(self, epoch, row):
        if self._by_validation:
            if row["val_loss"] >= self._least - self._min_delta:
                return
            self._least = row["val_loss"]
        weights = self._copy()  # whole before it counts: Ctrl-C may come in between
        self._weights, self._history.best_epoch = weights, epoch

    def restore(self):
        self._model.load_state_dict(self._weights)

    def not_finite(self, value, epoch, batch):
        where = "on the validation data" if batch is None else f"in batch {batch}"
        kept = (
            f"of epoch {self._history.best_epoch}"
            if self._history.best_epoch
            else "from before epoch 1"
        )
        return (
            f"[Trainer.fit] expected a finite loss; got {value} in epoch {epoch} {where}. The weights "
            f"{kept} are kept, the optimizer's state is the latest. Try a smaller learning rate, and "
            "check the data for NaN."
        )

    def _copy(self):
        return {name: value.detach().clone() for name, value in self._model.state_dict().items()}


class Sums:
    """Running means over samples of a few named numbers, the loss first."""

    def __init__(self, names):
        self._names = names
        self.totals = [0.0] * len(names)
        self.samples = 0

    def add(self, values, samples):
        totals = [total + value * samples for total, value in zip(self.totals, values)]
        self.put(totals, samples)

    def put(self, totals, samples):
        """Sums that have been brought up to date elsewhere, with so many samples more."""
        self.totals = totals
        self.samples += samples

    def means(self):
        return {name: total / max(self.samples, 1) for name, total in zip(self._names, self.totals)}


class Evaluating:
    """Evaluation mode without gradients; the model's own mode comes back afterwards."""

    def __init__(self, model):
        self._model = model
        self._no_grad = cr.no_grad()

    def __enter__(self):
        self._was_training = self._model.training
        modules = self._model.modules() if hasattr(self._model, "modules") else ()
        self._modes = [(module, module.training) for module in modules]
        self._model.eval()
        self._no_grad.__enter__()

    def __exit__(self, *error):
        self._no_grad.__exit__(*error)
        self._model.train(self._was_training)  # which may do more than set the modes
        for module, mode in self._modes:
            if module.training is not mode:
                module.training = mode
