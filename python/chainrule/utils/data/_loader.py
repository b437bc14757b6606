"""DataLoader: batches from a dataset.

Two ways lead to a batch. Where the dataset is a TensorDataset (or Subsets of one) and nothing of
the user's stands between, a batch is one native gather a tensor: Python runs once a batch, never
once a sample. Everything else goes through `dataset[i]` (or `__getitems__`) and `collate_fn`.
"""

import collections.abc
import typing

import chainrule as cr

from ..._checks import require_bool, require_callable
from ._collate import default_collate, default_convert
from ._dataset import IterableDataset, Subset, TensorDataset
from ._sampler import BatchSampler, RandomSampler, SequentialSampler, check_batch_size


class DataLoader:
    """Iterates over `dataset` in batches; arguments, their order and their defaults are PyTorch's.

    Samples are read in this process: `num_workers` above 0, and what only has a meaning with
    workers, is a ValueError. Accepted without effect are `in_order`, as batches always are, a
    `worker_init_fn` without workers, as in PyTorch, and `pin_memory` and `pin_memory_device`, which
    have no meaning on the CPU.

    Example:
        >>> x, y = chainrule.arange(10.0).reshape(5, 2), chainrule.arange(5)
        >>> for inputs, targets in DataLoader(TensorDataset(x, y), batch_size=2):
        ...     print(tuple(inputs.shape), targets.tolist())
        (2, 2) [0, 1]
        (2, 2) [2, 3]
        (1, 2) [4]
    """

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        _refuse_workers(
            num_workers,
            timeout,
            worker_init_fn,
            multiprocessing_context,
            prefetch_factor,
            persistent_workers,
        )
        require_bool("DataLoader", "drop_last", drop_last)
        if shuffle is not None:
            require_bool("DataLoader", "shuffle", shuffle)
        if collate_fn is not None:
            require_callable("DataLoader", collate_fn, "collate_fn as a function")
        self.dataset = dataset
        self.num_workers = 0
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self.generator = generator
        self._iterable = isinstance(dataset, IterableDataset)
        _check_sampling(self._iterable, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        elif sampler is None and not self._iterable:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_size is not None and batch_sampler is None:
            check_batch_size("DataLoader", batch_size)
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler: typing.Any = sampler  # None where the dataset is a stream
        self.batch_sampler: typing.Any = batch_sampler  # None without automatic batches
        self.collate_fn = collate_fn or (
            default_convert if batch_sampler is None else default_collate
        )

    def __repr__(self):
        order = self.batch_sampler if self.sampler is None else self.sampler
        return (
            f"DataLoader({type(self.dataset).__name__}, batch_size={self.batch_size}, "
            f"sampler={None if self._iterable else type(order).__name__}, "
            f"drop_last={self.drop_last})"
        )

    def __iter__(self) -> collections.abc.Iterator[typing.Any]:
        if self._iterable:
            return self._iterate_stream()
        if self.batch_sampler is None:
            return (self.collate_fn(self.dataset[index]) for index in self.sampler)
        if self.collate_fn is default_collate:
            gather = _gather_plan(self.dataset)
            if gather is not None:
                return self._iterate_gather(*gather)
        return self._iterate_samples()

    def __len__(self):
        if self._iterable:
            count = len(self.dataset)  # TypeError where the dataset does not know it
            if self.batch_size is None:
                return count
            return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def _iterate_samples(self):
        many = getattr(self.dataset, "__getitems__", None)
        for indices in self.batch_sampler:
            samples = many(indices) if callable(many) else [self.dataset[i] for i in indices]
            yield self.collate_fn(samples)

    def _iterate_stream(self):
        if self.batch_size is None:
            for sample in self.dataset:
                yield self.collate_fn(sample)
            return
        samples = []
        for sample in self.dataset:
            samples.append(sample)
            if len(samples) == self.batch_size:
                yield self.collate_fn(samples)
                samples = []
        if samples and not self.drop_last:
            yield self.collate_fn(samples)

    def _iterate_gather(self, tensors, indices):
        """`indices` maps this dataset's numbers to rows of `tensors`; None where they are the
        same."""
        batches, length = self.batch_sampler, len(self.dataset)
        if _in_native_order(batches, length):
            yield from _rows_of_epoch(tensors, indices, batches)
            return
        for batch in batches:
            rows = _counted_from_zero(_row_numbers(batch, "a sampler"), length)
            rows = rows if indices is None else indices.index_select(0, rows)
            if rows.ndim == 1:
                yield [tensor.index_select(0, rows) for tensor in tensors]
            else:  # a sampler of lists
                yield [tensor[rows] for tensor in tensors]

    def _epoch(self):
        """The batches of one pass as an EpochRows, or None where anything of the user's, a method of
        a subclass included, has a say in them."""
        if type(self).__iter__ is not DataLoader.__iter__ or self.collate_fn is not default_collate:
            return None
        if self._iterable or not _in_native_order(self.batch_sampler, len(self.dataset)):
            return None
        gather = _gather_plan(self.dataset)
        return gather and _rows_of_epoch(*gather, self.batch_sampler)


class EpochRows:
    """An iterator over batches that are rows of `tensors`: those at `order`, an int64 tensor, or as
    they stand where it is None. `position` of `count` rows have been taken."""

    def __init__(self, tensors, order, count, batch_size, drop_last):
        self.tensors = tensors
        self.order = order
        self.batch_size = batch_size
        self.position = 0
        self.count = count - count % batch_size if drop_last else count

    def __iter__(self):
        return self

    def __next__(self):
        begin = self.position
        if begin >= self.count:
            raise StopIteration
        self.position = min(begin + self.batch_size, self.count)
        rows = slice(begin, self.position)
        if self.order is None:
            # Cloned, so that changing a batch in place leaves the dataset as it is.
            return [tensor[rows].clone() for tensor in self.tensors]
        return [tensor.index_select(0, self.order[rows]) for tensor in self.tensors]


def _rows_of_epoch(tensors, indices, batches):
    if type(batches.sampler) is SequentialSampler:
        order, count = indices, len(batches.sampler)  # which may be of something shorter
    else:
        order = batches.sampler.order()
        count = order.shape[0]
        order = order if indices is None else indices.index_select(0, order)
    return EpochRows(tensors, order, count, batches.batch_size, batches.drop_last)


def _in_native_order(batches, length):
    """Whether the rows come without a list of Python's a batch. A sequence longer than the dataset
    gives its good batches first, and then the IndexError."""
    if type(batches) is not BatchSampler:
        return False
    if type(batches.sampler) is SequentialSampler:
        return len(batches.sampler) <= length
    return type(batches.sampler) is RandomSampler


def _counted_from_zero(rows, length):
    """A user's sampler may count from the end, as every sequence allows; a gather does not."""
    return cr.where((rows < 0) & (rows >= -length), rows + length, rows)


def _row_numbers(numbers, origin):
    rows = numbers if isinstance(numbers, cr.Tensor) else cr.tensor(list(numbers))
    if rows.numel() and (rows.is_floating_point() or rows.dtype == cr.bool):
        raise IndexError(
            f"[DataLoader] expected integers as indices from {origin}; got {rows.dtype}."
        )
    return rows.to(cr.int64)


def _gather_plan(dataset):
    """(tensors, row numbers or None) where batches can be gathered natively, else None.

    Subclasses that read samples in their own way are left to their own methods.
    """
    chain = []
    while type(dataset) is Subset:
        chain.append(dataset.indices)
        dataset = dataset.dataset
    own = type(dataset)
    if not issubclass(own, TensorDataset) or own.__getitem__ is not TensorDataset.__getitem__:
        return None
    if own.__len__ is not TensorDataset.__len__ or hasattr(own, "__getitems__"):
        return None
    rows = None
    for indices in reversed(chain):
        picked = _row_numbers(indices, "Subset")
        rows = picked if rows is None else rows.index_select(0, picked)
    if rows is not None and rows.shape[0] and int(rows.min()) < 0:
        return None  # negative indices count from the end, which a gather does not
    return dataset.tensors, rows


def _refuse_workers(num_workers, timeout, init, context, prefetch, persistent):
    given = {
        "num_workers": num_workers,
        "timeout": timeout,
        "worker_init_fn": init,
        "multiprocessing_context": context,
        "prefetch_factor": prefetch,
        "persistent_workers": persistent,
    }
    if not isinstance(num_workers, int) or num_workers < 0:
        raise ValueError(f"[DataLoader] expected num_workers an integer >= 0; got {num_workers!r}.")
    for name, value in given.items():
        # PyTorch ignores a worker_init_fn when there are no workers.
        if value and not (name == "worker_init_fn" and num_workers == 0):
            raise ValueError(
                f"[DataLoader] expected no worker processes; got {name}={value!r}. "
                "Samples are read in this process: leave it out, or pass num_workers=0."
            )


def _check_sampling(iterable, batch_size, shuffle, sampler, batch_sampler, drop_last):
    """The combinations that PyTorch refuses."""
    if iterable and (shuffle or sampler is not None or batch_sampler is not None):
        raise ValueError(
            "[DataLoader] expected no shuffle or sampler for an IterableDataset; got one."
        )
    if sampler is not None and shuffle:
        raise ValueError("[DataLoader] expected either a sampler or shuffle=True; got both.")
    if batch_sampler is not None and (
        batch_size != 1 or shuffle or sampler is not None or drop_last
    ):
        raise ValueError(
            "[DataLoader] expected a batch_sampler alone; "
            "got it together with batch_size, shuffle, sampler or drop_last."
        )
    if batch_sampler is None and batch_size is None and drop_last:
        raise ValueError("[DataLoader] expected drop_last=False with batch_size=None; got True.")
