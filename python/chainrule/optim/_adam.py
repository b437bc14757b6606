"""Adam and AdamW."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import BELOW_1
from ._native import NativeOptimizer, settings
from ._rate import Rate


class Adam(NativeOptimizer):
    """Steps scaled by running means of the gradient and of its square.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ, in step t:
        m ← β₁ m + (1 - β₁) g
        v ← β₂ v + (1 - β₂) g²
        θ ← θ - lr * (m / (1 - β₁ᵗ)) / (sqrt(v / (1 - β₂ᵗ)) + eps)

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        betas: β₁ and β₂, each in [0, 1).
        eps: >= 0.
        weight_decay: >= 0.
        amsgrad: divide by the largest v so far.
        maximize: ascend.
        decoupled_weight_decay: multiply θ by 1 - lr * weight_decay in place of adding to g, which
            makes it AdamW.
        constant_bias_correction: not PyTorch's. Divide by 1 - β in every step and not by 1 - βᵗ, as
            004_207294fe22f678c8.txt has it: right in the first step only, later steps shrink to
            sqrt(1 - β₂) / (1 - β₁) = 0.316 of Adam's. For checking slides.
        foreach, capturable, differentiable, fused: accepted as PyTorch's and without meaning; a
            step is always one native call and can always be compiled.

    State: `step` (a 0-d float32 tensor), `exp_avg`, `exp_avg_sq`, with amsgrad `max_exp_avg_sq`.
    ValueError names the argument that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0, -1.0]))
        >>> optimizer = Adam([w], lr=0.1)
        >>> (1000 * w**2).sum().backward()
        >>> optimizer.step()  # the first step is lr times the sign, however large the gradient
        >>> w.tolist()
        [0.8999999761581421, -0.8999999761581421]

    Source: Kingma and Ba (2014), 000_4bfdbb0e825250a6.txt; Reddi et al. (2018) for amsgrad, named
    in 004_207294fe22f678c8.txt.
    """

    _run_all = _core._all_or_none(_core._ops.adam_update)
    _hyper_names = ("lr", "betas[0]", "betas[1]", "eps", "weight_decay")
    _ranges = MappingProxyType({"betas": BELOW_1})
    _flag_names = ("amsgrad", "maximize", "decoupled_weight_decay")
    _switch = "constant_bias_correction"
    _states = MappingProxyType(
        {"step": True, "exp_avg": True, "exp_avg_sq": True, "max_exp_avg_sq": False}
    )
    _lists = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")

    def __init__(
        self,
        params,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        constant_bias_correction: bool = False,
    ):
        super().__init__(params, settings(locals()))

    def _used_lists(self, group):
        return self._lists if group["amsgrad"] else ("exp_avg", "exp_avg_sq", None, "step")


class AdamW(Adam):
    """Adam whose weight decay does not pass through the means: θ ← θ * (1 - lr * weight_decay)
    before the step.

    Arguments, state and errors as Adam's; `weight_decay` is 0.01 unless given.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2017); named in
    004_207294fe22f678c8.txt.
    """

    def __init__(
        self,
        params,
        lr: Rate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
