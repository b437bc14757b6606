"""Rows of a table, reduced in bags: the function behind EmbeddingBag."""

from __future__ import annotations

from .. import _core
from .._checks import require_bool, require_tensor
from .._core import Tensor, _ops
from .._warn import warn
from ._embeddings import FORMS, look_up, padding_row


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum (`mode`) of the rows that each bag of numbers names.

    Shapes: input (B, L), each row a bag; or (N,) with offsets (B,), where the bags begin, ascending
    from 0, and with `include_last_offset` also where the last one ends; weight (V, D); output (B,
    D), zeros for an empty bag. A number or an offset outside is an IndexError, also in a replay.

    Args:
        per_sample_weights: factors of the rows, of the input's shape; for mode "sum" alone.
        padding_idx: a row in [-V, V) that is in no bag and gets no gradient.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in embedding; mode "max" scales no
            gradient.

    The gradient of a maximum goes to the first of equal elements.

    Example:
        >>> table = chainrule.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
        >>> embedding_bag(chainrule.tensor([[0, 1], [2, 2]]), table)
        tensor([[1., 2.],
                [4., 5.]])
    """
    require_mode("embedding_bag", mode, scale_grad_by_freq)
    require_tensor("embedding_bag", input)
    if require_tensor("embedding_bag", weight).dtype == _core.int64 and input.is_floating_point():
        warn(
            "[embedding_bag] expected input, weight; got them in PyTorch's old order, weight first.",
        )
        input, weight = weight, input
    if weight.dim() != 2:
        raise _core.ShapeError(
            f"[embedding_bag] expected a weight of 2 dimensions; got shape {tuple(weight.shape)}."
        )
    padding = padding_row("embedding_bag", padding_idx, weight.shape[0])
    bags, count = _bags(input, offsets, include_last_offset)
    numbers = input.reshape(-1)
    settings = padding, max_norm, norm_type, scale_grad_by_freq, sparse
    rows = look_up("embedding_bag", input, weight, *settings)
    rows = rows.reshape(numbers.numel(), weight.shape[1])
    if per_sample_weights is not None:
        rows = rows * _factors(input, weight, per_sample_weights, mode).unsqueeze(1)
    kept = _core.ones(numbers.shape, dtype=rows.dtype)
    if padding is not None:
        out = numbers == padding
        rows, kept = rows.masked_fill(out.unsqueeze(1), 0), kept.masked_fill(out, 0)
    sums = _added(_core.zeros(count, rows.shape[1], dtype=rows.dtype), bags, rows, "bags")
    if mode == "sum" or numbers.numel() == 0:
        return sums
    sizes = _core.zeros(count, dtype=rows.dtype).index_add(0, bags, kept).unsqueeze(1)
    if mode == "mean":
        return sums / sizes.clamp(min=1)
    return _core.where(sizes == 0, 0.0, _maxima(rows, bags, kept, count))


def require_mode(op, mode, scale_grad_by_freq):
    """ValueError unless `mode` is one, and goes with scaled gradients."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"[{op}] expected mode 'sum', 'mean' or 'max'; got {mode!r:.60}.")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError(
            f"[{op}] expected scale_grad_by_freq=False for mode 'max'; got {scale_grad_by_freq!r:.60}."
        )


def _bags(input, offsets, include_last_offset):
    """For each number its bag, and how many bags there are."""
    if input.dim() == 2 and offsets is None:
        count, length = input.shape
        return _core.arange(count).unsqueeze(1).expand(count, length).reshape(count * length), count
    if input.dim() != 1 or offsets is None or require_tensor("embedding_bag", offsets).dim() != 1:
        got = "none" if offsets is None else tuple(offsets.shape)
        raise _core.ShapeError(
            "[embedding_bag] expected input (B, L) without offsets, or input (N,) with offsets (B,); "
            f"got {tuple(input.shape)} and {got}."
        )
    if offsets.dtype not in (_core.int64, _core.int32):
        raise _core.DtypeError(
            f"[embedding_bag] expected int64 or int32 offsets; got {offsets.dtype}. "
            "Use offsets.long()."
        )
    ends = 1 if require_bool("embedding_bag", "include_last_offset", include_last_offset) else 0
    begun = _core.zeros(input.numel() + 1, dtype=_core.int64)
    ones = _core.ones(offsets.shape, dtype=_core.int64)
    begun = _added(begun, offsets, ones, "offsets")
    return begun.cumsum(0)[:-1] - 1, max(offsets.numel() - ends, 0)


def _added(table, places, rows, form):
    """table.index_add(0, places, rows), whose errors speak of bags."""
    places, rows = places.long().contiguous(), rows.contiguous()
    return _ops.index_write(table, [places], rows, (0,), True, FORMS[form])


def _factors(input, table, weights, mode):
    if mode != "sum":
        raise NotImplementedError(
            f"[embedding_bag] expected mode 'sum' with per_sample_weights; got {mode!r}."
        )
    if require_tensor("embedding_bag", weights).shape != input.shape:
        raise _core.ShapeError(
            "[embedding_bag] expected per_sample_weights of the input's shape "
            f"{tuple(input.shape)}; got {tuple(weights.shape)}."
        )
    if weights.dtype is not table.dtype:
        raise _core.DtypeError(
            f"[embedding_bag] expected per_sample_weights of weight's dtype, {table.dtype}; got "
            f"{weights.dtype}."
        )
    return weights.reshape(-1)


def _maxima(rows, bags, kept, count):
    """The largest of each bag, element by element: a scan whose steps double finds, for each place,
    the first of the largest up to it in its bag, and the last place of a bag has the bag's."""
    total = rows.shape[0]
    with _core.no_grad():
        best = rows.detach().masked_fill((kept == 0).unsqueeze(1), float("-inf"))
        place = _core.arange(total).unsqueeze(1).expand(*rows.shape)
        step = 1
        while step < total:
            same = (bags[step:] == bags[:-step]).unsqueeze(1)
            earlier = same & (best[:-step] >= best[step:])
            place = _core.cat([place[:step], _core.where(earlier, place[:-step], place[step:])])
            best = _core.cat([best[:step], _core.where(earlier, best[:-step], best[step:])])
            step *= 2
        ones = _core.ones(total, dtype=_core.int64)
        last = _core.zeros(count, dtype=_core.int64).index_add(0, bags, ones).cumsum(0) - 1
        chosen = place.index_select(0, last.clamp(min=0))
    return rows.gather(0, chosen)
