"""What a module owns, read: the walks over parameters, buffers and child modules, and dotted paths.

`_members` maps the registered names to their kind in the order of registration; it is what
`parameters()`, `state_dict()` and `repr` walk over. The values stand in the instance's `__dict__`.
"""

from types import MappingProxyType

from .._checks import type_name
from .._core import Parameter, Tensor

PARAMETER, BUFFER, TRANSIENT, MODULE = "parameter", "buffer", "transient buffer", "module"
BUFFERS = (BUFFER, TRANSIENT)  # a transient buffer is left out of the state dict


def require_name(function, name):
    if not isinstance(name, str):
        raise TypeError(f"[{function}] expected a string as name; got {type_name(name)}.")
    return name


class Members:
    """Reads the table of members that Registry fills."""

    _members: dict[str, str]

    def _own_members(self):
        members = self.__dict__.get("_members")
        if members is None:
            raise AttributeError(
                f"[{type(self).__name__}] expected Module.__init__() before any registration; got it "
                "later or not at all. Call super().__init__() first."
            )
        return members

    # ---- walks

    def _own(self, *kinds):
        """(name, value) of this module's own members of these kinds, without the absent ones."""
        fields = self.__dict__
        for name, kind in self._own_members().items():
            if kind in kinds and fields[name] is not None:
                yield name, fields[name]

    def _named(self, kinds, prefix, recurse, remove_duplicate):
        seen = set()
        owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in owners if recurse else [(prefix, self)]:
            for name, value in module._own(*kinds):
                if id(value) not in seen:
                    if remove_duplicate:
                        seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ):
        """Iterate over (dotted name, Parameter); a shared parameter comes once."""
        return self._named((PARAMETER,), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True):
        """Iterate over the parameters, in the order an optimizer takes them."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        """Iterate over (dotted name, buffer)."""
        return self._named(BUFFERS, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True):
        """Iterate over the buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self):
        """Iterate over (name, module) of the direct children."""
        seen = set()
        for name, module in self._own(MODULE):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self):
        """Iterate over the direct children."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ):
        """Iterate over (dotted name, module) of this module and everything below it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._own(MODULE):
            yield from module.named_modules(
                memo, f"{prefix}.{name}" if prefix else name, remove_duplicate
            )

    def modules(self, remove_duplicate: bool = True):
        """Iterate over this module and everything below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def get_submodule(self, target: str):
        """The module at a dotted path, "layers.2"; AttributeError when there is none."""
        require_name("get_submodule", target)
        module = self
        for name in target.split(".") if target else ():
            module = module._member(name, (MODULE,), target)
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path, "layers.2.weight"."""
        path, _, name = require_name("get_parameter", target).rpartition(".")
        return self.get_submodule(path)._member(name, (PARAMETER,), target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = require_name("get_buffer", target).rpartition(".")
        return self.get_submodule(path)._member(name, BUFFERS, target)

    def _member(self, name, kinds, target):
        if self._own_members().get(name) not in kinds or self.__dict__[name] is None:
            raise AttributeError(
                f"[{type(self).__name__}] expected a {kinds[0]} named {name!r}; "
                f"got none on the way to {target!r}."
            )
        return self.__dict__[name]

    # ---- PyTorch's names for the three tables, to read; writing goes by assignment

    @property
    def _parameters(self):
        return self._table(PARAMETER)

    @property
    def _buffers(self):
        return self._table(*BUFFERS)

    @property
    def _modules(self):
        return self._table(MODULE)

    def _table(self, *kinds):
        fields = self.__dict__
        return MappingProxyType(
            {n: fields[n] for n, k in self._own_members().items() if k in kinds}
        )
