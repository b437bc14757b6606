"""What a Trainer checks of its parts and options."""

import math
from collections.abc import Iterable

import chainrule as cr

from ._checks import object_hint, require_bool, type_name

_OF_TWO_CLASSES = "lambda o, t: ((o > 0) == (t > 0)).double().mean()"  # o: logits


def check_parts(model, loss, optimizer):
    """TypeError unless they are what a Trainer is made of."""
    if isinstance(model, type) or not callable(model) or not hasattr(model, "parameters"):
        hint = object_hint(model, "...") or " The order is Trainer(model, loss, optimizer)."
        raise TypeError(
            f"[Trainer] expected a model, as nn.Linear(2, 1); got {type_name(model)}.{hint}"
        )
    if isinstance(loss, type) or not callable(loss):
        is_loss = isinstance(loss, type) and issubclass(loss, cr.nn.Module)
        order = " The order is Trainer(model, loss, optimizer)."
        raise TypeError(
            "[Trainer] expected a loss function or module, as nn.MSELoss(); "
            f"got {type_name(loss)}.{object_hint(loss) if is_loss else order}"
        )
    check_takes("loss", loss, "outputs", "targets")
    if optimizer is not None and (isinstance(optimizer, type) or not hasattr(optimizer, "step")):
        name = getattr(optimizer, "__name__", "")
        kind = name if name in dir(cr.optim) else "Adam"
        got = type_name(optimizer) if isinstance(optimizer, type) else f"{optimizer!r:.60}"
        raise TypeError(
            "[Trainer] expected an optimizer of the model's parameters; "
            f"got {got}. Make one: chainrule.optim.{kind}(model.parameters())."
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


def check_options(callbacks, scale, compile, clip_grad_norm):
    """TypeError or ValueError unless they are options of a Trainer."""
    if not isinstance(callbacks, Iterable):
        raise TypeError(
            "[Trainer] expected callbacks a sequence of Callbacks or functions; "
            f"got {callbacks!r:.60}."
        )
    for name, value in (("scale", scale), ("clip_grad_norm", clip_grad_norm)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise TypeError(f"[Trainer] expected {name} a number or None; got {value!r:.60}.")
        if value is not None and not is_finite(value):
            raise ValueError(f"[Trainer] expected a finite {name}; got {value!r:.60}.")
    if clip_grad_norm is not None and not clip_grad_norm > 0:
        raise ValueError(f"[Trainer] expected clip_grad_norm > 0; got {clip_grad_norm}.")
    require_bool("Trainer", "compile", compile)


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
                f"got {name!r:.60}: {metric!r:.60}.{object_hint(metric)}"
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
