"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from .. import _core
from .._core import Tensor
from ._native import NativeOptimizer, as_number, check_lr, check_not_negative

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class SGD(NativeOptimizer):
    """Gradient descent with momentum, Nesterov's form of it and weight decay.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ:
    v ← momentum * v + (1 - dampening) * g, in the first step v ← g; then θ ← θ - lr * v, or with
    `nesterov` θ ← θ - lr * (g + momentum * v).

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        momentum: >= 0; 0 keeps no state.
        dampening: the share of the gradient that momentum leaves out.
        weight_decay: >= 0, a penalty weight_decay/2 * |θ|².
        nesterov: needs momentum > 0 and dampening 0.
        maximize: ascend.
        foreach, differentiable, fused: accepted as PyTorch's and without meaning; a step is always
        one native call.

    State: `momentum_buffer`. ValueError names the argument that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = SGD([w], lr=0.25, momentum=0.9)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (w**2).sum().backward()
        ...     optimizer.step()
        >>> w  # 1 - 0.25 * 2, then 0.5 - 0.25 * (0.9 * 2 + 1)
        Parameter containing:
        tensor([-0.2000], requires_grad=True)

    Source: 003_35a9ce6660cbb7d5.txt; momentum, 004_207294fe22f678c8.txt, which has lr inside v (the
    same path while lr is constant); Sutskever et al. (2013).
    """

    _run_all = _core._all_or_none(_core._ops.sgd_update)
    _hyper_names = ("lr", "momentum", "dampening", "weight_decay")
    _states = MappingProxyType({"momentum_buffer": False})

    def __init__(
        self,
        params,
        lr: float | Tensor | Callable[[Tensor], Tensor | float] = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        defaults: dict[str, Any] = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _check_settings(self, group):
        check_lr("SGD", group["lr"])
        check_not_negative("SGD", "momentum", group["momentum"])
        check_not_negative("SGD", "weight_decay", group["weight_decay"])
        as_number("SGD", "dampening", group["dampening"])
        super()._check_settings(group)
        if group["nesterov"] and not (group["momentum"] > 0 and group["dampening"] == 0):
            raise ValueError(
                "[SGD] expected momentum > 0 and dampening == 0 with nesterov; "
                f"got momentum={group['momentum']}, dampening={group['dampening']}."
            )

    def _settings(self, group):
        return group["lr"], group["momentum"], group["dampening"], group["weight_decay"]

    def _flags(self, group):
        return bool(group["momentum"] != 0), group["nesterov"], group["maximize"]

    def _gather(self, group, hyper, calls, fresh):
        known, new = ([], [], []), ([], [], [])  # parameters, gradients, momentum buffers
        momentum = group["momentum"] != 0
        state_of = self.state.get
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            params, grads, buffers = known
            if momentum:
                state = state_of(param)
                buffer = state.get("momentum_buffer") if state else None
                if buffer is None:
                    buffer = _core.empty_like(param)
                    fresh.append((param, {"momentum_buffer": buffer}))
                    params, grads, buffers = new
                buffers.append(buffer)
            params.append(param)
            grads.append(grad)
        flags = group["nesterov"], group["maximize"]
        if new[0]:
            calls.append((*new, hyper, *flags, True))
        if known[0]:
            calls.append((*known, hyper, *flags, False))
