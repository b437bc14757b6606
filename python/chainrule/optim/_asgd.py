"""Averaged stochastic gradient descent."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import FINITE
from ._native import STEP, NativeOptimizer, settings
from ._rate import Rate


class ASGD(NativeOptimizer):
    """Gradient descent with a learning rate that decays, and an average of the weights beside it.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ, in step t:
        θ ← (1 - lambd * η) θ - η g
        ax ← ax + μ (θ - ax)
        η ← lr / (1 + lambd * lr * t)^alpha,  μ ← 1 / max(1, t - t0)
    starting with η = lr and μ = 1. The average is in the state and not in the parameters.

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        lambd: finite, of the decay of θ and η.
        alpha: finite, the power of η's decay.
        t0: finite, the step from which on the average is one.
        weight_decay: >= 0.
        maximize: ascend.
        foreach, differentiable, capturable: accepted as PyTorch's and without meaning; a step is
            always one native call and can always be compiled.

    State: `step` (a 0-d float32 tensor), `eta` and `mu` (0-d and float64), `ax`. ValueError names
    the argument that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = ASGD([w], lr=0.25, lambd=0, t0=0)
        >>> for gradient in (1.0, 1.0, 1.0):
        ...     w.grad = chainrule.tensor([gradient])
        ...     optimizer.step()
        >>> w.item(), optimizer.state[w]["ax"].item()  # the last weight; the mean of two
        (0.25, 0.375)

    Source: Polyak and Juditsky (1992).
    """

    _run_all = _core._all_or_none(_core._ops.asgd_update)
    _hyper_names = ("lr", "lambd", "alpha", "t0", "weight_decay")
    _ranges = MappingProxyType({"lambd": FINITE, "alpha": FINITE, "t0": FINITE})
    _states = MappingProxyType({"step": True, "eta": True, "mu": True, "ax": True})
    _lists = ("ax", "step", "eta", "mu")
    _scalars = MappingProxyType({**STEP, "eta": (_core.float64, 0.0), "mu": (_core.float64, 1.0)})

    def __init__(
        self,
        params,
        lr: Rate = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, settings(locals()))
