"""Adamax."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import BELOW_1
from ._native import NativeOptimizer, settings
from ._rate import Rate


class Adamax(NativeOptimizer):
    """Adam with the largest recent gradient in the place of the squares' mean.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ, in step t:
        m ← β₁ m + (1 - β₁) g
        u ← max(β₂ u, |g| + eps)
        θ ← θ - lr / (1 - β₁ᵗ) * m / u

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        betas: β₁ and β₂, each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0.
        maximize: ascend.
        foreach, differentiable, capturable: accepted as PyTorch's and without meaning; a step is
            always one native call and can always be compiled.

    State: `step` (a 0-d float32 tensor), `exp_avg`, `exp_inf`. ValueError names the argument that
    is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = Adamax([w], lr=0.5)
        >>> w.grad = chainrule.tensor([3.0])
        >>> optimizer.step()  # the first step is lr times the sign
        >>> w
        Parameter containing:
        tensor([0.5000], requires_grad=True)

    Source: Kingma and Ba (2014), section 7.1; named in 004_207294fe22f678c8.txt.
    """

    _run_all = _core._all_or_none(_core._ops.adamax_update)
    _hyper_names = ("lr", "betas[0]", "betas[1]", "eps", "weight_decay")
    _ranges = MappingProxyType({"betas": BELOW_1})
    _states = MappingProxyType({"step": True, "exp_avg": True, "exp_inf": True})
    _lists = ("exp_avg", "exp_inf", "step")

    def __init__(
        self,
        params,
        lr: Rate = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, settings(locals()))
