"""Functions on shapes whose arguments or results take more than one form.

A schema line has one type for each parameter and a fixed number of results; here a list may stand
for a number (split), or a flag decides what comes back (nonzero, unique).
"""

from __future__ import annotations

from ._checks import check_dim, index_of, require_bool, require_bools, require_tensor
from ._core import ShapeError, Tensor, _ops, arange, cat, int64, no_grad, ones, zeros


def split(tensor: Tensor, split_size_or_sections, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces of one size along dim (the last one smaller if need be), or of the sizes
    listed."""
    if not isinstance(split_size_or_sections, (list, tuple)):
        return _ops.split(tensor, split_size_or_sections, dim)
    require_tensor("split", tensor)
    check_dim("split", dim, tensor)
    sections = [index_of("split", "sections", n) for n in split_size_or_sections]
    size = tensor.size(dim)
    if min(sections, default=0) < 0 or sum(sections) != size:
        raise ShapeError(
            f"[split] expected sections >= 0 that sum to {size}, the size of dim {dim} of "
            f"{tuple(tensor.shape)}; got {sections}."
        )
    pieces, start = [], 0
    for n in sections:
        pieces.append(tensor.narrow(dim, start, n))
        start += n
    return tuple(pieces)


def nonzero(input: Tensor, *, as_tuple: bool = False):
    """The coordinates of all elements that are not zero, in row-major order.

    One row each, or with as_tuple one vector per dimension, which indexes:
    x[nonzero(x, as_tuple=True)].
    """
    require_bool("nonzero", "as_tuple", as_tuple)
    return _ops.nonzero_tuple(input) if as_tuple else _ops.nonzero(input)


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
):
    """The distinct elements, or the distinct slices along dim, in ascending order (always sorted).

    return_inverse adds, for every element or slice of the input, the place of its value among them;
    return_counts adds how often each occurs.
    """
    require_tensor("unique", input)
    require_bools(
        "unique", sorted=sorted, return_inverse=return_inverse, return_counts=return_counts
    )
    if dim is None:
        values, inverse, counts = _ops.unique_values(input)
    else:
        check_dim("unique", dim, input)
        with no_grad():
            values, inverse, counts = _unique_slices(input, dim)
    if not return_inverse and not return_counts:
        return values
    return (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))


def _unique_slices(input, dim):
    slices = input.movedim(dim, 0)
    n = slices.size(0)
    if input.numel() == 0:
        if slices.shape.count(0) != 1 or n != 0:
            raise ShapeError(
                f"[unique] expected no size of 0 besides that of dim; got {tuple(input.shape)}."
            )
        return input.clone(), zeros(0, dtype=int64), zeros(0, dtype=int64)
    rows = slices.reshape(n, -1)
    order = arange(n)
    for column in range(rows.size(1) - 1, -1, -1):  # stable: the first column decides last
        order = order.index_select(0, rows[:, column].index_select(0, order).argsort(stable=True))
    ordered = rows.index_select(0, order)
    differs = (ordered[1:] != ordered[:-1]).any(1)
    run = cat([zeros(1, dtype=int64), differs.cumsum(0)])
    starts = cat([zeros(1, dtype=int64), differs.nonzero()[:, 0] + 1])
    values = slices.index_select(0, order.index_select(0, starts)).movedim(0, dim)
    counts = zeros(starts.numel(), dtype=int64).index_add(0, run, ones(n, dtype=int64))
    return values, zeros(n, dtype=int64).scatter(0, order, run), counts


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Every tensor expanded to the shape that all of them broadcast to."""
    return _ops.broadcast_tensors(_listed(tensors))


def meshgrid(*tensors: Tensor, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Vectors as coordinates of a grid: one tensor each, of the shape of all their lengths.

    With indexing "xy" the first two dimensions of the results are swapped.
    """
    vectors = [require_tensor("meshgrid", tensor) for tensor in _listed(tensors)]
    if indexing not in ("ij", "xy"):
        raise ValueError(f"[meshgrid] expected indexing 'ij' or 'xy'; got '{indexing}'.")
    if not vectors or any(v.dim() > 1 for v in vectors):
        raise ShapeError(
            f"[meshgrid] expected tensors of at most 1 dimension, at least one; "
            f"got {[tuple(v.shape) for v in vectors]}."
        )
    shape = [v.numel() for v in vectors]
    grids = []
    for d, v in enumerate(vectors):
        own = [1] * len(vectors)
        own[d] = shape[d]
        grids.append(v.reshape(own).expand(shape))
    if indexing == "xy" and len(grids) > 1:
        grids = [g.transpose(0, 1) for g in grids]
    return tuple(grids)


def _listed(tensors):
    """The tensors, whether they came one by one or as one list."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        return list(tensors[0])
    return list(tensors)


Tensor.split = split
Tensor.nonzero = nonzero
Tensor.unique = unique
