"""What `Trainer.fit` checks of its arguments and data before it trains."""

import numbers
from collections.abc import Iterator

import chainrule as cr

from ._batches import check_scaled, pair, row_tensors, sample_count
from ._checks import require_bool, type_name
from ._trainer_checks import is_finite

_MOST_ROWS = 2**63 - 1  # what an int64 of native code holds


def check_trains(optimizer, model):
    """An error where no step would change the model: an optimizer of another one would leave it as it
    is without a word."""
    if not cr.is_grad_enabled():
        raise cr.StateError(
            "[Trainer.fit] expected gradients; got a call inside no_grad or inference_mode."
        )
    trained = {id(p): p for group in optimizer.param_groups for p in group["params"]}
    if trained.keys().isdisjoint(map(id, model.parameters())):
        raise ValueError(
            "[Trainer.fit] expected an optimizer of the model's parameters; got one of others. "
            "Make it from this model's parameters()."
        )
    if not any(p.requires_grad for p in trained.values()):
        raise ValueError(
            "[Trainer.fit] expected a parameter that requires a gradient; got frozen ones alone. "
            "Call model.requires_grad_()."
        )


def check_fit(epochs, batch_size, shuffle, generator, patience, min_delta):
    """TypeError or ValueError unless they are arguments of `fit`."""
    _check_integer("epochs", epochs, 0)
    _check_integer("batch_size", batch_size, 1, _MOST_ROWS)
    require_bool("Trainer.fit", "shuffle", shuffle)
    if generator is not None and not isinstance(generator, cr.Generator):
        raise TypeError(
            f"[Trainer.fit] expected generator a Generator or None; got {generator!r:.60}."
        )
    if patience is not None:
        _check_integer("patience", patience, 1)
    if isinstance(min_delta, bool) or not isinstance(min_delta, numbers.Real):
        raise TypeError(f"[Trainer.fit] expected min_delta a number; got {min_delta!r:.60}.")
    if not is_finite(min_delta):
        raise ValueError(f"[Trainer.fit] expected a finite min_delta; got {min_delta!r:.60}.")


def _check_integer(name, value, least, most=None):
    known = isinstance(value, int) and not isinstance(value, bool)
    if not known or value < least or (most is not None and value > most):
        limits = f">= {least}" if most is None else f"in [{least}, {most}]"
        raise ValueError(f"[Trainer.fit] expected {name} an integer {limits}; got {value!r:.60}.")


def check_data(loader, held_out, scale, epochs):
    """ValueError unless there are batches of (inputs, targets) in every epoch, as far as that is
    known beforehand, and of the same features in both."""
    for part, batches in (("training data", loader), ("validation data", held_out)):
        if batches is None:
            continue
        in_memory = isinstance(batches, list | tuple)
        if sample_count(batches) == 0 or (in_memory and not batches):
            raise no_batches(part)
        if epochs > 1 and _runs_once(batches):
            raise ValueError(
                f"[Trainer.fit] expected {part} that can be read in {epochs} epochs; got a "
                f"{type_name(batches)}, which is read once. Pass a list of its batches, or a "
                "DataLoader."
            )
        for batch in _known_batches(batches):
            inputs, targets = pair(batch, part)
            check_scaled(inputs, scale, part)
            if scale is not None and _is_same_memory(inputs, targets):
                raise ValueError(
                    f"[Trainer.fit] expected targets of their own in the {part}, as scale={scale} "
                    "multiplies inputs alone; got the inputs. Pass (x, x.float() * scale)."
                )
    here, there = _features(loader, scale), _features(held_out, scale)
    if None not in (here, there) and here != there:
        raise cr.ShapeError(
            f"[Trainer.fit] expected validation inputs of {here} features, as those of training; "
            f"got {there}."
        )


def _is_same_memory(inputs, targets):
    """Whether the targets are the inputs, as those of an autoencoder."""
    both = isinstance(inputs, cr.Tensor) and isinstance(targets, cr.Tensor)
    return both and inputs.data_ptr() == targets.data_ptr() and inputs.shape == targets.shape


def _known_batches(batches):
    """Those that are there before the first epoch, or what stands for them."""
    if isinstance(batches, list | tuple):
        of_arrays = hasattr(batches[0], "__array__")  # (x,) or (x, y, z): meant as a pair
        return [batches] if of_arrays else batches
    rows = row_tensors(batches)
    return [] if rows is None else [rows]


def _runs_once(batches):
    """Whether it is a generator, a zip or their like. Of an iterator written in Python nobody knows:
    its `__iter__` may begin anew."""
    return isinstance(batches, Iterator) and not hasattr(type(batches).__iter__, "__code__")


def _features(batches, scale):
    """How many numbers the inputs have a row; None where that may change from batch to batch, as with
    images, series of class numbers and what code of the user's makes."""
    rows = row_tensors(batches)
    if rows is None or rows[0].ndim > 2 or (scale is None and not rows[0].is_floating_point()):
        return None
    return rows[0].shape[1] if rows[0].ndim == 2 else 1


def no_batches(part, epoch=1):
    """The error for data of `fit` without a batch."""
    when = "" if epoch == 1 else f" in epoch {epoch}"
    return ValueError(f"[Trainer.fit] expected {part} with at least one batch; got none{when}.")
