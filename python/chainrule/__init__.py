"""Feed-forward networks on a small C++ engine, with PyTorch's names.

The operations, `Tensor`, dtypes and modes come from the native module, whose public names are this
package's. What a training step does not need (data sets, the Trainer, files) is imported when it is
first asked for, so that `import chainrule` stays short.
"""

from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi

from chainrule import _core as _core
from chainrule import autograd as autograd
from chainrule import config as config
from chainrule import linalg as linalg
from chainrule import nn as nn
from chainrule import optim as optim
from chainrule import return_types as return_types
from chainrule._compile import compile as compile
from chainrule._core import *  # the op table decides which functions there are
from chainrule._printing import set_printoptions as set_printoptions
from chainrule._shaping import broadcast_tensors as broadcast_tensors
from chainrule._shaping import meshgrid as meshgrid
from chainrule._shaping import nonzero as nonzero
from chainrule._shaping import split as split
from chainrule._shaping import unique as unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chainrule import activations as activations
    from chainrule import amp as amp
    from chainrule import cuda as cuda
    from chainrule import datasets as datasets
    from chainrule import func as func
    from chainrule import utils as utils
    from chainrule._autocast import autocast as autocast
    from chainrule._autocast import is_autocast_enabled as is_autocast_enabled
    from chainrule._callbacks import Callback as Callback
    from chainrule._einsum import einsum as einsum
    from chainrule._einsum import tensordot as tensordot
    from chainrule._history import History as History
    from chainrule._numeric import finfo as finfo
    from chainrule._numeric import iinfo as iinfo
    from chainrule._safetensors import load as load
    from chainrule._safetensors import save as save
    from chainrule._trainer import Trainer as Trainer
    from chainrule._transforms import grad as grad
    from chainrule._transforms import value_and_grad as value_and_grad

    __version__: str
del TYPE_CHECKING  # what dir() lists is what there is

# Name -> the module that has it; None where the name is a module itself. What dir() lists and what
# is imported at the first use are this one table.
_LATER = {
    "Callback": "_callbacks",
    "History": "_history",
    "Trainer": "_trainer",
    "__version__": None,
    "activations": None,
    "amp": None,
    "autocast": "_autocast",
    "cuda": None,
    "datasets": None,
    "einsum": "_einsum",
    "finfo": "_numeric",
    "func": None,
    "grad": "_transforms",
    "iinfo": "_numeric",
    "is_autocast_enabled": "_autocast",
    "load": "_safetensors",
    "save": "_safetensors",
    "tensordot": "_einsum",
    "utils": None,
    "value_and_grad": "_transforms",
}


def __getattr__(name):
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module 'chainrule' has no attribute '{name}'")
    if name == "__version__":
        value = import_module("importlib.metadata").version("chainrule")
    elif _LATER[name] is None:
        value = import_module(f"chainrule.{name}")
    else:
        value = getattr(import_module(f"chainrule.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return [*globals().keys() | _LATER.keys()]
