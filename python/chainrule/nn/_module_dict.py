"""ModuleDict: modules reached by their names."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView

from .._checks import object_hint, type_name
from ._members import MODULE, require_name
from ._module import Module
from ._pairs import pairs_of


class ModuleDict(Module):
    """A dict of modules whose parameters are registered; it has no forward of its own.

    Takes a dict or pairs of names and modules, and keeps their order. A name is a string without a
    dot and no attribute of the class, such as "keys": KeyError otherwise.

    Example:
        >>> acts = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        >>> acts["relu"](chainrule.tensor([-1.0, 2.0]))
        tensor([0., 2.])
        >>> list(acts)
        ['relu', 'tanh']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        if not isinstance(key, str) or self._own_members().get(key) != MODULE:
            names = ", ".join(map(repr, self)) or "none"
            raise KeyError(f"[ModuleDict] expected one of its names ({names}); got {key!r:.60}.")
        return self.__dict__[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(require_name("ModuleDict", key), module)

    def __delitem__(self, key: str) -> None:
        self[key]  # raises
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Module:
        """Remove a module and return it; KeyError when there is none of that name."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names, in order."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """The names and modules, in order."""
        return self._modules.items()

    def values(self) -> ValuesView[Module]:
        """The modules, in order."""
        return self._modules.values()

    def update(
        self, modules: Mapping[str, Module] | ModuleDict | Iterable[tuple[str, Module]]
    ) -> None:
        """Add modules from a dict or from pairs; a module of the same name is replaced.

        Raises TypeError when one is no module, KeyError for a name that cannot be one; nothing is
        changed then.
        """
        pairs = pairs_of("ModuleDict", modules)
        for key, module in pairs:
            self._check_name("ModuleDict", key, (MODULE,))
            if module is not None and not isinstance(module, Module):
                raise TypeError(
                    f"[ModuleDict] expected nn.Module objects; got {type_name(module)} for {key!r}."
                    f"{object_hint(module)}"
                )
        for key, module in pairs:
            self[key] = module
