"""Stochastic gradient descent."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import ANY
from ._native import NONE, NativeOptimizer, settings
from ._rate import Rate


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
        lr_in_velocity: not PyTorch's. v ← momentum * v + (1 - dampening) * lr * g, θ ← θ - v, with
        `nesterov` θ ← θ - (lr * g + momentum * v), as the slides have it: the same path while lr is
        constant, and under a schedule one whose velocity keeps the learning rates of its past.

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

    Source: 003_35a9ce6660cbb7d5.txt; momentum, 000_4bfdbb0e825250a6.txt and
    004_207294fe22f678c8.txt; Sutskever et al. (2013).
    """

    _run_all = _core._all_or_none(_core._ops.sgd_update)
    _hyper_names = ("lr", "momentum", "dampening", "weight_decay")
    _ranges = MappingProxyType({"dampening": ANY})
    _flag_names = ("nesterov", "maximize")
    _switch = "lr_in_velocity"
    _states = MappingProxyType({"momentum_buffer": False})
    _scalars = NONE

    def __init__(
        self,
        params,
        lr: Rate = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        lr_in_velocity: bool = False,
    ):
        super().__init__(params, settings(locals()))

    def _check_settings(self, group):
        super()._check_settings(group)
        if group["nesterov"] and not (group["momentum"] > 0 and group["dampening"] == 0):
            raise ValueError(
                "[SGD] expected momentum > 0 and dampening == 0 with nesterov; "
                f"got momentum={group['momentum']}, dampening={group['dampening']}."
            )

    def _flags(self, group):
        return bool(group["momentum"] != 0), *super()._flags(group)

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
        nesterov, maximize = group["nesterov"], group["maximize"]
        lr_in_velocity = group.get("lr_in_velocity", False)
        if new[0]:
            calls.append((*new, hyper, nesterov, maximize, True, lr_in_velocity))
        if known[0]:
            calls.append((*known, hyper, nesterov, maximize, False, lr_in_velocity))
