"""Dropout."""

from __future__ import annotations

from .._checks import require_number
from .._core import Tensor, _functional
from . import functional
from ._module import Module


class Dropout(Module):
    """Zero each element with probability `p` while training and scale the rest by 1 / (1 - p).

    In evaluation mode it returns its input. A new mask is drawn at every call.

    Args:
        p: probability of zero, 0 <= p <= 1; ValueError otherwise.
        inplace: write the result into the input.

    Shapes: any floating input; the output has its shape.

    Example:
        >>> nn.Dropout(0.2).eval()(chainrule.ones(3))
        tensor([1., 1., 1.])

    Source: 004_207294fe22f678c8.txt, which scales the weights at test time instead; the expectation
    is the same. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting" (2014).
    """

    def __init__(self, p: float = 0.5, inplace: bool = False):
        if not 0 <= require_number("Dropout", "p", p) <= 1:
            raise ValueError(f"[Dropout] expected 0 <= p <= 1; got {p}.")
        super().__init__()
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        if self.inplace:
            return functional.dropout(input, self.p, self.training, inplace=True)
        return _functional.dropout(input, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"
