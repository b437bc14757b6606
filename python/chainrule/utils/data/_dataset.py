"""Datasets: anything with `__getitem__` and `__len__`, or, for an IterableDataset, `__iter__`."""

import bisect
import collections.abc
import itertools
import math
import numbers
import typing

import chainrule as cr

from ..._checks import check_index, require_length, tensor_hint, type_name


def counted(samples):
    """ "3 samples"; nothing for samples that do not know their number."""
    try:
        return f"{len(samples)} samples"
    except TypeError:
        return ""


class Dataset:
    """Base of map-style datasets: define `__getitem__(index)` and `__len__()`.

    `__getitems__(indices)`, if defined, is asked for a whole batch at once.
    """

    def __getitem__(self, index) -> typing.Any:
        name = type(self).__name__
        raise TypeError(
            f"[{name}] expected the class to define __getitem__(self, index); got none."
        )

    def __add__(self, other):
        return ConcatDataset([self, other])

    def __repr__(self):
        return f"{type(self).__name__}({counted(self)})"


class IterableDataset(Dataset):
    """Base of datasets that are read from front to back: define `__iter__()`."""

    def __iter__(self) -> collections.abc.Iterator:
        name = type(self).__name__
        raise TypeError(f"[{name}] expected the class to define __iter__(self); got none.")

    def __add__(self, other):
        name = type(self).__name__
        raise TypeError(
            f"[{name}] expected a dataset with indices to add; got an IterableDataset. "
            "Chain the iterators with itertools.chain."
        )


class TensorDataset(Dataset):
    """Samples are rows of the given tensors; a DataLoader takes a batch with one gather a tensor.

    ShapeError unless all have the same number of rows, TypeError for what is no tensor.

    Example:
        >>> pairs = TensorDataset(chainrule.ones(3, 2), chainrule.arange(3))
        >>> len(pairs), pairs[2]
        (3, (tensor([1., 1.]), tensor(2)))
    """

    def __init__(self, *tensors):
        if not tensors:
            raise ValueError("[TensorDataset] expected at least one tensor; got none.")
        for tensor in tensors:
            if not isinstance(tensor, cr.Tensor):
                raise TypeError(
                    f"[TensorDataset] expected tensors; got {type_name(tensor)}.{_hint(tensor)}"
                )
            if tensor.ndim == 0:
                raise cr.ShapeError(
                    "[TensorDataset] expected tensors with rows; got one of shape (). One sample x "
                    "is x[None]."
                )
        if len({tensor.shape[0] for tensor in tensors}) > 1:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
            raise cr.ShapeError(f"[TensorDataset] expected equal numbers of rows; got {shapes}.")
        self.tensors = tensors

    def __getitem__(self, index):
        if isinstance(index, int):
            check_index("TensorDataset", index, len(self))
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self):
        return self.tensors[0].shape[0]


def _hint(value):
    if isinstance(value, tuple | list) and value and isinstance(value[0], cr.Tensor):
        return " Pass them one by one: TensorDataset(x, y)."
    return tensor_hint(value)


class Subset(Dataset):
    """The samples of `dataset` at `indices`, in that order.

    Example:
        >>> Subset("abcd", [3, 0])[0]
        'd'
    """

    def __init__(self, dataset, indices):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index):
        if isinstance(index, list):
            return self.dataset[[self._place(i) for i in index]]
        return self.dataset[self._place(index)]

    def __getitems__(self, indices):
        chosen = [self._place(i) for i in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[i] for i in chosen]

    def __repr__(self):
        whole = counted(self.dataset)
        return f"{type(self).__name__}({len(self)}{' of ' + whole if whole else ' samples'})"

    def _place(self, index):
        check_index("Subset", index, len(self.indices))
        return self.indices[index]

    def __len__(self):
        return len(self.indices)


class ConcatDataset(Dataset):
    """Several map-style datasets, one after the other."""

    def __init__(self, datasets):
        if not isinstance(datasets, collections.abc.Iterable):
            raise TypeError(
                f"[ConcatDataset] expected an iterable of datasets; got {type_name(datasets)}."
            )
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("[ConcatDataset] expected at least one dataset; got none.")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError(
                "[ConcatDataset] expected datasets with indices; got an IterableDataset."
            )
        sizes = (require_length("ConcatDataset", dataset) for dataset in self.datasets)
        self.cumulative_sizes = list(itertools.accumulate(sizes))

    def __getitem__(self, index):
        size = len(self)
        check_index("ConcatDataset", index, size)
        index %= size
        which = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]

    def __len__(self):
        return self.cumulative_sizes[-1]


def random_split(dataset, lengths, generator=None):
    """Split into random Subsets that do not overlap, by lengths, or by fractions that sum to 1.

    With fractions the samples left by rounding down go one each to the first subsets, as in
    PyTorch.

    Example:
        >>> random_split(range(10), [0.7, 0.3], generator=chainrule.Generator().manual_seed(0))
        [Subset(7 of 10 samples), Subset(3 of 10 samples)]
    """
    total = require_length("random_split", dataset)
    lengths = _listed(lengths, numbers.Real, "numbers")
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1 + 1e-9:
        lengths = _round_fractions(lengths, total)
    if sum(lengths) != total or any(length < 0 for length in lengths):
        raise ValueError(
            f"[random_split] expected lengths >= 0 that sum to {total}, or fractions that sum to 1; "
            f"got {lengths}."
        )
    _listed(lengths, numbers.Integral, "integers, or fractions that sum to 1,")
    order = cr.randperm(total, generator=generator).tolist()
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, order[end - length : end]) for length, end in zip(lengths, ends)]


def _listed(lengths, kind, words):
    if isinstance(lengths, collections.abc.Iterable):
        lengths = list(lengths)
        if all(isinstance(length, kind) for length in lengths):
            return lengths
    raise TypeError(f"[random_split] expected {words} as lengths; got {lengths!r:.60}.")


def _round_fractions(fractions, total):
    for fraction in fractions:
        if not 0 <= fraction <= 1:
            raise ValueError(f"[random_split] expected fractions in [0, 1]; got {fraction}.")
    lengths = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(lengths)):
        lengths[i % len(lengths)] += 1
    return lengths
