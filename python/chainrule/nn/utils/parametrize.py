"""Parameters that are computed from others at every use: `nn.utils.parametrize`.

A module whose weight is parametrized gets a class of its own, `ParametrizedLinear`, on which
`weight` is computed when it is read, by the modules in `module.parametrizations.weight`, which hold
what is trained. Gradients, captures and state dicts see that.
"""

from __future__ import annotations

from ... import _core
from ..._checks import type_name
from ..._core import Parameter
from .._members import BUFFER, PARAMETER, TRANSIENT
from .._module import Module
from .._module_dict import ModuleDict
from ._parametrization_list import ParametrizationList, register, require_same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "ParametrizationList",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]


def __dir__():
    return __all__


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on `module.<tensor_name>` is `parametrization` of what it was; returns the module.

    Further ones apply to the result of those before. Assigning to the name writes the originals
    through `right_inverse`, where the parametrization has one. Where that gives several tensors the
    parameter is replaced by new ones, which an optimizer must be given.

    Raises ValueError for a name that is no parameter or buffer, and, unless `unsafe`, for a
    parametrization that changes shape or dtype.

    Example:
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).T
        >>> layer = nn.Linear(3, 3)
        >>> layer = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
        >>> list(layer.state_dict())
        ['bias', 'parametrizations.weight.original']
    """
    _require_module("register_parametrization", module)
    _require_module("register_parametrization", parametrization)
    _core._invalidate_plans("register_parametrization")
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = _chains(module)[tensor_name]
        if not unsafe:
            _check_next(parametrization, getattr(module, tensor_name))
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    if module._own_members().get(tensor_name) not in (PARAMETER, BUFFER, TRANSIENT):
        raise ValueError(
            "[register_parametrization] expected the name of a parameter or a buffer of "
            f"{type(module).__name__}; got {tensor_name!r:.60}."
        )
    chain = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    base, names = _kind(module)
    if not names:
        module.parametrizations = ModuleDict()
    module.__class__ = _parametrized(base, (*names, tensor_name))
    _chains(module)[tensor_name] = chain
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether this tensor of the module, or any when None, is parametrized."""
    names = _kind(module)[1]
    return bool(names) if tensor_name is None else tensor_name in names


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had, Linear for a ParametrizedLinear."""
    return _kind(module)[0]


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make `module.<tensor_name>` an ordinary parameter or buffer again; returns the module.

    Its value is the computed one, or with `leave_parametrized=False` the original, of which there
    must be only one. A parameter that was computed from one original is that original again, the
    same object.

    Raises ValueError for a name that is not parametrized.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(
            f"[remove_parametrizations] expected a parametrized tensor of {type(module).__name__}; "
            f"got {tensor_name!r:.60}."
        )
    _core._invalidate_plans("remove_parametrizations")
    chain = _chains(module)[tensor_name]
    if not chain.is_tensor and not leave_parametrized:
        raise ValueError(
            "[remove_parametrizations] expected leave_parametrized=True for a tensor computed from "
            f"{chain.ntensors}; got False."
        )
    if chain.is_tensor:
        value = chain.original
        if leave_parametrized:
            with _core.no_grad():
                value.data = getattr(module, tensor_name).detach()
    else:
        computed = getattr(module, tensor_name)
        value = Parameter(computed.detach()) if computed.requires_grad else computed
    base, names = _kind(module)
    rest = tuple(name for name in names if name != tensor_name)
    module.__class__ = _parametrized(base, rest) if rest else base
    del _chains(module)[tensor_name]
    if not rest:
        delattr(module, "parametrizations")
    register(module, tensor_name, value)
    return module


_classes = {}  # of what _parametrized has made; functools.cache would be slow to import


def _parametrized(base, names):
    """The class of modules of class `base` whose tensors `names` are computed."""
    if (base, names) not in _classes:
        _classes[base, names] = _class_of(base, names)
    return _classes[base, names]


def _class_of(base, names):

    def set_attribute(self, name, value):
        if name in names:
            self.parametrizations[name].right_inverse(value)
        else:
            base.__setattr__(self, name, value)

    def reduce(self, protocol):
        return _restored, (base, names), self.__dict__.copy()

    fields: dict[str, Any] = {name: property(_Computed(name)) for name in names}
    fields |= {
        "__setattr__": set_attribute,
        "__reduce_ex__": reduce,
        "_parametrized": (base, names),
    }
    fields["__doc__"] = f"A {base.__name__} of which {', '.join(names)} is computed when read."
    return type(f"Parametrized{base.__name__}", (base,), fields)


class _Computed:
    """Reads a parametrized tensor of a module."""

    def __init__(self, name):
        self.name = name

    def __call__(self, module):
        return module.parametrizations[self.name]()


def _restored(base, names):
    """For pickle and copy: a module without its state."""
    kind = _parametrized(base, names)
    return kind.__new__(kind)


def _chains(module) -> Any:
    return module.parametrizations


def _kind(module):
    """The class before parametrizations, and the names of the parametrized tensors."""
    return getattr(type(module), "_parametrized", (type(module), ()))


def _check_next(parametrization, before):
    after = parametrization(before)
    require_same("the computed tensor", before, after)
    if hasattr(parametrization, "right_inverse"):
        try:
            inverse = parametrization.right_inverse(after)
        except NotImplementedError:
            return
        require_same("right_inverse's tensor", before, inverse)


def _require_module(op, value):
    if not isinstance(value, Module):
        raise TypeError(f"[{op}] expected an nn.Module; got {type_name(value)}.")
