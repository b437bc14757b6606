"""ParameterDict: parameters reached by their names."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping

from ._members import require_name
from ._pairs import pairs_of
from ._parameters import Uncalled, as_parameter, described

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class ParameterDict(Uncalled):
    """A dict of parameters, registered; it cannot be called.

    Takes a mapping or pairs. The order is that of insertion, but sorted by name for what comes in a
    plain dict, as in PyTorch. Plain tensors become parameters; other values are kept as they
    are. A name is a string without a dot and no attribute of the class: KeyError otherwise.

    Example:
        >>> scales = nn.ParameterDict({"left": chainrule.ones(1), "right": chainrule.zeros(1)})
        >>> (scales["left"] * 3).detach()
        tensor([3.])
    """

    def __init__(self, parameters: Any = None):
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if require_name("ParameterDict", key) not in self._keys:
            names = ", ".join(map(repr, self)) or "none"
            raise KeyError(f"[ParameterDict] expected one of its names ({names}); got {key!r:.60}.")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._require_usable(key)
        setattr(self, key, as_parameter(value))
        self._keys[key] = None

    def _require_usable(self, key):
        if require_name("ParameterDict", key) not in self._keys:
            self._check_name("ParameterDict", key, ())

    def __delitem__(self, key: str) -> None:
        self[key]  # raises
        delattr(self, key)
        del self._keys[key]

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__["_keys"] = dict(state["_keys"])

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """Another ParameterDict with the same parameters."""
        return ParameterDict(self.items())

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of `key`, which becomes `default` where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove a value and return it; KeyError when there is none of that name."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last (name, value) and return it; KeyError when there is none."""
        if not self._keys:
            raise KeyError("[ParameterDict] expected something to pop; got an empty dict.")
        key = next(reversed(self))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of `key`, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401 - this is get

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new ParameterDict with these names, each with the value `default`."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> KeysView[str]:
        """The names, in order."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """The names and values, in order."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The values, in order."""
        return (self[key] for key in self._keys)

    def update(
        self, parameters: Mapping[str, Any] | ParameterDict | Iterable[tuple[str, Any]]
    ) -> None:
        """Add values from a mapping or from pairs; a value of the same name is replaced.

        Raises KeyError for a name that cannot be one, TypeError when a parameter would become
        something else; nothing is changed then.
        """
        pairs = [(k, as_parameter(v)) for k, v in pairs_of("ParameterDict", parameters)]
        for key, value in pairs:
            self._require_usable(key)
            self._kind_for(key, value)  # raises where the old one is of another kind
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs.sort(key=operator.itemgetter(0))
        for key, value in pairs:
            self[key] = value

    def extra_repr(self) -> str:
        return described(self.items(), lambda value: value.type())

    def __or__(self, other: ParameterDict) -> ParameterDict:
        merged = self.copy()
        merged.update(other)
        return merged

    def __ror__(self, other: Any) -> ParameterDict:
        merged = ParameterDict(other)
        merged.update(self)
        return merged

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self
