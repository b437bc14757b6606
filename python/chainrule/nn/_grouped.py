"""Activations that take elements together: softmax and its kin."""

from __future__ import annotations

from .._checks import index_of, require_tensor
from .._core import Tensor, _functional
from . import functional
from ._module import Module


class _AlongDim(Module):
    """An activation along `dim`."""

    def __init__(self, dim: int | None = None):
        if dim is not None:
            index_of(type(self).__name__, "dim", dim)
        super().__init__()
        self.dim = dim

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """e^x / sum(e^x) along `dim`: the results along it are positive and add up to 1.

    Without `dim` it is 0 for inputs of 0, 1 or 3 dimensions and 1 otherwise, with a warning, as in
    PyTorch.
    Shapes: any floating input. Before a CrossEntropyLoss it is one softmax too many: that loss
    takes logits.

    Source: 002_5fc2916072822600.txt.
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """log(softmax(x)) along `dim`, without overflow.

    `dim` as in Softmax. Shapes: any floating input. Source: the log-softmax layer of
    001_bfbf75e1b9730729.txt.
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """softmax(-x) along `dim`: the smallest element has the largest share.

    `dim` as in Softmax. Shapes: any floating input.
    """

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmin(input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of pictures.

    Shapes: (N, C, H, W) or (C, H, W); ValueError otherwise. The output has the input's.
    """

    def forward(self, input: Tensor) -> Tensor:
        if require_tensor("Softmax2d", input).dim() not in (3, 4):
            raise ValueError(
                f"[Softmax2d] expected (N, C, H, W) or (C, H, W); got {tuple(input.shape)}."
            )
        return _functional.softmax(input, -3)


class GLU(_AlongDim):
    """a sigmoid(b), where a and b are the first and the second half of the input along `dim`.

    Shapes: the size of `dim` is even, ShapeError otherwise; the output has half of it. Source:
    Dauphin et al., "Language modeling with gated convolutional networks" (2016).
    """

    dim: int

    def __init__(self, dim: int = -1):
        super().__init__(dim)

    def forward(self, input: Tensor) -> Tensor:
        return _functional.glu(input, self.dim)


class Maxout(Module):
    """The largest of every `pieces` neighbours along `dim`.

    A hidden layer of h units is Linear(d, h * pieces) and then Maxout(pieces). Equal neighbours
    share the gradient.

    Args:
        pieces: how many neighbours make a unit, at least 1; ValueError otherwise.
        dim: the dimension of the units.

    Shapes: `pieces` divides the size of `dim`, ShapeError otherwise; the output has the quotient.
    Not in PyTorch.

    Example:
        >>> nn.Maxout(2)(chainrule.tensor([1.0, 3.0, -2.0, -5.0]))
        tensor([ 3., -2.])

    Source: Goodfellow et al., "Maxout networks" (2013).
    """

    def __init__(self, pieces: int, dim: int = -1):
        if index_of("Maxout", "pieces", pieces) < 1:
            raise ValueError(f"[Maxout] expected pieces >= 1; got {pieces}.")
        super().__init__()
        self.pieces = pieces
        self.dim = index_of("Maxout", "dim", dim)

    def forward(self, input: Tensor) -> Tensor:
        return _functional.maxout(input, self.pieces, self.dim)

    def extra_repr(self):
        return f"pieces={self.pieces}, dim={self.dim}"
