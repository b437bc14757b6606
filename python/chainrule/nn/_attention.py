"""Attention as a function, made of operations that exist anyway."""

from __future__ import annotations

import math

from .. import _core
from .._autocast import is_autocast_enabled
from .._checks import require_bool, require_number, require_tensor
from .._core import Tensor, _functional
from ._dropouts import require_probability

OP = "scaled_dot_product_attention"
_INF = float("inf")


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query keyᵀ * scale + mask) value: for each query a mean of the values.

    Args:
        query, key, value: of one floating dtype.
        attn_mask: bools, True where a query looks at a key, or floats that are added to the scores,
            of query's dtype or float32. Its shape broadcasts to (*, L, S).
        dropout_p: 0 <= dropout_p <= 1, how many of the weights become 0, always: pass 0 when not
            training.
        is_causal: query i looks at keys 0 to i alone; there may be no attn_mask then.
        scale: of the scores; 1 / sqrt(E) when None.
        enable_gqa: key and value may have fewer heads, sizes at dim -3, than query, of whose number
            theirs are divisors: each serves a group of query's.

    A query that may look at no key, whose scores are all -inf, gets 0, and gives no gradient.
    Shapes: query (*, L, E), key (*, S, E), value (*, S, V), output (*, L, V); leading sizes
    broadcast. ShapeError, DtypeError or ValueError for others.

    Example:
        >>> keys, values = chainrule.eye(2), chainrule.tensor([[1.0], [3.0]])
        >>> scaled_dot_product_attention(100 * keys, keys, values)
        tensor([[1.],
                [3.]])
        >>> scaled_dot_product_attention(chainrule.zeros(2, 2), keys, values, is_causal=True)
        tensor([[1.],
                [2.]])

    Source: Vaswani et al., "Attention is all you need" (2017), equation 1.
    """
    _check_inputs(query, key, value)
    require_probability(OP, dropout_p, "dropout_p")
    dtype = query.dtype
    if dtype == _core.bfloat16:  # rounded once, at the end
        query, key, value = query.float(), key.float(), value.float()
    if require_bool(OP, "enable_gqa", enable_gqa):
        key, value = (
            _for_each_head(name, query, x) for name, x in (("key", key), ("value", value))
        )
    factor = one_over_root(query.size(-1)) if scale is None else require_number(OP, "scale", scale)
    leading = _leading_sizes(query, key, value)
    length, count = query.size(-2), key.size(-2)
    if attn_mask is not None:
        _check_mask(attn_mask, dtype, (*leading, length, count))
    scores = _core.matmul(query * factor, key.mT)
    if require_bool(OP, "is_causal", is_causal):
        if attn_mask is not None:
            raise ValueError(f"[{OP}] expected no attn_mask with is_causal=True; got one.")
        ahead = _core.ones(length, count, dtype=_core.bool, device=query.device).triu(1)
        scores = scores.masked_fill(ahead, -_INF)
    elif attn_mask is not None:
        scores = scores + added(attn_mask, query.dtype, allowed=True)
    weights = _softmax(scores)
    if dropout_p > 0:
        weights = _functional.dropout(weights, dropout_p)
    output = _core.matmul(weights, value)
    return output.to(dtype) if dtype == _core.bfloat16 else output


def added(mask: Tensor, dtype, allowed: bool) -> Tensor:
    """What is added to scores: a mask of bools as 0 where it is `allowed` and -inf elsewhere."""
    if mask.dtype != _core.bool:
        return mask.to(dtype)
    hidden = mask.logical_not() if allowed else mask
    return _core.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(hidden, -_INF)


def _softmax(scores):
    """softmax, of rows that are all -inf 0; they are left out before it, as its gradient there
    would be NaN."""
    dead = (scores == -_INF).all(-1, keepdim=True)
    return _core.softmax(scores.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0)


def one_over_root(size):
    return 1 / math.sqrt(size) if size else 1.0


def _for_each_head(name, query, x):
    """`x` with as many heads as `query`: each of its own several times."""
    heads = query.size(-3) if query.dim() > 2 else 0
    own = x.size(-3) if x.dim() > 2 else 0
    if not own or heads % own != 0:
        raise _core.ShapeError(
            f"[{OP}] expected a number of heads, the size at dim -3, of {name} that divides that of "
            f"query with enable_gqa; got {tuple(query.shape)} and {tuple(x.shape)}."
        )
    *leading, _, rows, columns = x.shape
    each = x.unsqueeze(-3).expand(*leading, own, heads // own, rows, columns)
    return each.reshape(*leading, heads, rows, columns)


def _check_inputs(query, key, value):
    for tensor in (query, key, value):
        require_tensor(OP, tensor)
    shapes = ", ".join(str(tuple(x.shape)) for x in (query, key, value))
    if min(query.dim(), key.dim(), value.dim()) < 2:
        raise _core.ShapeError(
            f"[{OP}] expected query, key and value of 2 dimensions or more; got {shapes}."
        )
    if query.size(-1) != key.size(-1) or key.size(-2) != value.size(-2):
        raise _core.ShapeError(
            f"[{OP}] expected query (*, L, E), key (*, S, E) and value (*, S, V); got {shapes}."
        )
    dtypes = [x.dtype for x in (query, key, value)]
    floating = all(x.is_floating_point() for x in (query, key, value))
    if not floating or (len(set(dtypes)) > 1 and not is_autocast_enabled()):
        raise _core.DtypeError(
            f"[{OP}] expected query, key and value of one floating dtype; got "
            f"{', '.join(map(str, dtypes))}."
        )


def _leading_sizes(query, key, value):
    """The sizes before the last two, which broadcast."""
    sizes = [tuple(x.shape[:-2]) for x in (query, key, value)]
    rank = max(map(len, sizes))
    columns = zip(*((1,) * (rank - len(s)) + s for s in sizes), strict=True)
    found = [set(column) - {1} or {1} for column in columns]
    if any(len(several) > 1 for several in found):
        raise _core.ShapeError(
            f"[{OP}] expected leading sizes of query, key and value that broadcast; got "
            f"{', '.join(str(tuple(x.shape)) for x in (query, key, value))}."
        )
    return tuple(several.pop() for several in found)


def _check_mask(mask, dtype, shape):
    require_tensor(OP, mask)
    if mask.dtype not in (_core.bool, _core.float32, dtype):
        floating = (
            mask.is_floating_point()
        )  # what is added; zeros, where a query looks, are no True
        cast = "to(query.dtype)" if floating else "bool(), True where a query looks"
        raise _core.DtypeError(
            f"[{OP}] expected attn_mask of bool, float32 or query's {dtype}; got {mask.dtype}. "
            f"Use attn_mask.{cast}."
        )
    own = tuple(mask.shape)
    fits = len(own) <= len(shape) and all(
        a in (1, b) for a, b in zip(own[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise _core.ShapeError(
            f"[{OP}] expected attn_mask of a shape that broadcasts to {shape}; got {own}."
        )
