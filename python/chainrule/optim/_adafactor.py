"""Adafactor."""

from __future__ import annotations

from types import MappingProxyType

from .. import _core
from .._numeric import finfo
from ._composed import ComposedOptimizer
from ._hyper import Range
from ._native import settings
from ._rate import Rate


class Adafactor(ComposedOptimizer):
    """Steps divided by the root of a mean of squares that a matrix keeps as a column and a row.

    With g the gradient (its negative when `maximize`), in step t, β = 1 - t^beta2_decay and
    α = lr or, if smaller, 1/sqrt(t), times RMS(θ) or, if larger, eps[1]:
        θ ← (1 - lr * weight_decay) θ
        r ← β r + (1 - β) mean of g² over each row,  c the same over columns
        v = r c / max(mean of r, eps[0])
        u = g / sqrt(max(v, eps[0]²)),  θ ← θ - α u / max(1, RMS(u) / d)
    A parameter of fewer than two dimensions has v ← β v + (1 - β) g²; one of more is a stack of
    matrices, those of its last two.

    Args:
        params: tensors, (name, tensor) pairs or dicts of groups.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        beta2_decay: <= 0.
        eps: two numbers >= 0; the first may be None, which is the eps of the parameter's dtype.
        d: >= 1, how large RMS(u) may be.
        weight_decay: >= 0.
        maximize: ascend.
        foreach: accepted as PyTorch's and without meaning.

    State: `step` (a 0-d float32 tensor) and `row_var`, `col_var` or `variance`. ValueError names
    the argument that is out of its range.

    Example:
        >>> w = nn.Parameter(chainrule.full((2, 3), 2.0))
        >>> optimizer = Adafactor([w], lr=0.1)
        >>> (w**2).sum().backward()
        >>> optimizer.step()
        >>> w[0].tolist()  # 2 - 0.1 * 2, as RMS(w) is 2
        [1.7999999523162842, 1.7999999523162842, 1.7999999523162842]

    Source: Shazeer and Stern (2018), with PyTorch's places of eps.
    """

    _hyper_names = ("lr", "beta2_decay", "eps[0]", "eps[1]", "d", "weight_decay")
    _ranges = MappingProxyType(
        {
            "beta2_decay": Range(lambda x: x <= 0, "{} <= 0"),
            "d": Range(lambda x: x >= 1, "{} >= 1"),
        }
    )
    _states = MappingProxyType({"step": True, "row_var": True, "col_var": True})
    _vector_states = MappingProxyType({"step": True, "variance": True})

    def __init__(
        self,
        params,
        lr: Rate = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        super().__init__(params, settings(locals()))

    def _states_of(self, param):
        return self._states if param.dim() > 1 else self._vector_states

    def _shape_of(self, name, param):
        shape = list(param.shape)
        if name in ("row_var", "col_var"):
            shape[-1 if name == "row_var" else -2] = 1
        return tuple(shape)

    def _settings(self, group):
        values = super()._settings(group)
        return tuple(0.0 if i == 2 and value is None else value for i, value in enumerate(values))

    def _flags(self, group):
        return self._several("eps", group["eps"], 2)[0] is None, *super()._flags(group)

    def _updated(self, param, grad, states, hyper, dtype, own_eps, maximize):
        lr, beta2_decay, eps1, eps2, d, weight_decay = hyper
        step, *variances = states
        if maximize:
            grad = -grad
        if own_eps:
            eps1 = finfo(dtype).eps + 0 * eps1
        step = step + 1
        count = step.double()
        rest = count**beta2_decay  # 1 - β
        rate = _core.minimum(lr, count**-0.5) * _core.maximum(eps2, _rms(param))
        param = param * (1 - lr * weight_decay)
        if len(variances) == 2:
            squares = [grad.norm(dim=dim, keepdim=True) ** 2 / grad.size(dim) for dim in (-1, -2)]
        else:
            squares = [grad * grad]
        # Written so that the first step, whose rest is 1, has the squares' own bits.
        new = [(1 - rest) * old + rest * s for old, s in zip(variances, squares, strict=True)]
        if len(new) == 2:
            rows, columns = new
            mean = _core.maximum(rows.mean(-2, keepdim=True).double(), eps1)
            square = rows * columns / mean
        else:
            (square,) = new
        update = _core.maximum(square, (eps1 * eps1).to(square.dtype)).rsqrt() * grad
        rate = rate / _core.maximum(_rms(update) / d, _core.ones_like(d))
        return param - rate * update, step, *new


def _rms(x):
    """The root of the mean of squares, a 0-d float64 tensor; 0 of no elements."""
    return x.norm().double() / max(x.numel(), 1) ** 0.5
