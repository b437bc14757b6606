"""Lion."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import BELOW_1
from ._native import NONE, NativeOptimizer, settings
from ._rate import Rate


class Lion(NativeOptimizer):
    """Steps of the sign of a running mean of the gradient: all weights move by lr.

    With g the gradient (its negative when `maximize`):
        θ ← (1 - lr * weight_decay) θ - lr * sign(β₁ m + (1 - β₁) g)
        m ← β₂ m + (1 - β₂) g

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        betas: β₁ and β₂, each in [0, 1).
        weight_decay: >= 0.
        maximize: ascend.
        foreach, capturable, differentiable: accepted as in Adam and without meaning.

    State: `exp_avg`. ValueError names the argument that is out of its range. PyTorch has no Lion;
    names, order and defaults are those of its authors' code.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0, 1.0, 1.0]))
        >>> optimizer = Lion([w], lr=0.25)
        >>> w.grad = chainrule.tensor([30.0, -0.001, 0.0])
        >>> optimizer.step()
        >>> w.tolist()
        [0.75, 1.25, 1.0]

    Source: Chen et al. (2023), "Symbolic discovery of optimization algorithms".
    """

    _run_all = _core._all_or_none(_core._ops.lion_update)
    _hyper_names = ("lr", "betas[0]", "betas[1]", "weight_decay")
    _ranges = MappingProxyType({"betas": BELOW_1})
    _states = MappingProxyType({"exp_avg": True})
    _lists = ("exp_avg",)
    _scalars = NONE

    def __init__(
        self,
        params,
        lr: Rate = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        super().__init__(params, settings(locals()))
