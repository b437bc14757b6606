"""RAdam."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import BELOW_1
from ._native import NativeOptimizer, settings
from ._rate import Rate


class RAdam(NativeOptimizer):
    """Adam that divides by the squares' mean only once enough of them are in it, and then rectified.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ, m and v Adam's means
    of it and of its square, R = 2 / (1 - β₂) - 1, in step t:
        r = R - 2 t β₂ᵗ / (1 - β₂ᵗ)
        θ ← θ - lr * m / (1 - β₁ᵗ)  while r <= 5, then
        θ ← θ - lr * m / (1 - β₁ᵗ) * sqrt(1 - β₂ᵗ) / (sqrt(v) + eps) * c,
        c = sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r))

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        betas: β₁ and β₂, each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0.
        decoupled_weight_decay: multiply θ by 1 - lr * weight_decay in place of adding to g.
        maximize: ascend.
        foreach, capturable, differentiable: accepted as PyTorch's and without meaning; a step is
            always one native call and can always be compiled.

    State: `step` (a 0-d float32 tensor), `exp_avg`, `exp_avg_sq`. ValueError names the argument
    that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = RAdam([w], lr=0.25)
        >>> w.grad = chainrule.tensor([3.0])
        >>> optimizer.step()  # 1 - 0.25 * 3
        >>> w
        Parameter containing:
        tensor([0.2500], requires_grad=True)

    Source: Liu et al. (2019), "On the variance of the adaptive learning rate and beyond".
    """

    _run_all = _core._all_or_none(_core._ops.radam_update)
    _hyper_names = ("lr", "betas[0]", "betas[1]", "eps", "weight_decay")
    _ranges = MappingProxyType({"betas": BELOW_1})
    _flag_names = ("decoupled_weight_decay", "maximize")
    _states = MappingProxyType({"step": True, "exp_avg": True, "exp_avg_sq": True})
    _lists = ("exp_avg", "exp_avg_sq", "step")

    def __init__(
        self,
        params,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, settings(locals()))
