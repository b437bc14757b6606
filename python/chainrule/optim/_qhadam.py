"""QHAdam."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import BELOW_1, UP_TO_1
from ._native import NativeOptimizer, settings
from ._rate import Rate


class QHAdam(NativeOptimizer):
    """Adam with a share of the present gradient beside its means.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ, m' and v' Adam's means
    of it and of its square, corrected for their start at 0:
        θ ← θ - lr * ((1 - ν₁) g + ν₁ m') / (sqrt((1 - ν₂) g² + ν₂ v') + eps)
    With nus=(1, 1) it is Adam; Nadam is near nus=(β₁, 1).

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        betas: β₁ and β₂, each in [0, 1).
        nus: ν₁ and ν₂, each in [0, 1], the means' shares. The paper recommends nus=(0.7, 1.0) with
            betas=(0.995, 0.999).
        weight_decay: >= 0.
        decoupled_weight_decay: multiply θ by 1 - lr * weight_decay in place of adding to g.
        eps: >= 0.
        maximize: ascend.
        foreach, capturable, differentiable: accepted as in Adam and without meaning.

    State: `step` (a 0-d float32 tensor), `exp_avg`, `exp_avg_sq`. ValueError names the argument
    that is out of its range. PyTorch has no QHAdam; names, order and defaults are those of its
    authors' package qhoptim, but for the flag's, which is called as in PyTorch's Adam.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = QHAdam([w], lr=0.5, betas=(0.995, 0.999), nus=(0.7, 1.0))
        >>> w.grad = chainrule.tensor([3.0])
        >>> optimizer.step()
        >>> w
        Parameter containing:
        tensor([0.5000], requires_grad=True)

    Source: Ma and Yarats (2018), "Quasi-hyperbolic momentum and Adam for deep learning"; named in
    004_207294fe22f678c8.txt.
    """

    _run_all = _core._all_or_none(_core._ops.qhadam_update)
    _hyper_names = ("lr", "betas[0]", "betas[1]", "nus[0]", "nus[1]", "eps", "weight_decay")
    _ranges = MappingProxyType({"betas": BELOW_1, "nus": UP_TO_1})
    _flag_names = ("decoupled_weight_decay", "maximize")
    _states = MappingProxyType({"step": True, "exp_avg": True, "exp_avg_sq": True})
    _lists = ("exp_avg", "exp_avg_sq", "step")

    def __init__(
        self,
        params,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        nus: tuple[float, float] = (1.0, 1.0),
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        eps: float = 1e-8,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, settings(locals()))
