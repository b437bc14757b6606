"""Feed-forward networks on a small C++ engine, with PyTorch's names.

The operations, `Tensor`, dtypes and modes come from the native module, whose public names are this
package's. All else, listed in __init__.pyi, is imported when it is first asked for, so that
`import chainrule` stays short.
"""

from . import _core as _core
from . import _shaping as _shaping  # which gives Tensor methods
from ._core import *  # the op table decides which functions there are
from ._later import AbsentMethod as _AbsentMethod
from ._later import attach as _attach

_INSTEAD = dict.fromkeys(("float16", "half"), "chainrule.bfloat16")
_core.Tensor.half = _AbsentMethod("chainrule.Tensor", "half", "x.bfloat16()")  # pyright: ignore

__getattr__, __dir__, __all__ = _attach(__name__, _INSTEAD)
__all__ += [name for name in dir(_core) if not name.startswith("_")]
