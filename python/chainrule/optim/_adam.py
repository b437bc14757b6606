"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from .. import _core
from .._core import Tensor
from ._native import NativeOptimizer, as_number, check_lr, check_not_negative


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

    Source: Kingma and Ba (2014); Reddi et al. (2018) for amsgrad. 004_207294fe22f678c8.txt has
    1 - β where 1 - βᵗ stands here, which is right in the first step only.
    """

    _run_all = _core._all_or_none(_core._ops.adam_update)
    _hyper_names = ("lr", "betas[0]", "betas[1]", "eps", "weight_decay")
    _states = MappingProxyType(
        {"step": True, "exp_avg": True, "exp_avg_sq": True, "max_exp_avg_sq": False}
    )

    def __init__(
        self,
        params,
        lr: float | Tensor | Callable[[Tensor], Tensor | float] = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _check_settings(self, group):
        super()._check_settings(group)
        name = type(self).__name__
        check_lr(name, group["lr"])
        check_not_negative(name, "eps", group["eps"])
        check_not_negative(name, "weight_decay", group["weight_decay"])
        for index, beta in enumerate(self._betas(group)):
            if not 0 <= as_number(name, f"betas[{index}]", beta) < 1:
                raise ValueError(f"[{name}] expected 0 <= betas[{index}] < 1; got {beta}.")

    def _betas(self, group):
        try:
            beta1, beta2 = group["betas"]
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"[{type(self).__name__}] expected two betas; got {group['betas']!r:.60}."
            ) from None
        return beta1, beta2

    def _settings(self, group):
        beta1, beta2 = self._betas(group)
        return group["lr"], beta1, beta2, group["eps"], group["weight_decay"]

    def _flags(self, group):
        return group["amsgrad"], group["maximize"], group["decoupled_weight_decay"]

    def _gather(self, group, hyper, calls, fresh):
        amsgrad = group["amsgrad"]
        params, grads, means, squares, largest, steps = [], [], [], [], [], []
        state_of = self.state.get
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            state = state_of(param)
            if (
                state is None
                or "exp_avg" not in state
                or (amsgrad and "max_exp_avg_sq" not in state)
            ):
                state = self._started(param, state, amsgrad)
                fresh.append((param, state))
            if amsgrad:
                largest.append(state["max_exp_avg_sq"])
            params.append(param)
            grads.append(grad)
            means.append(state["exp_avg"])
            squares.append(state["exp_avg_sq"])
            steps.append(state["step"])
        if params:
            lists = params, grads, means, squares, largest, steps
            calls.append((*lists, hyper, *self._flags(group)))

    def _started(self, param, state, amsgrad):
        """The state of a parameter with what is missing before its first step, or before its first
        one with amsgrad."""
        state = dict(state or ())
        if "exp_avg" not in state:
            state["step"] = _core.zeros((), dtype=_core.float32)
            state["exp_avg"] = _core.zeros_like(param)
            state["exp_avg_sq"] = _core.zeros_like(param)
        if amsgrad:
            state["max_exp_avg_sq"] = _core.zeros_like(param)
        return state


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
        lr: float | Tensor | Callable[[Tensor], Tensor | float] = 1e-3,
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
