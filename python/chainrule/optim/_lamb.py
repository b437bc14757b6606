"""LAMB."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from .._numeric import finfo
from ._composed import ComposedOptimizer
from ._hyper import BELOW_1, Range
from ._native import settings
from ._rate import Rate


class LAMB(ComposedOptimizer):
    """Adam whose steps are as long as lr times the length of the parameter that they change.

    With g the gradient (its negative when `maximize`), m and v Adam's means of it and of its
    square, for each parameter θ in step t:
        r = (m / (1 - β₁ᵗ)) / (sqrt(v / (1 - β₂ᵗ)) + eps) + weight_decay * θ
        θ ← θ - lr * φ(|θ|) / |r| * r,  φ(z) = min(max(z, low), high)
    The ratio is 1 where φ(|θ|) or |r| is 0, so weights that start at 0 begin to move.

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        betas: β₁ and β₂, each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0.
        bias_correction: divide m and v by 1 - βᵗ; without, as they are.
        norm_bounds: low and high, 0 <= low <= high; low is finite.
        maximize: ascend.

    State: `step` (a 0-d float32 tensor), `exp_avg`, `exp_avg_sq`. ValueError names the argument
    that is out of its range. PyTorch has no LAMB.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([3.0, 4.0]))
        >>> optimizer = LAMB([w], lr=0.1)
        >>> (w * chainrule.tensor([1e-4, 1e4])).sum().backward()
        >>> optimizer.step()  # a tenth of |w| = 5 in all, shared out as Adam's step is
        >>> w
        Parameter containing:
        tensor([2.6482, 3.6447], requires_grad=True)

    Source: You et al. (2019), "Large batch optimization for deep learning: training BERT in 76
    minutes", algorithm 2.
    """

    _hyper_names = (
        "lr",
        "betas[0]",
        "betas[1]",
        "eps",
        "weight_decay",
        "norm_bounds[0]",
        "norm_bounds[1]",
    )
    _ranges = MappingProxyType(
        {
            "betas": BELOW_1,
            "norm_bounds[0]": Range(lambda x: 0 <= x < float("inf"), "a finite {} >= 0"),
        }
    )
    _flag_names = ("bias_correction", "maximize")
    _states = MappingProxyType({"step": True, "exp_avg": True, "exp_avg_sq": True})

    def __init__(
        self,
        params,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        bias_correction: bool = True,
        norm_bounds: tuple[float, float] = (0.0, float("inf")),
        *,
        maximize: bool = False,
    ):
        super().__init__(params, settings(locals()))

    def _check_settings(self, group):
        super()._check_settings(group)
        low, high = group["norm_bounds"]
        if not low <= high:
            raise ValueError(
                f"[LAMB] expected norm_bounds[0] <= norm_bounds[1]; got {low} and {high}."
            )

    def _updated(self, param, grad, states, hyper, dtype, bias_correction, maximize):
        lr, beta1, beta2, eps, weight_decay, low, high = hyper
        step, mean, square = states
        if maximize:
            grad = -grad
        step = step + 1
        mean = beta1 * mean + (1 - beta1) * grad
        square = beta2 * square + (1 - beta2) * grad * grad
        # Never subnormal where eps hides it, which would be slow; as in the native rules.
        tiny = finfo(square.dtype).tiny
        square = _core.where((square < tiny) & (eps > 0), 0.0, square)
        if bias_correction:
            count = step.double()
            first, second = mean / (1 - beta1**count), square / (1 - beta2**count)
        else:
            first, second = mean, square
        direction = first / (second.sqrt() + eps) + weight_decay * param
        length = _core.minimum(_core.maximum(param.double().norm(), low), high)
        size = direction.double().norm()
        ratio = _core.where((length > 0) & (size > 0), length / size, 1.0)
        return param - (lr * ratio) * direction, step, mean, square
