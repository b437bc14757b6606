"""Dropout in its forms, as modules; the functions are in _dropouts.py."""

from __future__ import annotations

from .._checks import require_bool
from .._core import Tensor, _functional
from . import _dropouts
from ._dropouts import require_probability
from ._module import Module


class _Dropout(Module):
    """What all forms share: a probability, and whether the input is overwritten."""

    def __init__(self, p: float = 0.5, inplace: bool = False):
        name = type(self).__name__
        require_probability(name, p)
        require_bool(name, "inplace", inplace)
        super().__init__()
        self.p = p
        self.inplace = inplace

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Zero each element with probability `p` while training and scale the rest by 1 / (1 - p).

    In evaluation mode it returns its input. A new mask is drawn at every call.

    Args:
        p: probability of zero, 0 <= p <= 1; ValueError otherwise.
        inplace: write the result into the input.
        scale_at_test: the deck's form. While training the rest keeps its values; in evaluation mode
            the output is the input times 1 - p, which is to scale the weights of the layer that
            reads it. The expectation is the same. Masks are those of the default.

    Shapes: any floating input; the output has its shape.

    Example:
        >>> nn.Dropout(0.2).eval()(chainrule.ones(3))
        tensor([1., 1., 1.])
        >>> nn.Dropout(0.2, scale_at_test=True).eval()(chainrule.ones(3))
        tensor([0.8000, 0.8000, 0.8000])

    Source: 004_207294fe22f678c8.txt, with `scale_at_test`; Srivastava et al., "Dropout: a simple
    way to prevent neural networks from overfitting" (2014), which has both forms.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, scale_at_test: bool = False):
        super().__init__(p, inplace)
        self.scale_at_test = require_bool("Dropout", "scale_at_test", scale_at_test)

    def forward(self, input: Tensor) -> Tensor:
        if self.inplace or self.scale_at_test:
            return _dropouts.dropout(
                input, self.p, self.training, self.inplace, scale_at_test=self.scale_at_test
            )
        return _functional.dropout(input, self.p, self.training)

    def extra_repr(self):
        return super().extra_repr() + (", scale_at_test=True" if self.scale_at_test else "")


class Dropout1d(_Dropout):
    """Zero whole channels with probability `p` while training and scale the rest by 1 / (1 - p).

    `p` and `inplace` as in Dropout. Shapes: (N, C, L) or (C, L), ShapeError otherwise; the output
    has the input's.

    Source: Tompson et al., "Efficient object localization using convolutional networks" (2015).
    """

    def forward(self, input: Tensor) -> Tensor:
        return _dropouts.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Zero whole channels with probability `p` while training and scale the rest by 1 / (1 - p).

    `p` and `inplace` as in Dropout. Shapes: (N, C, H, W); the output has the input's. As in PyTorch
    other shapes are read as (N, C, ...) with a warning, three dimensions, too. Source: as Dropout1d.
    """

    def forward(self, input: Tensor) -> Tensor:
        return _dropouts.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Zero whole channels with probability `p` while training and scale the rest by 1 / (1 - p).

    `p` and `inplace` as in Dropout. Shapes: (N, C, D, H, W) or (C, D, H, W); the output has the
    input's. As in PyTorch other shapes are read as (C, ...) with a warning. Source: as Dropout1d.
    """

    def forward(self, input: Tensor) -> Tensor:
        return _dropouts.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout for networks of SELU: inputs of mean 0 and variance 1 keep both while training.

    Dropped elements go to SELU's floor, and everything is scaled and shifted; the formula is that of
    functional.alpha_dropout. In evaluation mode it returns its input. `inplace` has no effect, as in
    PyTorch. Shapes: any floating input; the output has its shape.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017).
    """

    def forward(self, input: Tensor) -> Tensor:
        return _dropouts.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels.

    Shapes: (N, C, ...), ShapeError below two dimensions; the output has the input's.
    """

    def forward(self, input: Tensor) -> Tensor:
        return _dropouts.feature_alpha_dropout(input, self.p, self.training)
