"""Datasets whose samples say which they are, for the tests of utils.data."""

import chainrule as cr
from chainrule.utils.data import (
    Dataset,
    TensorDataset,
)


def rows(n=10):
    """Inputs whose first number is the row, and targets ten times the row."""
    x = cr.arange(n, dtype=cr.float32).reshape(n, 1) + cr.tensor([0.0, 0.5])
    return TensorDataset(x, cr.arange(n) * 10)


class Squares(Dataset):
    """A user's dataset."""

    def __init__(self, n):
        self.n = n

    def __getitem__(self, index):
        if not 0 <= index < self.n:
            raise IndexError(index)
        return float(index), index**2

    def __len__(self):
        return self.n


def generator(seed=0):
    made = cr.Generator()
    made.manual_seed(seed)
    return made


def targets(loader):
    return [batch[1].tolist() for batch in loader]


def all_targets(loader):
    return [target for batch in targets(loader) for target in batch]
