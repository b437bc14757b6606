"""Adadelta."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import UP_TO_1
from ._native import NativeOptimizer, settings
from ._rate import Rate


class Adadelta(NativeOptimizer):
    """Steps as large as the steps before, in relation to the gradient and the gradients before.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ:
        v ← rho * v + (1 - rho) g²
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u ← rho * u + (1 - rho) d²
        θ ← θ - lr * d

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        rho: in [0, 1], of both running means.
        eps: >= 0.
        weight_decay: >= 0.
        maximize: ascend.
        foreach, capturable, differentiable: accepted as PyTorch's and without meaning; a step is
            always one native call and can always be compiled.

    State: `step` (a 0-d float32 tensor), `square_avg`, `acc_delta`. ValueError names the argument
    that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = Adadelta([w], rho=0.75, eps=0.25)
        >>> w.grad = chainrule.tensor([3.0])
        >>> optimizer.step()
        >>> w  # 1 - sqrt(0.25) / sqrt(0.25 * 9 + 0.25) * 3
        Parameter containing:
        tensor([0.0513], requires_grad=True)

    Source: Zeiler (2012); named in 004_207294fe22f678c8.txt.
    """

    _run_all = _core._all_or_none(_core._ops.adadelta_update)
    _hyper_names = ("lr", "rho", "eps", "weight_decay")
    _ranges = MappingProxyType({"rho": UP_TO_1})
    _states = MappingProxyType({"step": True, "square_avg": True, "acc_delta": True})
    _lists = ("square_avg", "acc_delta", "step")

    def __init__(
        self,
        params,
        lr: Rate = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, settings(locals()))
