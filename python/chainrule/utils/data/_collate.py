"""From a list of samples to a batch, by the type of the first sample, as PyTorch does it."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import chainrule as cr

from ..._checks import require_length, type_name

_NESTED = "one that contains itself or is too deep"


def default_collate(batch) -> Any:
    """Stack tensors, arrays and numbers on a new first dimension, also in dicts and sequences.

    Tuples become lists, named tuples stay. Strings and bytes are only collected: a tuple of those at
    one place of tuples or lists, else a list. TypeError for others.
    """
    require_length("default_collate", batch)
    try:
        return _collate(batch)
    except RecursionError:
        raise ValueError(f"[default_collate] expected nested samples; got {_NESTED}.") from None


def _collate(batch):
    if not len(batch):
        raise IndexError("[default_collate] expected at least one sample; got none.")
    first = batch[0]
    if isinstance(first, cr.Tensor):
        return cr.stack(batch, 0)
    numpy = sys.modules.get("numpy")  # samples cannot be arrays while NumPy is not imported
    if numpy is not None and isinstance(first, numpy.ndarray | numpy.generic):
        return cr.from_numpy(numpy.stack([numpy.asarray(sample) for sample in batch]))
    if isinstance(first, float):
        return cr.tensor(batch, dtype=cr.float64)
    if isinstance(first, int):  # bool included: cr.tensor keeps it bool
        return cr.tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return {key: _collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise RuntimeError(
                f"[default_collate] expected samples of equal length; got {lengths}."
            )
        columns = [_collate(column) for column in zip(*batch)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise TypeError(
        "[default_collate] expected samples of tensors, arrays, numbers, strings, dicts or sequences; "
        f"got {type_name(first)}. Pass a collate_fn for other types."
    )


def default_convert(data):
    """Arrays to tensors, in dicts and sequences too; for a loader without automatic batches."""
    try:
        return _convert(data)
    except RecursionError:
        raise ValueError(f"[default_convert] expected nested samples; got {_NESTED}.") from None


def _convert(data):
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(data, numpy.ndarray):
        return cr.from_numpy(data)
    if isinstance(data, Mapping):
        return {key: _convert(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(_convert(value) for value in data))
    if isinstance(data, list | tuple):
        return [_convert(value) for value in data]
    return data
