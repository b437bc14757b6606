"""What a Trainer checks of its parts and options, and of the arguments of `fit` before it trains."""

import sys
from collections.abc import Iterable

import chainrule as cr


def check_parts(model, loss, optimizer):
    """TypeError unless they are what a Trainer is made of."""
    if isinstance(model, type) or not callable(model):
        kind = model if isinstance(model, type) else type(model)
        raise TypeError(
            f"[Trainer] expected a model, as nn.Linear(2, 1); got {kind.__name__}. "
            "The order is Trainer(model, loss, optimizer)."
        )
    if isinstance(loss, type) or not callable(loss):
        kind = loss if isinstance(loss, type) else type(loss)
        raise TypeError(
            f"[Trainer] expected a loss function or module, as nn.MSELoss(); got {kind.__name__}. "
            "The order is Trainer(model, loss, optimizer)."
        )
    if optimizer is not None and (isinstance(optimizer, type) or not hasattr(optimizer, "step")):
        raise TypeError(
            f"[Trainer] expected an optimizer of the model's parameters; got {optimizer!r}."
        )


def check_options(scale, compile):
    """TypeError or ValueError unless they are options of a Trainer."""
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int | float)):
        raise TypeError(f"[Trainer] expected scale a number or None; got {scale!r:.60}.")
    if scale is not None and not abs(scale) <= sys.float_info.max:  # nan, too
        raise ValueError(f"[Trainer] expected a finite scale; got {scale!r:.60}.")
    if not isinstance(compile, bool):
        raise TypeError(f"[Trainer] expected compile to be a bool; got {compile!r:.60}.")


def check_trains(optimizer, model):
    """An optimizer of another model would leave this one as it is, without a word."""
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if trained.isdisjoint(map(id, model.parameters())):
        raise ValueError(
            "[Trainer.fit] expected an optimizer of the model's parameters; got one of others. "
            "Make it from this model's parameters()."
        )


def _accuracy(outputs, targets):
    if outputs.ndim != 2 or targets.ndim != 1 or outputs.shape[0] != targets.shape[0]:
        raise cr.ShapeError(
            "[accuracy] expected outputs (rows, classes) and targets (rows,); "
            f"got {tuple(outputs.shape)} and {tuple(targets.shape)}."
        )
    return (outputs.argmax(1) == targets).sum().double() / max(len(targets), 1)


def named_metrics(metrics):
    """The functions of the metrics by name."""
    if isinstance(metrics, dict):
        _check_metrics(metrics)
        return dict(metrics)
    known = isinstance(metrics, Iterable)
    names = [metrics] if isinstance(metrics, str) or not known else list(metrics)
    if not known or any(name != "accuracy" for name in names):
        raise (ValueError if known else TypeError)(
            f"[Trainer] expected metrics ['accuracy'] or a dict of functions; got {names!r:.60}."
        )
    return dict.fromkeys(names, _accuracy)


def _check_metrics(metrics):
    for name, metric in metrics.items():
        if not isinstance(name, str) or not callable(metric):
            raise TypeError(
                "[Trainer] expected metrics a dict from names to functions; "
                f"got {name!r:.60}: {metric!r:.60}."
            )
        if name == "loss":
            raise ValueError(
                "[Trainer] expected names of metrics other than 'loss', which is the loss; got "
                "'loss'."
            )


def no_batches(part):
    """The error for data of `fit` without a batch."""
    return ValueError(f"[Trainer.fit] expected {part} data with at least one batch; got none.")


def check_at_least(name, value, least):
    """ValueError unless `value` is an integer >= `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"[Trainer.fit] expected {name} an integer >= {least}; got {value!r}.")
