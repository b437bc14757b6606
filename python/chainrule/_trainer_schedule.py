"""The scheduler of a Trainer, stepped after every epoch or, where its kind counts batches, after
every batch."""

from ._checks import object_hint, type_name
from .optim._rate import value_of
from .optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

_COUNTS_BATCHES = (OneCycleLR, CyclicLR)


def check_scheduler(scheduler, optimizer):
    """TypeError unless it is a scheduler, ValueError unless it is one of this optimizer."""
    if not isinstance(scheduler, LRScheduler):
        hint = object_hint(scheduler, "optimizer, ...")
        raise TypeError(
            "[Trainer] expected scheduler one of optim.lr_scheduler; "
            f"got {type_name(scheduler)}.{hint}"
        )
    if scheduler.optimizer is not optimizer:
        raise ValueError(
            "[Trainer] expected a scheduler of the optimizer; got one of another optimizer."
        )
    for part in _parts(scheduler):
        if counts_batches(part):
            raise ValueError(
                f"[Trainer] expected {type(scheduler).__name__} of schedulers that count epochs; got a "
                f"{type(part).__name__}. Give it alone, or the optimizer an optim.schedules as lr."
            )


def _parts(scheduler):
    """All that a scheduler is composed of."""
    for part in getattr(scheduler, "_schedulers", ()):
        yield part
        yield from _parts(part)


def check_measured(scheduler, validation):
    """ValueError for a scheduler that waits for a validation loss where there will be none."""
    if isinstance(scheduler, ReduceLROnPlateau) and validation is None:
        raise ValueError(
            "[Trainer.fit] expected validation data with ReduceLROnPlateau, which follows their loss; "
            "got none."
        )


def check_steps(scheduler, loader, epochs):
    """ValueError for a OneCycleLR that would come to its end before the last batch."""
    if not isinstance(scheduler, OneCycleLR):
        return
    try:
        batches = len(loader)
    except TypeError:  # nobody knows yet
        return
    steps = scheduler.last_epoch + epochs * batches
    if steps > scheduler.total_steps:
        raise ValueError(
            f"[Trainer.fit] expected a OneCycleLR of {steps} steps, one for each batch; "
            f"got one of {scheduler.total_steps}. Make it with epochs={epochs}, "
            f"steps_per_epoch={batches}."
        )


def counts_batches(scheduler):
    """Whether it is of a kind that is stepped after every batch."""
    return isinstance(scheduler, _COUNTS_BATCHES)


def step_after_batch(scheduler):
    """The rate that the batch was trained with."""
    used = value_of("Trainer", scheduler.optimizer.param_groups[0])
    # The last batch of a cycle has no next one: PyTorch's formula leads beyond the cycle's end.
    if not isinstance(scheduler, OneCycleLR) or scheduler.last_epoch + 1 < scheduler.total_steps:
        scheduler.step()
    return used


def step_scheduler(scheduler, row):
    """After an epoch, of which `row` has the figures."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(row["val_loss"])
    elif scheduler is not None and not counts_batches(scheduler):
        scheduler.step()
