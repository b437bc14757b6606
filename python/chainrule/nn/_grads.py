"""Clearing gradients: what Module.zero_grad and Optimizer.zero_grad share."""


def zero_grads(parameters, set_to_none):
    """Drop the gradients, or fill them with zeros and cut their history."""
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
