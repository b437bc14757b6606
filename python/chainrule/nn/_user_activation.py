"""Activations of one's own."""

from __future__ import annotations

from collections.abc import Callable

from .._checks import require_callable, require_tensor
from .._core import Tensor, _ops, is_grad_enabled, no_grad
from ._module import Module


class Activation(Module):
    """Any function of a tensor as a module, for instance between the layers of a Sequential.

    Args:
        function: what is applied to the input, made of operations on tensors. Gradients come from
            these operations.
        derivative: a function of the input that gives the derivative, element by element, in the
            place of that of the operations: for steps, and to train with another slope than the
            true one. None for the true one.

    Shapes: whatever `function` takes and gives; with `derivative` both give the input's shape and
    dtype, ShapeError otherwise. Captured steps and second derivatives work with either. A function
    that closes over numbers keeps those of the recording in a captured step.

    Not in PyTorch, where a Module or an `autograd.Function` takes its place; `autograd.Function` is
    here, too, and cpp/README.md adds an operation in C++.

    Example:
        >>> cube = nn.Activation(lambda x: x**3)
        >>> straight = nn.Activation(chainrule.sign, derivative=chainrule.ones_like)
        >>> net = nn.Sequential(nn.Linear(2, 8), cube, nn.Linear(8, 1), straight)
        >>> x = chainrule.tensor([-2.0, 0.5], requires_grad=True)
        >>> straight(x).sum().backward()
        >>> x.grad
        tensor([1., 1.])

    Source: "any non-linear, mostly differentiable function", 000_4bfdbb0e825250a6.txt; the
    straight-through derivative, Bengio et al., "Estimating or propagating gradients through
    stochastic neurons" (2013).
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        derivative: Callable[[Tensor], Tensor] | None = None,
    ):
        super().__init__()
        self.function = require_callable("Activation", function)
        if derivative is not None:
            require_callable("Activation", derivative)
        self.derivative = derivative

    def forward(self, input: Tensor) -> Tensor:
        if self.derivative is None or not is_grad_enabled():
            return self.function(input)
        require_tensor("Activation", input)
        with no_grad():
            value = require_tensor("Activation", self.function(input))
        return _ops.with_slope(value, input, require_tensor("Activation", self.derivative(input)))

    def extra_repr(self):
        functions = [self.function] if self.derivative is None else [self.function, self.derivative]
        return ", ".join(getattr(f, "__name__", type(f).__name__) for f in functions)
