"""Penalties on the size of parameters, to be added to a loss: the regularised cost.

    loss = nn.functional.mse_loss(net(x), y) + nn.regularization.l2(net, 0.01)

`l2` is the lectures' lambda * (the sum of all squares), biases included, whose gradient is
2 * lambda * w. An optimizer's `weight_decay`, biases included as well, adds weight_decay * w to the
gradient: weight_decay = 2 * lambda is the same descent, without a pass over the parameters and
without the penalty in the value of the loss. (AdamW's decay is another one: it does not go through
the averages.)
"""

from __future__ import annotations

from .._checks import require_bool, require_number, type_name
from .._core import Tensor
from ._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["l1", "l2"]


def __dir__():
    return __all__


def l1(
    parameters: Module | Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Tensor,
    lambda_: float | Tensor,
    biases: bool = True,
) -> Tensor:
    """lambda * (the sum of |w|): few weights other than 0. The derivative at 0 is 0.

    Arguments as in l2.
    """
    chosen = _chosen("l1", parameters, lambda_, biases)
    return _total([w.abs().sum() for w in chosen]) * lambda_


def l2(
    parameters: Module | Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Tensor,
    lambda_: float | Tensor,
    biases: bool = True,
) -> Tensor:
    """lambda * (the sum of w²): small weights, as by weight_decay = 2 * lambda.

    Args:
        parameters: a module, its `named_parameters()`, or tensors.
        lambda_: >= 0, ValueError otherwise; or a tensor of one element, which is not read.
        biases: whether parameters named "bias", such as "layers.2.bias", count. False wants names:
            tensors without are a ValueError.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> with chainrule.no_grad():
        ...     _ = net.weight.fill_(3.0), net.bias.fill_(1.0)
        >>> nn.regularization.l2(net, 0.5).item(), nn.regularization.l2(net, 0.5, False).item()
        (9.5, 9.0)

    Source: 004_207294fe22f678c8.txt, biases included; 001_bfbf75e1b9730729.txt.
    """
    chosen = _chosen("l2", parameters, lambda_, biases)
    return _total([w.square().sum() for w in chosen]) * lambda_


def _total(sums):
    total = sums[0]
    for part in sums[1:]:
        total = total + part
    return total


def _chosen(op, parameters: Any, lambda_, biases) -> list[Tensor]:
    """The tensors whose sizes are counted; an error for other arguments."""
    if not isinstance(lambda_, Tensor) and not require_number(op, "lambda_", lambda_) >= 0:
        raise ValueError(f"[{op}] expected lambda_ >= 0; got {lambda_}.")
    require_bool(op, "biases", biases)
    if isinstance(parameters, Module):
        parameters = parameters.named_parameters()
    elif isinstance(parameters, Tensor):
        parameters = [parameters]
    elif not hasattr(parameters, "__iter__"):
        raise TypeError(
            f"[{op}] expected a module, its named_parameters(), or tensors; "
            f"got {type_name(parameters)}."
        )
    chosen = []
    for entry in parameters:
        name, tensor = entry if isinstance(entry, tuple) and len(entry) == 2 else (None, entry)
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"[{op}] expected a module, its named_parameters(), or tensors; "
                f"got {type_name(tensor)} among them."
            )
        if not biases and name is None:
            raise ValueError(
                f"[{op}] expected names, by which biases are left out; got a tensor alone. "
                "Use the module or its named_parameters()."
            )
        if biases or str(name).rpartition(".")[2] != "bias":
            chosen.append(tensor)
    if not chosen:
        raise ValueError(f"[{op}] expected one parameter or more; got none.")
    return chosen
