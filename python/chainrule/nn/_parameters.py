"""ParameterList: parameters in a row; and what ParameterDict shares with it."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator

from .._checks import type_name
from .._core import Parameter, Tensor
from ._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


def as_parameter(value):
    """Plain tensors become parameters; anything else is kept as it is."""
    return Parameter(value) if isinstance(value, Tensor) and not _is_parameter(value) else value


def _is_parameter(value):
    return isinstance(value, Parameter)


def described(values, kind_of):
    """The lines of `repr` for (label, value), as PyTorch has them."""
    lines = []
    for label, value in values:
        if isinstance(value, Tensor):
            size = "x".join(map(str, value.shape))
            name = "Parameter" if _is_parameter(value) else "Tensor"
            text = f"{name} containing: [{kind_of(value)} of size {size}]"
        else:
            text = f"Object of type: {type(value).__name__}"
        lines.append(f"  ({label}): {text}")
    return "\n".join(lines)


class Uncalled(Module):
    """What holds values and computes nothing."""

    def __call__(self, *args, **kwargs):
        name = type(self).__name__
        raise RuntimeError(
            f"[{name}] expected its parameters to be used; got a call. A {name} has no forward."
        )


class ParameterList(Uncalled):
    """A list of parameters, registered; it cannot be called.

    Plain tensors become parameters; other values are kept as they are. `append`, `extend`, `+=`,
    indexing and slicing work as on a list.

    Example:
        >>> factors = nn.ParameterList([chainrule.ones(2), chainrule.zeros(3)])
        >>> [name for name, _ in factors.named_parameters()]
        ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _name_at(self, index):
        try:
            position = operator.index(index)
        except TypeError:
            raise TypeError(
                f"[ParameterList] expected an integer or a slice as index; got {index!r:.60}."
            ) from None
        if not -len(self) <= position < len(self):
            raise IndexError(
                f"[ParameterList] expected an index in a list of {len(self)}; got {position}."
            )
        return str(position % len(self))

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            kind: Any = type(self)
            return kind(self[i] for i in range(*index.indices(len(self))))
        return getattr(self, self._name_at(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name_at(index), as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        setattr(self, str(self._size), as_parameter(value))
        self.__dict__["_size"] += 1  # the line before has announced it
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end; TypeError unless they come in an iterable that is no tensor."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(
                f"[ParameterList] expected an iterable of parameters; got {type_name(values)}."
            )
        for value in list(values):  # `list.extend(list)` ends
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return described(enumerate(self), lambda value: value.dtype)
