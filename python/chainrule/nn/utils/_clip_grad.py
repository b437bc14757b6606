"""Gradient clipping, in tensor arithmetic: no value is read, so it can stand inside a compiled
step.

Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks"
(2013).
"""

from __future__ import annotations

from collections.abc import Iterable

from ... import _core
from ..._checks import as_float, require_bool, tensor_list
from ..._core import Tensor
from ..._warn import warn


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors together, as if they were one vector; a 0-d tensor, 0 without
    tensors.

    `norm_type` is the p of the p-norm, possibly inf. With `error_if_nonfinite` a norm that is inf
    or nan is a StateError; that reads the value, so it cannot stand inside a compiled function.
    `foreach` has no meaning.
    """
    tensors = tensor_list("get_total_norm", tensors)
    require_bool("get_total_norm", "error_if_nonfinite", error_if_nonfinite)
    tensors = [tensor for tensor in tensors if tensor.numel()]  # nothing has no largest
    if not tensors:
        return _core.zeros(())
    with _core.no_grad():
        norms = [_core.norm(tensor, norm_type) for tensor in tensors]
        total = _core.norm(_core.stack(norms), norm_type)
    if error_if_nonfinite:
        _core._refuse_while_recording(
            "error_if_nonfinite=True", "Leave it out and look at the norm outside."
        )
    if error_if_nonfinite and not bool(_core.isfinite(total)):
        raise _core.StateError(
            f"[clip_grad_norm_] expected gradients with a finite norm of order {norm_type}; "
            f"got {total.item()}."
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale the gradients by min(1, max_norm / (total_norm + 1e-6)), in place.

    `total_norm` is what `get_total_norm` gave, possibly of more parameters than these. `foreach` has
    no meaning.
    """
    grads = _grads("clip_grads_with_norm_", parameters)
    max_norm = _bound("clip_grads_with_norm_", "max_norm", max_norm)
    if not grads:
        return
    with _core.no_grad():
        scale = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(scale)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of all parameters, in place, so that their joint norm is at most
    `max_norm`.

    Returns the norm before, a 0-d tensor. Parameters without gradient are passed over. ValueError
    for a `max_norm` below 0. `foreach` has no meaning.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.5, 2.0]))
        >>> (w**2).sum().backward()
        >>> clip_grad_norm_([w], max_norm=1.0)
        tensor(5.)
        >>> w.grad
        tensor([0.6000, 0.8000])
    """
    parameters = _parameter_list("clip_grad_norm_", parameters)
    max_norm = _bound("clip_grad_norm_", "max_norm", max_norm)
    total = get_total_norm(_grads("clip_grad_norm_", parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp every element of the gradients to [-clip_value, clip_value], in place.

    Parameters without gradient are passed over. TypeError unless `clip_value` is a number, ValueError
    below 0. `foreach` has no meaning.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.5, -0.2]))
        >>> (w**2).sum().backward()
        >>> clip_grad_value_(w, 1.0)
        >>> w.grad
        tensor([ 1.0000, -0.4000])
    """
    clip_value = _bound("clip_grad_value_", "clip_value", clip_value)
    with _core.no_grad():
        for grad in _grads("clip_grad_value_", _parameter_list("clip_grad_value_", parameters)):
            grad.clamp_(min=-clip_value, max=clip_value)


def _bound(op, name, value):
    """`value` as a float; ValueError below 0, where gradients would turn round, and for NaN."""
    bound = as_float(op, name, value)
    if not bound >= 0:
        raise ValueError(f"[{op}] expected {name} >= 0; got {value!r:.60}.")
    return bound


def _parameter_list(op, parameters):
    """The parameters; a warning for an iterator that has nothing left, as after a loop over it."""
    found = tensor_list(op, parameters)
    if not found and hasattr(parameters, "__next__"):
        warn(
            f"[{op}] expected parameters; got an iterator without any, so nothing is clipped. Call "
            "net.parameters() again.",
        )
    return found


def _grads(op, parameters):
    grads = (parameter.grad for parameter in tensor_list(op, parameters))
    return [grad for grad in grads if grad is not None]
