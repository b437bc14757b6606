"""What a Trainer checks of its parts and options."""

import math
from collections.abc import Iterable

import chainrule as cr

_OF_TWO_CLASSES = "lambda o, t: ((o > 0) == (t > 0)).double().mean()"  # o: logits


def check_parts(model, loss, optimizer):
    """TypeError unless they are what a Trainer is made of."""
    if isinstance(model, type) or not callable(model) or not hasattr(model, "parameters"):
        kind = model if isinstance(model, type) else type(model)
        raise TypeError(
            f"[Trainer] expected a model, as nn.Linear(2, 1); got {kind.__name__}. "
            "The order is Trainer(model, loss, optimizer)."
        )
    if isinstance(loss, type) or not callable(loss):
        got = f"the class {loss.__name__}" if isinstance(loss, type) else type(loss).__name__
        is_loss = isinstance(loss, type) and issubclass(loss, cr.nn.Module)
        hint = (
            f"Call it, {loss.__name__}()"
            if is_loss
            else "The order is Trainer(model, loss, optimizer)"
        )
        raise TypeError(
            f"[Trainer] expected a loss function or module, as nn.MSELoss(); got {got}. {hint}."
        )
    check_takes("loss", loss, "outputs", "targets")
    if optimizer is not None and (isinstance(optimizer, type) or not hasattr(optimizer, "step")):
        raise TypeError(
            f"[Trainer] expected an optimizer of the model's parameters; got {optimizer!r:.60}. Make "
            "one, as chainrule.optim.Adam(model.parameters())."
        )


def check_takes(what, function, *names):
    """TypeError if `function` says that it cannot be called with so many arguments."""
    if isinstance(function, cr.nn.Module):
        return  # any arguments, for its forward
    import inspect

    try:
        signature = inspect.signature(function, follow_wrapped=False)  # a decorator may add some
    except (TypeError, ValueError):  # a builtin, say: the call will tell
        return
    try:
        signature.bind(*names)
    except TypeError:
        raise TypeError(
            f"[Trainer] expected {what} to take ({', '.join(names)}); got {signature!s:.60}."
        ) from None


def check_options(callbacks, scale, compile):
    """TypeError or ValueError unless they are options of a Trainer."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(
            "[Trainer] expected callbacks a sequence of Callbacks or functions; "
            f"got {callbacks!r:.60}."
        )
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int | float)):
        raise TypeError(f"[Trainer] expected scale a number or None; got {scale!r:.60}.")
    if scale is not None and not is_finite(scale):
        raise ValueError(f"[Trainer] expected a finite scale; got {scale!r:.60}.")
    if not isinstance(compile, bool):
        raise TypeError(f"[Trainer] expected compile to be a bool; got {compile!r:.60}.")


def _accuracy(outputs, targets):
    if outputs.ndim != 2 or targets.ndim != 1 or outputs.shape[0] != targets.shape[0]:
        hint = ""
        if tuple(outputs.shape[1:]) in ((), (1,)):
            hint = (
                " For two classes in one column pass metrics={'accuracy': " + _OF_TWO_CLASSES + "}."
            )
        raise cr.ShapeError(
            "[accuracy] expected outputs (rows, classes) and targets (rows,); "
            f"got {tuple(outputs.shape)} and {tuple(targets.shape)}.{hint}"
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
        if not isinstance(name, str) or not callable(metric) or isinstance(metric, type):
            raise TypeError(
                "[Trainer] expected metrics a dict from names to functions; "
                f"got {name!r:.60}: {metric!r:.60}."
            )
        check_takes(f"metric {name!r}", metric, "outputs", "targets")
        if name == "loss":
            raise ValueError(
                "[Trainer] expected names of metrics other than 'loss', which is the loss; got "
                "'loss'."
            )


def is_finite(number):
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer above all floats
        return False
