"""Samplers: iterables of indices (or, for batches, of lists of indices)."""

import collections.abc

import chainrule as cr

from ..._checks import require_bool
from ._dataset import counted


class Sampler:
    """Base of samplers: define `__iter__()`, and `__len__()` where the number is known."""

    def __iter__(self) -> collections.abc.Iterator:
        name = type(self).__name__
        raise TypeError(f"[{name}] expected the class to define __iter__(self); got none.")

    def __repr__(self):
        return f"{type(self).__name__}({counted(self)})"


class SequentialSampler(Sampler):
    """0, 1, 2, ... to the end of the data source."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """A new random order each time; `num_samples` draws (None: as many as there are samples),
    with or without replacement."""

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        if num_samples is not None and (not isinstance(num_samples, int) or num_samples <= 0):
            raise ValueError(
                f"[RandomSampler] expected num_samples > 0 or None; got {num_samples!r}."
            )
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self):
        """How many indices one pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self):
        """The indices of one pass as an int64 tensor."""
        n, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            return cr.randint(0, n, (wanted,), generator=self.generator)
        passes = [cr.randperm(n, generator=self.generator) for _ in range(-(-wanted // max(n, 1)))]
        if not passes:
            return cr.randperm(0)
        return (passes[0] if len(passes) == 1 else cr.cat(passes))[:wanted]

    def __iter__(self):
        return iter(self.order().tolist())

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices in a new random order each time."""

    def __init__(self, indices, generator=None):
        self.indices = indices
        self.generator = generator

    def __iter__(self):
        for i in cr.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self):
        return len(self.indices)


def check_batch_size(op, batch_size):
    """ValueError unless `batch_size` is an integer > 0."""
    if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
        raise ValueError(f"[{op}] expected batch_size an integer > 0; got {batch_size!r}.")


class BatchSampler(Sampler):
    """Lists of `batch_size` indices from another sampler; the last may be shorter, and is dropped
    with `drop_last`."""

    def __init__(self, sampler, batch_size, drop_last):
        check_batch_size("BatchSampler", batch_size)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = require_bool("BatchSampler", "drop_last", drop_last)

    def __repr__(self):
        return f"BatchSampler(batch_size={self.batch_size}, drop_last={self.drop_last})"

    def __iter__(self):
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self):
        extra = 0 if self.drop_last else self.batch_size - 1
        return (len(self.sampler) + extra) // self.batch_size
