"""Dropout in its forms, as functions. All take their masks from the numbers of `dropout`.

With `inplace` the result is written into the input, as in _activations.py.
"""

from __future__ import annotations

import math

from .. import _core
from .._checks import require_bool, require_bools, require_number, require_tensor
from .._core import Tensor, _functional
from .._warn import warn
from ._activations import in_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FLOOR = 1.7580993408473766  # -selu(-inf)


def require_probability(op: str, p: Any, name: str = "p") -> float:
    """`p` as a float; TypeError unless it is a number and no bool, ValueError unless it is in
    [0, 1]."""
    if isinstance(p, bool):
        raise TypeError(f"[{op}] expected {name} to be a number; got {p}.")
    if not 0 <= float(require_number(op, name, p)) <= 1:
        raise ValueError(f"[{op}] expected 0 <= {name} <= 1; got {p}.")
    return float(p)


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    scale_at_test: bool = False,
) -> Tensor:
    """Zero each element with probability p and scale the rest by 1 / (1 - p); the input when not
    training.

    `p` is in [0, 1], ValueError otherwise. With `scale_at_test` the rest keeps its values while
    training, and everything is multiplied by 1 - p when not training: the deck's form.

    Source: 004_207294fe22f678c8.txt; the default is what is called inverted dropout.
    """
    if scale_at_test:
        require_tensor("dropout", input)
        return _written(lambda x: _scaled_at_test(x, p, training), input, inplace)
    if inplace:
        return in_place(_functional.dropout, input, p, training)
    return _functional.dropout(input, p, training)


def _scaled_at_test(input, p, training):
    p = require_probability("dropout", p)
    if not require_bool("dropout", "training", training):
        return input * (1 - p)
    dropped = _dropped("dropout", input, p)
    return input if dropped is None else input.masked_fill(dropped, 0)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels with probability p and scale the rest by 1 / (1 - p).

    Shapes: (N, C, L) or (C, L), ShapeError otherwise; the output has the input's. The input when
    not training. Source: Tompson et al., "Efficient object localization using convolutional
    networks" (2015).
    """
    if require_tensor("dropout1d", input).dim() not in (2, 3):
        raise _core.ShapeError(
            f"[dropout1d] expected shape (N, C, L) or (C, L); got {tuple(input.shape)}."
        )
    return _over_channels("dropout1d", input, p, training, inplace, input.dim() - 1)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels with probability p and scale the rest by 1 / (1 - p).

    Shapes: (N, C, H, W); the output has the input's. As in PyTorch other shapes are read as (N, C,
    ...) with a warning, three dimensions, too. The input when not training.
    """
    if require_tensor("dropout2d", input).dim() != 4:
        _warn_of_shape("dropout2d", "(N, C, H, W)", input)
    return _over_channels("dropout2d", input, p, training, inplace, 2)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Zero whole channels with probability p and scale the rest by 1 / (1 - p).

    Shapes: (N, C, D, H, W) or (C, D, H, W); the output has the input's. As in PyTorch other shapes
    are read as (C, ...) with a warning. The input when not training.
    """
    if require_tensor("dropout3d", input).dim() not in (4, 5):
        _warn_of_shape("dropout3d", "(N, C, D, H, W) or (C, D, H, W)", input)
    return _over_channels("dropout3d", input, p, training, inplace, 2 if input.dim() == 5 else 1)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Set each element to SELU's floor with probability p, then scale and shift everything.

    With α = 1.7581 and a = ((α² p + 1) (1 - p))^-½ the result is a (x + α p) where x is kept, and
    -a α (1 - p) elsewhere: inputs of mean 0 and variance 1 keep both. All zeros for p = 1; the
    input when not training. Shapes: any. Source: Klambauer et al., "Self-Normalizing Neural
    Networks" (2017).
    """
    return _alpha("alpha_dropout", input, p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels.

    Shapes: (N, C, ...), ShapeError below two dimensions; the output has the input's.
    """
    return _alpha("feature_alpha_dropout", input, p, training, inplace, 2)


def _dropped(op, input, p, leading=None):
    """Where `dropout` would drop: a mask of the first `leading` dimensions, of all when None, with
    ones behind them. None where nothing is dropped."""
    sizes = tuple(require_tensor(op, input).shape)
    if p == 0 or input.numel() == 0:
        return None
    if leading is not None:
        if len(sizes) < leading:
            raise _core.ShapeError(f"[{op}] expected shape (N, C, ...); got {sizes}.")
        sizes = (*sizes[:leading], *(1 for _ in sizes[leading:]))
    return _functional.dropout(_core.ones(sizes, dtype=_core.float32), p, True) == 0


def _warn_of_shape(op, expected, input):
    warn(f"[{op}] expected shape {expected}; got {tuple(input.shape)}.")


def _over_channels(op, input, p, training, inplace, leading):
    p = require_probability(op, p)
    require_bools(op, training=training, inplace=inplace)
    dropped = _dropped(op, input, p, leading) if training else None
    if dropped is None:
        return input
    scale = 1 / (1 - p) if p < 1 else 0.0
    return _written(lambda x: (x * scale).masked_fill(dropped, 0), input, inplace)


def _alpha(op, input, p, training, inplace, leading=None):
    p = require_probability(op, p)
    require_tensor(op, input)
    require_bools(op, training=training, inplace=inplace)
    dropped = _dropped(op, input, p, leading) if training else None
    if dropped is None:
        return input
    a = 1 / math.sqrt((_FLOOR**2 * p + 1) * (1 - p)) if p < 1 else 0.0
    low, shift = -_FLOOR * a * (1 - p), _FLOOR * a * p
    return _written(lambda x: (x * a + shift).masked_fill(dropped, low), input, inplace)


def _written(op, input, inplace):
    return in_place(op, input) if inplace else op(input)
