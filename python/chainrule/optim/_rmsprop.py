"""RMSprop."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._native import NativeOptimizer, settings
from ._rate import Rate


class RMSprop(NativeOptimizer):
    """Steps divided by the root of a running mean of the squared gradient.

    With g the gradient (its negative when `maximize`) plus weight_decay * θ:
        v ← alpha * v + (1 - alpha) g²
        θ ← θ - lr * g / (sqrt(v) + eps)
    With `centered` v is the variance: v - a² stands in its place in the second line, with a ←
    alpha * a + (1 - alpha) g. With momentum b ← momentum * b + g / (sqrt(v) + eps), θ ← θ - lr * b.

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        alpha: >= 0, of the running mean.
        eps: >= 0.
        weight_decay: >= 0.
        momentum: >= 0.
        centered: divide by the standard deviation.
        maximize: ascend.
        capturable, foreach, differentiable: accepted as PyTorch's and without meaning; a step is
            always one native call and can always be compiled.
        eps_in_root: not PyTorch's. Divide by sqrt(v + eps), as 004_207294fe22f678c8.txt has it for
            Adagrad.

    State: `step` (a 0-d float32 tensor), `square_avg`, with momentum `momentum_buffer`, with
    `centered` `grad_avg`. ValueError names the argument that is out of its range.

    A variance that comes out below 0, as rounding may have it when all gradients are equal, counts
    as 0.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0, -1.0]))
        >>> optimizer = RMSprop([w], lr=0.1, alpha=0.75)
        >>> (1000 * w**2).sum().backward()
        >>> optimizer.step()  # v is g²/4: the first step is 2 lr
        >>> w
        Parameter containing:
        tensor([ 0.8000, -0.8000], requires_grad=True)

    Source: Tieleman and Hinton (2012), Graves (2013) for `centered`; named in
    004_207294fe22f678c8.txt.
    """

    _run_all = _core._all_or_none(_core._ops.rmsprop_update)
    _hyper_names = ("lr", "alpha", "eps", "weight_decay", "momentum")
    _more_flags = ("centered",)
    _switch = "eps_in_root"
    _states = MappingProxyType(
        {"step": True, "square_avg": True, "momentum_buffer": False, "grad_avg": False}
    )
    _lists = ("square_avg", "grad_avg", "momentum_buffer", "step")

    def __init__(
        self,
        params,
        lr: Rate = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        eps_in_root: bool = False,
    ):
        super().__init__(params, settings(locals()))

    def _flags(self, group):
        return group["centered"], bool(group["momentum"] != 0), *super()._flags(group)

    def _used_lists(self, group):
        momentum = "momentum_buffer" if group["momentum"] != 0 else None
        return "square_avg", "grad_avg" if group["centered"] else None, momentum, "step"
