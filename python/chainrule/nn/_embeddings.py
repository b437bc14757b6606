"""Rows of a table, looked up by number: the function behind Embedding."""

from __future__ import annotations

from .. import _core
from .._checks import index_of, require_bool, require_number, require_tensor
from .._core import Tensor, _ops

FORMS = _core._INDEX_FORMS  # in whose terms an operation refuses an index


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `input` numbers.

    Shapes: input (*), int64 or int32, each number in [0, V); weight (V, D); output (*, D). A number
    outside is an IndexError, also in a replay. The gradient of a row is the sum of those of its
    places, added in their order, so it does not depend on threads.

    Args:
        padding_idx: a row in [-V, V) that gets no gradient.
        max_norm: before anything is read, the rows named by `input` whose norm is larger are scaled
            down to it, in place, by max_norm / (norm + 1e-7).
        norm_type: the p of that norm.
        scale_grad_by_freq: divide the gradient of each row by how often `input` names it.
        sparse: only False; gradients are dense.

    Example:
        >>> table = chainrule.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
        >>> embedding(chainrule.tensor([2, 0]), table)
        tensor([[4., 5.],
                [0., 1.]])

    Source: "updating x if learning embeddings", 000_4bfdbb0e825250a6.txt.
    """
    return look_up(
        "embedding", input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse
    )


def look_up(op, input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse):
    """embedding(), whose errors name `op`."""
    require_tensor(op, weight)
    places = row_numbers(op, require_tensor(op, input), weight)
    if weight.dim() != 2:
        raise _core.ShapeError(
            f"[{op}] expected a weight of 2 dimensions; got shape {tuple(weight.shape)}."
        )
    refuse_sparse(op, sparse)
    require_bool(op, "scale_grad_by_freq", scale_grad_by_freq)
    padding = padding_row(op, padding_idx, weight.shape[0])
    if max_norm is not None:
        _limit_norms(op, weight, places, require_number(op, "max_norm", max_norm), norm_type)
    rows = _read(op, weight, places)
    if weight.requires_grad and _core.is_grad_enabled():
        if scale_grad_by_freq:
            rows = _with_scaled_gradient(rows, places, weight.shape[0])
        if padding is not None:
            rows = _core.where((places == padding).unsqueeze(-1), rows.detach(), rows)
    return rows


def row_numbers(op, input, weight):
    """`input` as dense int64 numbers; DtypeError unless it has integers."""
    if input.dtype in (_core.int64, _core.int32) or not (
        input.numel() or input.is_floating_point()
    ):
        return input.long().contiguous()
    swapped = input.is_floating_point() and not weight.is_floating_point()
    hint = f"The order is {op}(input, weight)." if swapped else "Use input.long()."
    raise _core.DtypeError(f"[{op}] expected an int64 or int32 index; got {input.dtype}. {hint}")


def _read(op, weight, places):
    """The rows, by index_select's operation, whose errors name what was called."""
    return _ops.index_read(weight, [places], (0,), FORMS[op])


def padding_row(op, padding_idx, count):
    """`padding_idx` counted from the beginning; ValueError outside of [-count, count)."""
    if padding_idx is None:
        return None
    row = index_of(op, "padding_idx", padding_idx)
    if not -count <= row < count:
        raise ValueError(f"[{op}] expected padding_idx in [{-count}, {count}); got {row}.")
    return row % count


def refuse_sparse(op, sparse):
    if sparse:
        raise ValueError(f"[{op}] expected sparse=False; got {sparse!r:.60}. Gradients are dense.")


def _limit_norms(op, weight, places, max_norm, norm_type):
    """Rows that occur twice are written twice, with the same values."""
    with _core.no_grad():
        rows = _read(op, weight, places).reshape(places.numel(), weight.shape[1])
        norms = _core.norm(rows, norm_type, 1, keepdim=True)
        scale = _core.where(norms > max_norm, max_norm / (norms + 1e-7), 1.0)
        weight.index_copy_(0, places.reshape(-1), rows * scale.to(weight.dtype))


def _with_scaled_gradient(rows, places, count):
    """The same values; their gradients are divided by how often each number occurs."""
    with _core.no_grad():
        numbers = places.reshape(-1)
        one = _core.ones(numbers.shape, dtype=rows.dtype)
        times = _core.zeros(count, dtype=rows.dtype).index_add(0, numbers, one)
        share = _core.index_select(times, 0, numbers).reciprocal().reshape(*places.shape, 1)
    scaled = rows * share
    with _core.no_grad():
        scaled.copy_(rows)  # the history stays that of the product, which reads `share` alone
    return scaled
