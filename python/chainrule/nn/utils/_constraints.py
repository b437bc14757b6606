"""Constraints on weights, kept by calling one after `optimizer.step()`. In tensor arithmetic: no
value is read, so it can stand inside a compiled step.

Source: "extra constraints (max-norm etc.)", 001_bfbf75e1b9730729.txt.
"""

from __future__ import annotations

from collections.abc import Iterable

from ... import _core
from ..._checks import check_dim, require_number, tensor_list
from ..._core import Tensor


def max_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, dim: int = 0, norm_type: float = 2.0
) -> None:
    """Shorten the vectors in the parameters, in place, that are longer than `max_norm`.

    The vectors are the slices along `dim`: with 0, in weights (out, in), those into each unit. One of
    norm n > max_norm is multiplied by max_norm / (n + 1e-7), as `torch.renorm` does; the others
    keep their bits. One whose norm overflows becomes zeros, also as there.

    Args:
        parameters: floating tensors of at least 2 dimensions: weights, without the biases.
        max_norm: > 0.
        dim: which dimension counts the vectors.
        norm_type: the p > 0 of the p-norm, possibly inf.

    ShapeError, and nothing is changed, for a tensor of fewer dimensions.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> _ = layer.weight.data.copy_(chainrule.tensor([[3.0, 4.0], [0.3, 0.4]]))
        >>> max_norm_(layer.weight, 1.0)
        >>> layer.weight
        Parameter containing:
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]], requires_grad=True)

    Source: Srivastava et al., "Dropout" (2014).
    """
    parameters = _floating("max_norm_", parameters)
    max_norm = _positive("max_norm_", "max_norm", max_norm)
    norm_type = _positive("max_norm_", "norm_type", norm_type)
    if max_norm == float("inf"):
        raise ValueError("[max_norm_] expected a finite max_norm; got inf.")
    for parameter in parameters:
        if parameter.dim() < 2:
            raise _core.ShapeError(
                "[max_norm_] expected parameters of at least 2 dimensions; got shape "
                f"{tuple(parameter.shape)}. Pass the weights without the biases."
            )
        check_dim("max_norm_", dim, parameter)
    with _core.no_grad():
        for parameter in parameters:
            if parameter.numel() == 0:
                continue
            others = tuple(d for d in range(parameter.dim()) if d != dim % parameter.dim())
            norms = _core.norm(parameter, norm_type, dim=others, keepdim=True)
            scale = max_norm / (norms + 1e-7)
            parameter.mul_(_core.where(norms > max_norm, scale, _core.ones_like(scale)))


def non_negative_(parameters: Tensor | Iterable[Tensor]) -> None:
    """Put 0 in the place of every negative element of the parameters, in place; NaN stays.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.5, -0.2]))
        >>> non_negative_(w)
        >>> w.tolist()
        [1.5, 0.0]
    """
    with _core.no_grad():
        for parameter in _floating("non_negative_", parameters):
            parameter.clamp_(min=0)


def _floating(op, parameters):
    parameters = tensor_list(op, parameters)
    for parameter in parameters:
        if not parameter.is_floating_point():
            raise _core.DtypeError(
                f"[{op}] expected floating parameters; got one of {parameter.dtype}."
            )
    return parameters


def _positive(op, name, value):
    if not float(require_number(op, name, value)) > 0:
        raise ValueError(f"[{op}] expected {name} > 0; got {value!r:.60}.")
    return float(value)
