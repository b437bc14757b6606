"""What functions written in Python check of their arguments, as the parser does for native ones."""

from __future__ import annotations

import operator

from . import _core
from ._core import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


type_name = _core._type_name  # as messages have it: "int", "torch.Tensor", "the class ReLU"
tensor_hint = _core._tensor_hint  # " Pass chainrule.from_numpy(x)." where that makes a Tensor of it


def parameter_hint(value: Any) -> str:
    """ " Pass nn.Parameter(x)." where that makes a Parameter of what the user has as `x`."""
    code = _core._tensor_code(value, "x")
    if isinstance(value, Tensor):
        code = "x" if value.is_floating_point() else "x.float()"
    return f" Pass nn.Parameter({code})." if code else ""


def object_hint(value: Any, arguments: str = "") -> str:
    """ " Make one: nn.ReLU()." where a class stands in the place of its objects."""
    if not isinstance(value, type):
        return ""
    nn = "nn." if str(value.__module__).startswith("chainrule.nn.") else ""
    return f" Make one: {nn}{value.__name__}({arguments})."


def parameters_hint(value: Any) -> str:
    """ " Pass net.parameters() of the module net." where a module stands in the place of them."""
    if hasattr(value, "parameters"):
        return " Pass net.parameters() of the module net."
    return " Call it: net.parameters()." if callable(value) else ""


def require_tensor(op: str, value: Any) -> Tensor:
    """`value`; TypeError unless it is a Tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"[{op}] expected a Tensor; got {type_name(value)}.{tensor_hint(value)}")
    return value


def shown(op: str, value: Any) -> str:
    """A setting that does not fit, for the end of a message; a tensor or an array is what a module
    that was yet to be made has been called with."""
    if not is_array(value):
        try:
            return f"{value!r:.60}."
        except Exception:  # noqa: BLE001 - too many digits for Python, or what a __repr__ raises
            return f"a {type_name(value)} that cannot be printed."
    from . import nn  # which needs this file

    made = getattr(nn, op, None)
    is_module = isinstance(made, type) and issubclass(made, nn.Module)
    hint = f" Make the module, then call it: nn.{op}(...)(...)." if is_module else ""
    return f"a {type_name(value)} of shape {tuple(value.shape)}.{hint}"


def is_array(value: Any) -> bool:
    """Whether it is a tensor or an array with dimensions, of whatever library."""
    ndim = getattr(value, "ndim", 0)
    return isinstance(ndim, int) and ndim > 0 and hasattr(value, "shape")


def as_float(op: str, name: str, value: Any) -> float:
    """`value` as a float; TypeError unless it is a number, also one of NumPy or a tensor of one
    element, ValueError for one beyond all floats."""
    try:
        if not isinstance(value, str | bytes):
            return float(value)
    except (TypeError, ValueError):
        pass
    except OverflowError:
        raise ValueError(
            f"[{op}] expected {name} to fit float64; got an integer of {int(value).bit_length()} bits."
        ) from None
    raise TypeError(f"[{op}] expected {name} to be a number; got {shown(op, value)}")


def require_number(op: str, name: str, value: Any) -> Any:
    """`value`; the errors of `as_float`."""
    as_float(op, name, value)
    return value


def index_of(op: str, name: str, value: Any) -> int:
    """`value` as an int; TypeError unless it is an integer."""
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"[{op}] expected {name} to be an int; got {shown(op, value)}")


def require_bool(op: str, name: str, value: Any) -> bool:
    """`value`; TypeError unless it is True or False: "no" and 0.5 are true, too."""
    if not isinstance(value, bool):
        raise TypeError(f"[{op}] expected {name} to be True or False; got {shown(op, value)}")
    return value


def require_bools(op: str, **flags: Any) -> None:
    """require_bool of several, by name."""
    for name, value in flags.items():
        require_bool(op, name, value)


def require_callable(op: str, value: Any, what: str = "a function") -> Any:
    """`value`; TypeError unless it can be called."""
    if not callable(value):
        raise TypeError(f"[{op}] expected {what}; got {type_name(value)}.")
    return value


def require_length(op: str, value: Any) -> int:
    """How many samples `value` has; TypeError where it does not say."""
    if not hasattr(value, "__len__"):
        raise TypeError(f"[{op}] expected samples of a known number; got {type_name(value)}.")
    return len(value)


def check_index(op: str, index: Any, size: int) -> None:
    """IndexError unless `index` is one of `size` places, counted from either end."""
    if not -size <= index < size:
        raise IndexError(f"[{op}] expected an index in [{-size}, {size}); got {index}.")


def check_dim(op: str, dim: Any, tensor: Tensor) -> None:
    """IndexError unless `tensor` has the dimension `dim`, TypeError unless it is an integer."""
    rank = max(tensor.dim(), 1)
    if not -rank <= index_of(op, "dim", dim) < rank:
        raise IndexError(
            f"[{op}] expected dim in [{-rank}, {rank - 1}] for a {tensor.dim()}-dimensional "
            f"tensor; got {dim}."
        )


def tensor_list(op: str, tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """One tensor or several as a list; TypeError for anything else among them."""
    if isinstance(tensors, Tensor):
        return [tensors]
    if not hasattr(tensors, "__iter__"):
        got, hint = type_name(tensors), parameters_hint(tensors)
        raise TypeError(f"[{op}] expected a Tensor or tensors; got {got}.{hint}")
    found = list(tensors)
    for each in found:
        if not isinstance(each, Tensor):
            hint = tensor_hint(each) or parameters_hint(each)
            raise TypeError(f"[{op}] expected a Tensor; got {type_name(each)}.{hint}")
    return found
