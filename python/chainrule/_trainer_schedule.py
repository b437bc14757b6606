"""The scheduler of a Trainer, stepped after every epoch."""

from .optim.lr_scheduler import LRScheduler, ReduceLROnPlateau


def check_scheduler(scheduler, optimizer):
    """TypeError unless it is a scheduler, ValueError unless it is one of this optimizer."""
    if not isinstance(scheduler, LRScheduler):
        kind = scheduler.__name__ if isinstance(scheduler, type) else type(scheduler).__name__
        raise TypeError(f"[Trainer] expected scheduler one of optim.lr_scheduler; got {kind}.")
    if scheduler.optimizer is not optimizer:
        raise ValueError(
            "[Trainer] expected a scheduler of the optimizer; got one of another optimizer."
        )


def check_measured(scheduler, validation):
    """ValueError for a scheduler that waits for a validation loss where there will be none."""
    if isinstance(scheduler, ReduceLROnPlateau) and validation is None:
        raise ValueError(
            "[Trainer.fit] expected validation data with ReduceLROnPlateau, which follows their loss; "
            "got none."
        )


def step_scheduler(scheduler, row):
    """After an epoch, of which `row` has the figures."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(row["val_loss"])
    elif scheduler is not None:
        scheduler.step()
