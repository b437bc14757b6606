"""Rprop."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from ._hyper import Range
from ._native import NativeOptimizer, settings
from ._rate import Rate


class Rprop(NativeOptimizer):
    """Resilient backpropagation: a step of its own size for each weight, by the gradient's sign.

    With g the gradient (its negative when `maximize`), element by element: where g has the sign of
    the gradient before, the size grows by η₊; where it has the other, the size shrinks by η₋ and
    nothing is stepped, with g counted as 0; then the size is clamped and θ ← θ - size * sign(g).
    For full batches: the sign of a minibatch's gradient is a matter of chance.

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, where the sizes start, a number, a one-element tensor, or a function of the count
            of steps, as those of `optim.schedules`.
        etas: η₋ in (0, 1) and η₊ > 1.
        step_sizes: the smallest and the largest size, each >= 0.
        maximize: ascend.
        capturable, foreach, differentiable: accepted as PyTorch's and without meaning; a step is
            always one native call and can always be compiled.

    State: `step` (a 0-d float32 tensor), `prev`, `step_size`. ValueError names the argument that is
    out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = Rprop([w], lr=0.25)
        >>> for gradient in (3.0, 7.0, -1.0):
        ...     w.grad = chainrule.tensor([gradient])
        ...     optimizer.step()
        >>> w  # 1 - 0.25 - 1.2 * 0.25, and no third step
        Parameter containing:
        tensor([0.4500], requires_grad=True)

    Source: Riedmiller and Braun (1993).
    """

    _run_all = _core._all_or_none(_core._ops.rprop_update)
    _hyper_names = ("lr", "etas[0]", "etas[1]", "step_sizes[0]", "step_sizes[1]")
    _ranges = MappingProxyType(
        {
            "etas[0]": Range(lambda x: 0 < x < 1, "0 < {} < 1"),
            "etas[1]": Range(lambda x: x > 1, "{} > 1"),
        }
    )
    _states = MappingProxyType({"step": True, "prev": True, "step_size": True})
    _lists = ("prev", "step_size", "step")

    def __init__(
        self,
        params,
        lr: Rate = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        super().__init__(params, settings(locals()))
