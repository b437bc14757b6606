"""`Optimizer`: parameters in groups with their settings, and the state that belongs to each
parameter.

`param_groups` (a list of dicts) and `state` (a dict of dicts by parameter) are ordinary containers
and the only truth: what is written there counts from the next step on, also for a compiled step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from .. import _core
from .._checks import parameters_hint, type_name
from .._core import Tensor
from ..nn._grads import zero_grads
from . import _state_dict
from ._group_checks import check_iterable, refuse_misspelt, refuse_others, split_names
from ._state import ConstantGroup, Defaults, ParamGroups, State, new_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Optimizer:
    """Base class of the optimizers.

    Args:
        params: an iterable of leaf tensors, of (name, tensor), or of dicts {"params": [...], "lr":
            ...} whose other entries are settings for that group alone. A key that is no setting
            is kept for whoever reads it, unless it is nearly the name of one or a setting of
            another optimizer.
        defaults: settings for the groups that do not give them.

    Raises ValueError for no parameters, a parameter given twice or one that is not a leaf,
    TypeError for anything that is not a tensor.

    Example:
        >>> class Sign(chainrule.optim.Optimizer):
        ...     def __init__(self, params, lr=0.01):
        ...         super().__init__(params, {"lr": lr})
        ...
        ...     @chainrule.no_grad()
        ...     def step(self):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 if p.grad is not None:
        ...                     p.sub_(group["lr"] * p.grad.sign())
        >>> Sign(nn.Linear(2, 1).parameters(), lr=0.5)
        Sign (
        Parameter Group 0
            lr: 0.5
        )
    """

    _announces = True  # captured programs are told of every change, or ask for it
    # The states of a parameter that load_state_dict accepts, and whether each must be there.
    _states: Mapping[str, bool] | None = None  # None: anything
    _scalars: Mapping[str, tuple[Any, float]] = MappingProxyType({})  # those of no dimensions
    # The settings of a group that the native update reads; the first is lr, which may be a tensor.
    _hyper_names: tuple[str, ...] = ()

    _group_type: type[dict[str, Any]] = ConstantGroup

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]],
        defaults: dict[str, Any],
    ):
        name = type(self).__name__
        _core._refuse_while_recording("new optimizer", "Make it once, outside.")
        check_iterable(name, params)
        if not isinstance(defaults, dict):
            raise TypeError(f"[{name}] expected a dict of defaults; got {type_name(defaults)}.")
        self.defaults: dict[str, Any] = Defaults(defaults)
        self.state: defaultdict[Tensor, dict[str, Any]] = new_state()
        self.param_groups: list[dict[str, Any]] = ParamGroups()
        groups: Any = list(params)
        if not groups:
            raise ValueError(f"[{name}] expected at least one parameter; got none.")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("state", "param_groups"):
            _core._invalidate_plans(f"change of an optimizer's {name}")
            known, of = (State, new_state) if name == "state" else (ParamGroups, ParamGroups)
            if not isinstance(value, known):
                value = of(value)
        elif not name.startswith("_"):
            _core._invalidate_plans(f"change of an optimizer's {name}")
        super().__setattr__(name, value)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add {"params": tensors, ...}; settings it does not give are the defaults.

        Example: train a layer that was frozen, `optimizer.add_param_group({"params":
        net.head.parameters()})`.
        """
        _core._invalidate_plans("change of param_groups")
        name = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise TypeError(
                f'[{name}] expected a dict with the key "params"; got {param_group!r:.60}.'
            )
        refuse_misspelt(name, param_group, self.defaults)
        if self._hyper_names:  # others read what they like
            refuse_others(name, param_group, self.defaults)
        tensors, names = split_names(name, param_group["params"])
        group = {"params": tensors}
        if names:
            group["param_names"] = names
        group.update({key: value for key, value in param_group.items() if key != "params"})
        for key, value in self.defaults.items():
            group.setdefault(key, value)
        self._check_params(group)
        self._check_settings(group)
        self.param_groups.append(self._group_type(group))

    def _check_params(self, group):
        name = type(self).__name__
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for param in group["params"]:
            if not isinstance(param, Tensor):
                got, hint = type_name(param), parameters_hint(param)
                raise TypeError(f"[{name}] expected tensors as parameters; got {got}.{hint}")
            if not (param.is_leaf or param.retains_grad):
                made_by = param.grad_fn and param.grad_fn.name()
                raise ValueError(
                    f"[{name}] expected leaf tensors; got a result of {made_by}. "
                    "Give the parameters themselves."
                )
            if id(param) in known:
                raise ValueError(
                    f"[{name}] expected every parameter once; "
                    f"got one of shape {tuple(param.shape)} twice."
                )
            known.add(id(param))
        for other in self.param_groups:
            if ("param_names" in other) != ("param_names" in group):
                raise ValueError(
                    f"[{name}] expected all groups with names or all without; got both."
                )

    def _check_settings(self, group):
        """Raise for settings out of range; a subclass says which they are."""

    def _states_of(self, param) -> Any:
        """`_states` of this parameter."""
        return self._states

    def _shape_of(self, name, param):
        """The shape of a state of this parameter that is none of `_scalars`."""
        return tuple(param.shape)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or with set_to_none=False fill them with zeros.

        Until then every backward adds to them. So k small batches, the mean loss of each divided by
        k, make the gradient of one large batch:

            for x, y in k_parts:
                (loss_fn(net(x), y) / k).backward()
            optimizer.step()
            optimizer.zero_grad()

        Inside `chainrule.compile` that may be one function, or one for the parts and one for the
        update.
        """
        for group in self.param_groups:
            zero_grads(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once; every optimizer defines it."""
        raise NotImplementedError(
            f"[{type(self).__name__}] expected a step method; got a class that defines none."
        )

    # ---- state

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: {...}}, "param_groups": [...]}, parameters replaced by their number,
        as in PyTorch.

        The tensors are those of the optimizer, not copies.
        """
        return _state_dict.state_dict(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the settings and copies of the state; nothing is changed when it does not fit.

        State is cast to its parameter's dtype, except `step`. Raises ValueError for another number
        of groups or parameters, ShapeError for state of another shape.
        """
        _core._invalidate_plans("load_state_dict")
        _state_dict.load(self, state_dict)

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)

    def __repr__(self):
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines += [""] * (index > 0) + [f"Parameter Group {index}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])
