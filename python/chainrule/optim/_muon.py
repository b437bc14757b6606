"""Muon."""

from __future__ import annotations

import math
from types import MappingProxyType

from .. import _core
from .._checks import index_of, require_bool
from ._composed import ComposedOptimizer
from ._hyper import ANY
from ._native import NONE, settings
from ._rate import Rate

_ADJUSTED = (None, "original", "match_rms_adamw")
_MOST_STEPS = 99  # PyTorch's


class Muon(ComposedOptimizer):
    """Momentum whose steps are made nearly orthogonal: for matrices of hidden layers.

    With g the gradient of a matrix of A x B:
        m ← momentum * m + (1 - momentum) g
        x = (1 - momentum) g + momentum * m with `nesterov`, else m;  x ← x / max(|x|, eps)
        ns_steps times: x ← a x + (b x xᵀ + c (x xᵀ)²) x,  which draws singular values towards 1
        θ ← (1 - lr * weight_decay) θ - lr * s x
    s is sqrt(max(1, A / B)), or with "match_rms_adamw" 0.2 sqrt(max(A, B)).

    Args:
        params: matrices, (name, matrix) pairs or dicts of groups. Biases, embeddings and the like
            are for another optimizer.
        lr: >= 0, a number, a one-element tensor, or a function of the count of steps, as those of
            `optim.schedules`.
        weight_decay: >= 0.
        momentum: >= 0.
        nesterov: look ahead.
        ns_coefficients: a, b and c.
        eps: >= 0.
        ns_steps: an int in [0, 99].
        adjust_lr_fn: None or "original", or "match_rms_adamw".

    State: `momentum_buffer`. ValueError names the argument that is out of its range, or the size of
    a parameter that is no matrix. The iteration runs in the parameter's dtype (bfloat16: float32),
    where PyTorch's is in bfloat16.

    Example:
        >>> w = nn.Parameter(chainrule.zeros(2, 2))
        >>> optimizer = Muon([w], lr=0.1)
        >>> (w * chainrule.tensor([[3.0, 0.0], [0.0, -1.0]])).sum().backward()
        >>> optimizer.step()
        >>> w
        Parameter containing:
        tensor([[-0.0753,  0.0000],
                [ 0.0000,  0.1134]], requires_grad=True)

    Source: Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/; Liu et al. (2025),
    "Muon is scalable for LLM training", for "match_rms_adamw".
    """

    _hyper_names = (
        "lr",
        "weight_decay",
        "momentum",
        "ns_coefficients[0]",
        "ns_coefficients[1]",
        "ns_coefficients[2]",
        "eps",
    )
    _ranges = MappingProxyType({"ns_coefficients": ANY})
    _flag_names = ("nesterov", "ns_steps", "adjust_lr_fn")
    _states = MappingProxyType({"momentum_buffer": True})
    _scalars = NONE

    def __init__(
        self,
        params,
        lr: Rate = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        super().__init__(params, settings(locals()))

    def _check_params(self, group):
        super()._check_params(group)
        for param in group["params"]:
            if param.dim() != 2:
                raise ValueError(
                    "[Muon] expected params of 2 dimensions; got one of shape "
                    f"{tuple(param.shape)}. Give it to another optimizer."
                )

    def _check_flags(self, group):
        nesterov, steps, adjust = self._flags(group)
        require_bool("Muon", "nesterov", nesterov)
        if not 0 <= index_of("Muon", "ns_steps", steps) <= _MOST_STEPS:
            raise ValueError(f"[Muon] expected 0 <= ns_steps <= {_MOST_STEPS}; got {steps}.")
        if not (adjust is None or isinstance(adjust, str)) or adjust not in _ADJUSTED:
            raise ValueError(
                "[Muon] expected adjust_lr_fn to be None, 'original' or 'match_rms_adamw'; got "
                f"{adjust!r:.60}."
            )

    def _updated(self, param, grad, states, hyper, dtype, nesterov, ns_steps, adjust_lr_fn):
        lr, weight_decay, momentum, a, b, c, eps = hyper
        (buffer,) = states
        buffer = momentum * buffer + (1 - momentum) * grad
        x = (1 - momentum) * grad + momentum * buffer if nesterov else buffer
        rows, columns = param.shape
        x = _orthogonal(x.mT if rows > columns else x, (a, b, c), eps, ns_steps)
        if adjust_lr_fn == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns))
        else:
            scale = math.sqrt(max(1, rows / max(columns, 1)))
        param = param * (1 - lr * weight_decay)
        return param - (lr * scale) * (x.mT if rows > columns else x), buffer


def _orthogonal(x, coefficients, eps, steps):
    """U V' of x = U S V', roughly, by Newton-Schulz iteration; x has no more rows than columns."""
    a, b, c = coefficients
    x = x / _core.maximum(x.norm().double(), eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x
