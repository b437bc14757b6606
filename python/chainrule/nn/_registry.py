"""What a module owns: parameters, buffers and child modules, registered by assigning them.

Every value stands in the instance's `__dict__` and nowhere else, so reading `self.weight` is an
ordinary attribute read, with no `__getattr__` behind it. Which names are registered, and the walks
over them, are in _members.py.
"""

from .. import _core
from .._checks import object_hint, parameter_hint, tensor_hint, type_name
from .._core import Parameter, Tensor
from .._plans import note_assignment
from ._members import BUFFER, BUFFERS, MODULE, PARAMETER, TRANSIENT, Members, require_name

_ABSENT = object()


def _announce_module():
    """One more, which may take the place of another; in a recording it is part of that."""
    if _core._recording() is None:
        _core._invalidate_plans()


class Registry(Members):
    """Registration by attribute, with the walks over it: the half of Module without arithmetic."""

    _announces = True  # captured programs are told of every change

    def __init__(self):
        self.__dict__["_members"] = {}
        _announce_module()

    def __setattr__(self, name, value):
        fields = self.__dict__
        old = fields.get(name, _ABSENT)
        if old is value:
            return
        if name == "training" and type(old) is type(value) is bool and _core._recording() is None:
            if not _core._set_training(self, value):
                self._announce(name)
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
            old = self.__dict__[name]
            kept = isinstance(old, Tensor) or type(old) in (int, float)
            _core._invalidate_plans(
                f"rebinding of {type(self).__name__}.{name}",
                f"Keep it in a buffer and write into that: self.{name}.copy_(...)."
                if kept
                else None,
            )

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
        self._refuse_compiled(name, value)
        if kind is not None or registered is None or value is None:
            return kind or registered
        if registered in BUFFERS and isinstance(value, Tensor):
            return registered
        wanted = {PARAMETER: "an nn.Parameter", MODULE: "an nn.Module"}.get(registered, "a Tensor")
        hint = {PARAMETER: parameter_hint, MODULE: object_hint}.get(registered, tensor_hint)(value)
        raise TypeError(
            f"[{type(self).__name__}] expected {wanted} or None for {registered} {name!r}; "
            f"got {type_name(value)}.{hint}"
        )

    def _refuse_compiled(self, name, value):
        """Its parameters would be nobody's: no optimizer and no state dict would see them."""
        inside = getattr(value, "__dict__", {}).get("_function")
        if isinstance(inside, Registry) and not isinstance(value, Registry):
            raise TypeError(
                f"[{type(self).__name__}] expected the module itself for {name!r}; got a compiled "
                f"{type(inside).__name__}. Assign the module and compile the outermost one."
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
        self.__dict__.pop("_evaluating", None)  # of what this is a copy of
        _announce_module()

    # ---- explicit registration

    def _check_name(self, function, name, kinds):
        members = self._own_members()
        require_name(function, name)
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
                f"got {type_name(param)}.{parameter_hint(param)}"
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
        self._check_name("register_buffer", name, BUFFERS)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"[register_buffer] expected a Tensor or None for {name!r}; "
                f"got {type_name(tensor)}.{tensor_hint(tensor)}"
            )
        self._announce(name)
        self._register(name, tensor, BUFFER if persistent else TRANSIENT)

    def register_module(self, name: str, module: "Registry | None") -> None:
        """Add a child module under `name`, as assigning it does."""
        self._check_name("register_module", name, (MODULE,))
        self._refuse_compiled(name, module)
        if module is not None and not isinstance(module, Registry):
            raise TypeError(
                f"[register_module] expected an nn.Module or None for {name!r}; "
                f"got {type_name(module)}.{object_hint(module)}"
            )
        self._announce(name)
        self._register(name, module, MODULE)

    def add_module(self, name: str, module: "Registry | None") -> None:
        """The same as `register_module`."""
        self.register_module(name, module)
