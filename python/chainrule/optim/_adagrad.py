"""Adagrad."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import NOT_NEGATIVE
from ._native import NativeOptimizer, settings
from ._rate import Rate


class Adagrad(NativeOptimizer):
    """Steps divided by the root of the sum of all squared gradients so far.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ, in step t:
        s ← s + g²
        θ ← θ - lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        lr_decay: >= 0.
        weight_decay: >= 0.
        initial_accumulator_value: >= 0, where s starts; a group may have its own.
        eps: >= 0.
        maximize: ascend.
        foreach, differentiable, fused: accepted as PyTorch's and without meaning; a step is always
            one native call.
        eps_in_root: not PyTorch's. Divide by sqrt(s + eps), as 004_207294fe22f678c8.txt has it.

    State, from the beginning: `step` (a 0-d float32 tensor), `sum`. ValueError names the argument
    that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = Adagrad([w], lr=0.5)
        >>> for gradient in (3.0, 4.0):
        ...     w.grad = chainrule.tensor([gradient])
        ...     optimizer.step()
        >>> w  # 1 - 0.5 * 3 / 3, then 0.5 - 0.5 * 4 / 5
        Parameter containing:
        tensor([0.1000], requires_grad=True)

    Source: Duchi, Hazan and Singer (2011); 004_207294fe22f678c8.txt, with eps inside the root.
    """

    _run_all = _core._all_or_none(_core._ops.adagrad_update)
    _hyper_names = ("lr", "lr_decay", "eps", "weight_decay")
    _switch = "eps_in_root"
    _states = MappingProxyType({"step": True, "sum": True})
    _lists = ("sum", "step")

    def __init__(
        self,
        params,
        lr: Rate = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        eps_in_root: bool = False,
    ):
        super().__init__(params, settings(locals()))
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param].update(self._started(param, None, group, self._lists))

    def _check_settings(self, group):
        super()._check_settings(group)
        start = "initial_accumulator_value"
        NOT_NEGATIVE.check(type(self).__name__, start, group[start])

    def _new_state(self, name, param, group):
        if name != "sum":
            return super()._new_state(name, param, group)
        return _core.full_like(param, group["initial_accumulator_value"])
