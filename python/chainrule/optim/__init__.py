"""Optimizers, with PyTorch's names, arguments, state and state dicts.

A source such as 003_35a9ce6660cbb7d5.txt is a lecture; docs/lectures.md says which.
"""

from ._adadelta import Adadelta
from ._adagrad import Adagrad
from ._adam import Adam, AdamW
from ._adamax import Adamax
from ._asgd import ASGD
from ._lion import Lion
from ._nadam import NAdam
from ._optimizer import Optimizer
from ._qhadam import QHAdam
from ._radam import RAdam
from ._rmsprop import RMSprop
from ._rprop import Rprop
from ._sgd import SGD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import lr_scheduler as lr_scheduler
    from . import schedules as schedules
    from . import swa_utils as swa_utils

__all__ = [
    "ASGD",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "QHAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "schedules",
    "swa_utils",
]
_LATER = ("lr_scheduler", "schedules", "swa_utils")  # imported when they are first asked for


def __getattr__(name):
    if name not in _LATER:
        raise AttributeError(f"module 'chainrule.optim' has no attribute '{name}'")
    from importlib import import_module

    return import_module(f"chainrule.optim.{name}")


def __dir__():
    return __all__
