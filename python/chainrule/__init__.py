"""Feed-forward networks on a small C++ engine, with PyTorch's names.

The operations, `Tensor`, dtypes and modes come from the native module, whose public names are this
package's. Whatever needs more than that (the Trainer, data sets) is imported when first asked for.
"""

from chainrule import _core, autograd, config, linalg, nn, optim, utils
from chainrule._compile import compile
from chainrule._core import *  # noqa: F403  # the op table decides which functions there are
from chainrule._einsum import einsum, tensordot
from chainrule._numeric import finfo, iinfo
from chainrule._printing import set_printoptions
from chainrule._safetensors import load, save

_LAZY = {"Trainer": "chainrule._trainer", "History": "chainrule._history"}


def __getattr__(name):
    import importlib

    if name == "__version__":
        import importlib.metadata

        return importlib.metadata.version("chainrule")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name == "datasets":
        return importlib.import_module("chainrule.datasets")
    raise AttributeError(f"module 'chainrule' has no attribute '{name}'")
