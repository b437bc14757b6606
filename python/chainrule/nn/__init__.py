"""Modules, losses, parameters and what belongs to them, with PyTorch's names.

A source such as 000_4bfdbb0e825250a6.txt is a lecture; docs/lectures.md says which.
"""

from .._later import attach as _attach

_INSTEAD = {
    "ConvTranspose2d": "nn.functional.fold(weight.flatten(1).T @ input.flatten(2), output_size, "
    "kernel_size, stride=stride, padding=padding); weight is (in, out, height, width)",
    "Upsample": "input[:, :, rows][..., columns]; n times by the nearest, rows is "
    "chainrule.arange(n * input.shape[2]) // n and columns that of input.shape[3]",
    "Transformer": "nn.TransformerEncoder; generate_square_subsequent_mask(n) is "
    "chainrule.full((n, n), float('-inf')).triu(1)",
}

__getattr__, __dir__, __all__ = _attach(__name__, _INSTEAD)
