"""NAdam."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import BELOW_1
from ._native import STEP, NativeOptimizer, settings
from ._rate import Rate


class NAdam(NativeOptimizer):
    """Adam that looks ahead as Nesterov's momentum does, with a momentum that grows to β₁.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ, m and v Adam's means
    of it and of its square, in step t:
        μₜ = β₁ (1 - 0.96^(t * momentum_decay) / 2),  P ← P μₜ
        d = (1 - μₜ) g / (1 - P) + μₜ₊₁ m / (1 - P μₜ₊₁)
        θ ← θ - lr * d / (sqrt(v / (1 - β₂ᵗ)) + eps)

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        betas: β₁ and β₂, each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0.
        momentum_decay: >= 0, how fast the momentum grows.
        decoupled_weight_decay: multiply θ by 1 - lr * weight_decay in place of adding to g.
        maximize: ascend.
        foreach, capturable, differentiable: accepted as PyTorch's and without meaning; a step is
            always one native call and can always be compiled.

    State: `step` (a 0-d float32 tensor), `mu_product` (P, 0-d and float64), `exp_avg`,
    `exp_avg_sq`. ValueError names the argument that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = NAdam([w], lr=0.5)
        >>> w.grad = chainrule.tensor([3.0])
        >>> optimizer.step()
        >>> w
        Parameter containing:
        tensor([0.4718], requires_grad=True)

    Source: Dozat (2016); named in 004_207294fe22f678c8.txt.
    """

    _run_all = _core._all_or_none(_core._ops.nadam_update)
    _hyper_names = ("lr", "betas[0]", "betas[1]", "eps", "weight_decay", "momentum_decay")
    _ranges = MappingProxyType({"betas": BELOW_1})
    _flag_names = ("decoupled_weight_decay", "maximize")
    _states = MappingProxyType(
        {"step": True, "mu_product": True, "exp_avg": True, "exp_avg_sq": True}
    )
    _lists = ("exp_avg", "exp_avg_sq", "step", "mu_product")
    _scalars = MappingProxyType({**STEP, "mu_product": (_core.float64, 1.0)})

    def __init__(
        self,
        params,
        lr: Rate = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, settings(locals()))
