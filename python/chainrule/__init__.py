"""Feed-forward networks on a small C++ engine, with PyTorch's names.

The operations, `Tensor`, dtypes and modes come from the native module, whose public names are this
package's. All else, listed in __init__.pyi, is imported when it is first asked for, so that
`import chainrule` stays short.
"""

from . import _core as _core
from . import _shaping as _shaping  # which gives Tensor methods
from ._core import *  # the op table decides which functions there are
from ._later import attach as _attach

_TYPED = "chainrule.tensor(x, dtype=chainrule.{}) for the values x"
_INSTEAD = {
    "float16": "chainrule.bfloat16",
    "half": "chainrule.bfloat16",
    "FloatTensor": _TYPED.format("float32"),
    "DoubleTensor": _TYPED.format("float64"),
    "LongTensor": _TYPED.format("int64"),
    "IntTensor": _TYPED.format("int32"),
    "BoolTensor": _TYPED.format("bool"),
}

__getattr__, __dir__, __all__ = _attach(__name__, _INSTEAD)
__all__ += [name for name in dir(_core) if not name.startswith("_")]
