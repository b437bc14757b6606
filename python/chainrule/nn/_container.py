"""Modules that hold other modules: Sequential and ModuleList."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator

from .. import _core
from .._checks import object_hint, type_name
from ._members import MODULE
from ._module import Module
from ._print import fold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class _Indexed(Module):
    """Children in a row, reached by position; all that Sequential and ModuleList have in common."""

    def __len__(self) -> int:
        return sum(1 for _ in self._own(MODULE))

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self._own(MODULE))

    def _position(self, index):
        name, count = type(self).__name__, len(self)
        try:
            position = operator.index(index)
        except TypeError:
            raise TypeError(
                f"[{name}] expected an integer or a slice as index; got {index!r:.60}."
            ) from None
        if not -count <= position < count:
            raise IndexError(f"[{name}] expected an index in a list of {count}; got {index}.")
        return position % count

    def _name_at(self, index):
        return [name for name, _ in self._own(MODULE)][self._position(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        name = self._name_at(index)
        self._check(module)
        setattr(self, name, module)

    def __delitem__(self, index: int | slice) -> None:
        """Remove one module or a slice; the rest is numbered anew."""
        modules = list(self)
        del modules[index if isinstance(index, slice) else self._position(index)]
        self._refill(modules)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self._check(module)
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"[{type(self).__name__}] expected an iterable of modules; "
                f"got {type_name(modules)}."
            )
        modules = list(modules)  # `net.extend(net)` ends
        for module in modules:
            self._check(module)
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before position `index`; those behind it move up by one."""
        self._check(module)
        modules = list(self)
        modules.insert(index, module)
        self._refill(modules)
        return self

    def pop(self, index: int | slice = -1) -> Any:
        """Remove a module and return it."""
        modules = self[index]
        del self[index]
        return modules

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._slice(list(self._own(MODULE))[index])
        return getattr(self, self._name_at(index))

    def _slice(self, items) -> Any:
        kind: Any = type(self)
        return kind([module for _, module in items])

    def _refill(self, modules):
        _core._invalidate_plans(f"change of the modules of {type(self).__name__}")
        for name in [name for name, kind in self._members.items() if kind == MODULE]:
            delattr(self, name)
        for index, module in enumerate(modules):
            self.register_module(str(index), module)

    def _check(self, module):
        if not isinstance(module, Module):
            name = type(self).__name__
            several = name == "Sequential" and isinstance(module, tuple | list)
            raise TypeError(
                f"[{name}] expected nn.Module objects; got {type_name(module)}."
                + (" Use Sequential(*modules)." if several else _module_hint(module))
            )


def _module_hint(value):
    """What to write for a class, a compiled module or a function in the place of a module."""
    if isinstance(value, type) or not callable(value):
        return object_hint(value)
    from .. import nn

    if type_name(value) == "CompiledFunction":
        return " A compiled function is no module: compile the whole."
    name = getattr(value, "__name__", "")
    ours = any(value is getattr(place, name, None) for place in (nn.functional, _core))
    for module in dir(nn):
        if ours and module.lower() == name.replace("_", "") != module:
            init = getattr(nn, module).__init__
            needs = init.__code__.co_argcount > 1 + len(init.__defaults__ or ())
            return f" Use nn.{module}({'...' if needs else ''})."
    return " Use nn.Activation(f) for a function f of a tensor."


class Sequential(_Indexed):
    """Modules called one after the other, each on the output of the one before.

    Takes modules, or one dict of names and modules. Indexing gives a module, slicing a Sequential;
    `append`, `insert`, `extend`, `pop`, `del`, `+` and `*` work as on a list.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
        >>> net(chainrule.randn(150, 4)).shape
        chainrule.Size([150, 3])

    Source: the composition h^L(...h^1(x)) of 003_35a9ce6660cbb7d5.txt.
    """

    def __init__(self, *args: Module | dict[str, Module]):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            items: Any = args[0].items()
        else:
            items = [(str(index), module) for index, module in enumerate(args)]
        for name, module in items:
            self._check(module)
            self.register_module(name, module)

    def forward(self, input: Any) -> Any:
        fields = self.__dict__
        for name, kind in self._members.items():
            if kind == MODULE and fields[name] is not None:
                input = fields[name].__call__(input)  # 45 ns less than fields[name](input)
        return input

    def _slice(self, items) -> Any:
        return type(self)(dict(items))

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __mul__(self, times: int) -> Sequential:
        """The same modules, `times` times over: the copies share their parameters."""
        return self._repeated(times)

    def __rmul__(self, times: int) -> Sequential:
        return self._repeated(times)

    def __imul__(self, times: int) -> Self:
        self._refill(list(self._repeated(times)))
        return self

    def _repeated(self, times):
        if not isinstance(times, int) or times <= 0:
            raise ValueError(f"[Sequential] expected a whole factor >= 1; got {times!r}.")
        return Sequential(*(list(self) * times))


class ModuleList(_Indexed):
    """A list of modules whose parameters are registered; it has no forward of its own.

    Example:
        >>> layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        >>> x = chainrule.ones(2, 8)
        >>> for layer in layers:
        ...     x = layer(x)
        >>> len(list(layers.parameters()))
        6
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def _lines(self):
        return fold([repr(module) for module in self])
