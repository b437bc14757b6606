"""All parameters of a network as one flat vector, and back: for line searches and averages."""

from __future__ import annotations

from collections.abc import Iterable

from ... import _core
from ..._checks import require_tensor, tensor_list
from ..._core import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters in order, as one vector; gradients flow through it.

    Example:
        >>> parameters_to_vector(nn.Linear(4, 3).parameters()).shape
        chainrule.Size([15])
    """
    parameters = tensor_list("parameters_to_vector", parameters)
    if not parameters:
        raise ValueError("[parameters_to_vector] expected at least one parameter; got none.")
    return _core.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of `vec` into the parameters, in order; their memory stays where it is.

    Raises TypeError when `vec` is no tensor, ShapeError when it has not as many elements as the
    parameters together.
    """
    require_tensor("vector_to_parameters", vec)
    parameters = tensor_list("vector_to_parameters", parameters)
    total = sum(parameter.numel() for parameter in parameters)
    if tuple(vec.shape) != (total,):
        raise _core.ShapeError(
            f"[vector_to_parameters] expected shape ({total},); got {tuple(vec.shape)}."
        )
    begin = 0
    with _core.no_grad():
        for parameter in parameters:
            end = begin + parameter.numel()
            parameter.copy_(vec[begin:end].reshape(parameter.shape))
            begin = end
