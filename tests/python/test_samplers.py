"""What samplers of one's own may yield: integers of any kind, and nothing else."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.utils.data import DataLoader, Subset, TensorDataset


def rows():
    return TensorDataset(cr.arange(10) * 10)


INTEGERS = {
    "int": [1, -1],
    "numpy": [np.int64(1), np.int32(-1)],
    "array": [np.array(1), np.array(-1)],
    "tensor": [cr.tensor(1), cr.tensor(-1)],
    "tensors": cr.tensor([1, -1]),
}
OTHERS = {
    "float": [1.0, 0.0],
    "bool": [True, False],
    "numpy float": [np.float64(1)],
    "numpy bool": [np.bool_(True)],
    "tensor of float": [cr.tensor(1.0)],
    "tensors of bool": cr.tensor([True, False]),
}


@pytest.mark.parametrize("indices", INTEGERS.values(), ids=INTEGERS)
def test_integers_of_any_kind(indices):
    subset = Subset(rows(), list(range(2, 6)))
    for dataset, want in ((rows(), [10, 90]), (subset, [30, 50])):
        for loader in (
            DataLoader(dataset, batch_size=2, sampler=indices),
            DataLoader(dataset, batch_sampler=[indices]),
        ):
            assert [batch[0].tolist() for batch in loader] == [want]


def test_an_index_of_several_rows_is_a_sample_of_several():
    (batch,) = DataLoader(rows(), batch_size=2, sampler=[[1, 2], [3, 4]])
    assert batch[0].tolist() == [[10, 20], [30, 40]]


@pytest.mark.parametrize("indices", OTHERS.values(), ids=OTHERS)
def test_floats_and_bools_are_no_indices(indices):
    for dataset in (rows(), Subset(rows(), [3, 4])):
        for loader in (
            DataLoader(dataset, batch_size=2, sampler=indices),
            DataLoader(dataset, batch_sampler=[indices]),
        ):
            with pytest.raises(IndexError, match="expected integers as indices from a sampler"):
                next(iter(loader))
    with pytest.raises(IndexError, match="expected integers as indices from Subset; got"):
        next(iter(DataLoader(Subset(rows(), indices))))
