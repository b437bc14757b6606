"""Clearing gradients: what Module.zero_grad and Optimizer.zero_grad share."""

from .._checks import require_bool


def zero_grads(parameters, set_to_none):
    """Drop the gradients, or fill them with zeros and cut their history."""
    require_bool("zero_grad", "set_to_none", set_to_none)
    for parameter in parameters:
        if set_to_none:
            parameter.grad = None
            continue
        grad = parameter.grad
        if grad is None:
            continue
        if grad.requires_grad:  # left by backward(create_graph=True)
            parameter.grad = grad = grad.detach()
        grad.zero_()
