"""Schedules of the learning rate, with PyTorch's names, arguments, trajectories and state dicts.

A scheduler writes `lr` (some also `momentum` or `betas`) into `optimizer.param_groups`: once when it
is made, then at every `step()`, which comes after `optimizer.step()`, once an epoch or once a step
as the schedule is meant. A compiled step reads what was written before its next replay, so call
`scheduler.step()` outside the compiled function.
"""

from ._composed import ChainedScheduler, SequentialLR
from ._cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from ._cyclic import CyclicLR
from ._decays import ExponentialLR, MultiStepLR, PolynomialLR, StepLR
from ._functions import LambdaLR, MultiplicativeLR
from ._one_cycle import OneCycleLR
from ._plateau import ReduceLROnPlateau
from ._scheduler import LRScheduler
from ._warm_up import ConstantLR, LinearLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


def __dir__():
    return __all__
