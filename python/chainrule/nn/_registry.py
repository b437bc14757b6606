"""What a module owns: parameters, buffers and child modules, registered by assigning them.

Every value stands in the instance's `__dict__` and nowhere else, so reading `self.weight` is an
ordinary attribute read, with no `__getattr__` behind it. `_members` maps the registered names to
their kind in the order of registration; it is what `parameters()`, `state_dict()` and `repr` walk
over.
"""

from types import MappingProxyType

from .. import _core
from .._core import Parameter, Tensor
from .._plans import note_assignment

PARAMETER, BUFFER, TRANSIENT, MODULE = "parameter", "buffer", "transient buffer", "module"
_BUFFERS = (BUFFER, TRANSIENT)  # a transient buffer is left out of the state dict
_ABSENT = object()


def _require_name(function, name):
    if not isinstance(name, str):
        raise TypeError(f"[{function}] expected a string as name; got {type(name).__name__}.")
    return name


class Registry:
    """Registration by attribute and the walks over it: the half of Module without arithmetic."""

    _members: dict[str, str]

    def __init__(self):
        self.__dict__["_members"] = {}

    def __setattr__(self, name, value):
        fields = self.__dict__
        old = fields.get(name, _ABSENT)
        if old is value:
            return
        kind = self._kind_for(name, value)
        self._announce(name)
        if kind is None:
            object.__setattr__(self, name, value)
        else:
            self._register(name, value, kind)

    def _announce(self, name):
        """Captured programs rely on attributes. A new one may come while recording, as in a module
        that is built there; a replay would not repeat a rebinding, so that is a CaptureError."""
        if _core._recording() is None:
            _core._invalidate_plans()
            note_assignment(type(self).__name__, name)
        elif name in self.__dict__:
            _core._invalidate_plans(f"rebinding of {type(self).__name__}.{name}")

    def _kind_for(self, name, value):
        """How `value` is kept under `name`: a kind, or None for an ordinary attribute."""
        members = self.__dict__.get("_members")
        kind = (
            PARAMETER
            if isinstance(value, Parameter)
            else MODULE
            if isinstance(value, Registry)
            else None
        )
        if members is None:
            if kind is not None:
                self._own_members()  # raises
            return None
        registered = members.get(name)
        if kind is not None or registered is None or value is None:
            return kind or registered
        if registered in _BUFFERS and isinstance(value, Tensor):
            return registered
        wanted = {PARAMETER: "an nn.Parameter", MODULE: "an nn.Module"}.get(registered, "a Tensor")
        raise TypeError(
            f"[{type(self).__name__}] expected {wanted} or None for {registered} {name!r}; "
            f"got {type(value).__name__}."
        )

    def _register(self, name, value, kind):
        members = self.__dict__["_members"]
        if (
            members.get(name) != kind
        ):  # a name that changes its kind moves to the end, as in PyTorch
            members.pop(name, None)
            members[name] = kind
        self.__dict__[name] = value

    def __delattr__(self, name):
        self._announce(name)
        object.__delattr__(self, name)
        self.__dict__.get("_members", {}).pop(name, None)

    def __setstate__(self, state):
        """For pickle and copy: a shallow copy registers for itself, not for the original."""
        self.__dict__.update(state)
        self.__dict__["_members"] = dict(state["_members"])

    def _own_members(self):
        members = self.__dict__.get("_members")
        if members is None:
            raise AttributeError(
                f"[{type(self).__name__}] expected Module.__init__() before any registration; got it "
                "later or not at all. Call super().__init__() first."
            )
        return members

    # ---- explicit registration

    def _check_name(self, function, name, kinds):
        members = self._own_members()
        _require_name(function, name)
        if "." in name or name == "":
            raise KeyError(
                f'[{function}] expected a name that is not empty and has no "."; got {name!r}.'
            )
        if members.get(name) not in kinds and hasattr(self, name):
            raise KeyError(
                f"[{function}] expected a new name; got {name!r}, an attribute that exists."
            )

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add `param` under `name`; None keeps the name free for a parameter that is not there.

        Raises KeyError for an empty, dotted or taken name, TypeError for anything but a Parameter
        or None.
        """
        self._check_name("register_parameter", name, (PARAMETER,))
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"[register_parameter] expected an nn.Parameter or None for {name!r}; "
                f"got {type(param).__name__}."
            )
        self._announce(name)
        self._register(name, param, PARAMETER)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module but is not trained, such as a running mean.

        It moves with `to` and, when `persistent`, stands in the state dict.

        Example:
            >>> net = nn.Module()
            >>> net.register_buffer("mean", chainrule.zeros(2))
            >>> net.state_dict()
            {'mean': tensor([0., 0.])}
        """
        self._check_name("register_buffer", name, _BUFFERS)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"[register_buffer] expected a Tensor or None for {name!r}; "
                f"got {type(tensor).__name__}."
            )
        self._announce(name)
        self._register(name, tensor, BUFFER if persistent else TRANSIENT)

    def register_module(self, name: str, module: "Registry | None") -> None:
        """Add a child module under `name`, as assigning it does."""
        self._check_name("register_module", name, (MODULE,))
        if module is not None and not isinstance(module, Registry):
            raise TypeError(
                f"[register_module] expected an nn.Module or None for {name!r}; "
                f"got {type(module).__name__}."
            )
        self._announce(name)
        self._register(name, module, MODULE)

    def add_module(self, name: str, module: "Registry | None") -> None:
        """The same as `register_module`."""
        self.register_module(name, module)

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
        return self._named(_BUFFERS, prefix, recurse, remove_duplicate)

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
        _require_name("get_submodule", target)
        module = self
        for name in target.split(".") if target else ():
            module = module._member(name, (MODULE,), target)
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path, "layers.2.weight"."""
        path, _, name = _require_name("get_parameter", target).rpartition(".")
        return self.get_submodule(path)._member(name, (PARAMETER,), target)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        path, _, name = _require_name("get_buffer", target).rpartition(".")
        return self.get_submodule(path)._member(name, _BUFFERS, target)

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
        return self._table(*_BUFFERS)

    @property
    def _modules(self):
        return self._table(MODULE)

    def _table(self, *kinds):
        fields = self.__dict__
        return MappingProxyType(
            {n: fields[n] for n, k in self._own_members().items() if k in kinds}
        )
