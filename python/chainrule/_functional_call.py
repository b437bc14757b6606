"""functional_call: a module as a function of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from . import _core
from ._checks import tensor_hint, type_name
from ._core import Tensor
from ._replaced import replaced
from .nn._members import BUFFERS, PARAMETER
from .nn._registry import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .nn import Module


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """What `module(*args, **kwargs)` returns with these tensors as parameters and buffers.

    The names are those of `named_parameters()` and `named_buffers()`; what is not named is the
    module's own, with `strict` a StateError. Of several dicts no two have one name. A tensor that
    the module holds under several names is replaced under all of them, unless `tie_weights` is
    False. An `args` that is no tuple is the only argument; None is no argument.

    The module has its own tensors again when this returns, and no other thread may use it
    meanwhile. While nothing is recorded a call ends all plans of compiled functions, as assigning
    an attribute does; inside a compiled function it costs nothing.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> def loss(params, x, y):
        ...     return nn.functional.mse_loss(chainrule.func.functional_call(net, params, x), y)
        >>> params = {name: p.detach() for name, p in net.named_parameters()}
        >>> gradient = chainrule.grad(loss)(params, chainrule.ones(4, 2), chainrule.ones(4, 1))
        >>> {name: tuple(g.shape) for name, g in gradient.items()}
        {'weight': (1, 2), 'bias': (1,)}
    """
    if not isinstance(module, Registry):
        raise TypeError(f"[functional_call] expected a module; got {type_name(module)}.")
    given = _one_dict(parameter_and_buffer_dicts)
    slots = _slots(module, given, tie_weights, strict)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with replaced(module, slots, "functional_call"):
        return module(*arguments, **(kwargs or {}))


def _one_dict(dicts):
    given = {}
    several = isinstance(dicts, Iterable) and not isinstance(dicts, Mapping)
    for tensors in dicts if several else [dicts]:
        if not isinstance(tensors, Mapping):
            raise TypeError(
                f"[functional_call] expected dicts of names and tensors; got {type_name(tensors)}."
            )
        for name, tensor in tensors.items():
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"[functional_call] expected a tensor for {name!r}; got {type_name(tensor)}."
                    f"{tensor_hint(tensor)}"
                )
            if name in given:
                raise ValueError(
                    f"[functional_call] expected every name in one dict; got {name!r} in several."
                )
            given[name] = tensor
    return given


def _slots(module, given, tie_weights, strict):
    """(owner, attribute, tensor) of everything to be replaced."""
    slots, own = {}, {}  # by path: (owner, attribute), and the tensor that is there
    for path, owner in module.named_modules(remove_duplicate=False):
        for name, tensor in owner._own(PARAMETER, *BUFFERS):
            place = f"{path}.{name}" if path else name
            slots[place], own[place] = (owner, name), tensor
    unknown = [name for name in given if name not in slots]
    tied = _tied(given, own) if tie_weights and not unknown else {}
    found = {place: given.get(place, tied.get(id(own[place]))) for place in slots}
    missing = [place for place, tensor in found.items() if tensor is None] if strict else []
    if unknown or missing:
        problem = f"{unknown[0]!r}, which it has not" if unknown else f"none for {missing[0]!r}"
        raise _core.StateError(
            "[functional_call] expected names of parameters and buffers of "
            f"{type(module).__name__}{', all of them,' if strict else ''}; got {problem}."
        )
    return [(*slots[place], tensor) for place, tensor in found.items() if tensor is not None]


def _tied(given, own):
    """What takes the place of a tensor that the module may hold under several names, by its id."""
    tied = {}
    for name, tensor in given.items():
        if tied.setdefault(id(own[name]), tensor) is not tensor:
            raise ValueError(
                "[functional_call] expected one tensor for all names that the module ties; got "
                f"another for {name!r}. Give it under one name, or say tie_weights=False."
            )
    return tied
