"""utils.data: datasets, samplers, random_split and what makes batches of samples."""

import collections

import numpy as np
import pytest

import chainrule as cr
from chainrule.utils.data import (
    BatchSampler,
    ConcatDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    default_collate,
    default_convert,
    random_split,
)
from numbered_rows import Squares, generator, rows

# ---- datasets


def test_tensor_dataset():
    dataset = rows()
    x, y = dataset[3]
    assert x.tolist() == [3, 3.5]
    assert y.item() == 30
    assert len(dataset) == 10
    with pytest.raises(cr.ShapeError, match=r"equal numbers of rows; got \(2,\), \(3,\)"):
        TensorDataset(cr.zeros(2), cr.zeros(3))
    with pytest.raises(cr.ShapeError, match="with rows"):
        TensorDataset(cr.tensor(1.0))
    with pytest.raises(TypeError, match="from_numpy"):
        TensorDataset(np.zeros(2))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()


def test_subset_and_concat():
    both = Squares(3) + Squares(5)
    assert isinstance(both, ConcatDataset)
    assert len(both) == 8
    assert [both[i][1] for i in range(8)] == [0, 1, 4, 0, 1, 4, 9, 16]
    assert both[-1] == both[7]
    with pytest.raises(IndexError, match=r"\[-8, 8\)"):
        both[8]
    subset = Subset(both, [7, 0])
    assert [subset[i][1] for i in range(len(subset))] == [16, 0]


def test_random_split():
    parts = random_split(rows(), [7, 3], generator=generator())
    assert [len(part) for part in parts] == [7, 3]
    assert sorted(i for part in parts for i in part.indices) == list(range(10))
    again = random_split(rows(), [7, 3], generator=generator())
    assert [part.indices for part in parts] == [part.indices for part in again]
    other = random_split(rows(), [7, 3], generator=generator(1))
    assert [part.indices for part in parts] != [part.indices for part in other]
    # Rounded down, then one each to the first parts: PyTorch's rule.
    assert [len(part) for part in random_split(rows(11), [0.5, 0.25, 0.25])] == [6, 3, 2]
    for lengths in ([7, 4], [5, 4], [11, -1], [0.5, 0.4]):
        with pytest.raises(ValueError, match=r"\[random_split\]"):
            random_split(rows(), lengths)


# ---- samplers


@pytest.mark.parametrize("lengths", [3, ["a"], [None, 5], [2.0, 3.0], [2.5, 2.5]])
def test_lengths_of_a_split_are_a_list_of_integers(lengths):
    with pytest.raises(TypeError, match=r"^\[random_split\] expected .* as lengths; got "):
        random_split(range(5), lengths)


def test_lengths_of_a_split_may_come_from_an_iterator():
    parts = random_split(range(5), iter([2, 3]))
    assert [len(part) for part in parts] == [2, 3]


def test_samplers():
    assert list(SequentialSampler(range(4))) == [0, 1, 2, 3]
    sampler = RandomSampler(range(50), generator=generator())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert list(RandomSampler(range(50), generator=generator())) == first
    draws = list(RandomSampler(range(3), replacement=True, num_samples=100, generator=generator()))
    assert len(draws) == 100
    assert set(draws) == {0, 1, 2}
    more = list(RandomSampler(range(3), num_samples=7, generator=generator()))
    assert sorted(more[:3]) == sorted(more[3:6]) == [0, 1, 2]
    assert len(more) == 7
    assert sorted(SubsetRandomSampler([4, 8], generator=generator())) == [4, 8]
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(BatchSampler(range(5), 2, False)) == 3
    assert len(BatchSampler(range(5), 2, True)) == 2
    with pytest.raises(ValueError, match="num_samples"):
        RandomSampler(range(3), num_samples=0)


def test_collate():
    point = collections.namedtuple("point", "x y")
    batch = default_collate([point(1, 2.0), point(3, 4.0)])
    assert type(batch) is point
    assert batch.x.tolist() == [1, 3]
    nested = default_collate([{"a": (cr.zeros(2), "s")}, {"a": (cr.ones(2), "t")}])
    assert nested["a"][0].tolist() == [[0, 0], [1, 1]]
    assert nested["a"][1] == ("s", "t")
    assert default_collate([{"a": "s"}, {"a": "t"}]) == {"a": ["s", "t"]}
    names, numbers = default_collate([("a", 1), ("b", 2)])
    assert names == ("a", "b")
    assert numbers.tolist() == [1, 2]
    assert default_collate([[b"a", 1.5], [b"b", 2.5]])[0] == (b"a", b"b")
    assert default_collate([(np.ones(2),), (np.ones(2),)])[0].shape == (2, 2)
    arrays = default_collate([np.zeros(2, np.float32), np.ones(2, np.float32)])
    assert arrays.dtype == cr.float32
    assert arrays.tolist() == [[0, 0], [1, 1]]
    assert default_collate([True, False]).dtype == cr.bool
    assert default_collate([np.float64(2), np.float64(3)]).dtype == cr.float64
    with pytest.raises(RuntimeError, match="equal length"):
        default_collate([(1, 2), (1,)])
    with pytest.raises(TypeError, match="collate_fn"):
        default_collate([object()])


@pytest.mark.parametrize("function", [default_collate, default_convert])
def test_samples_without_end(function):
    listed, named = [], {}
    listed.append(listed)
    named["a"] = named
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for sample in (listed, named, deep):
        with pytest.raises(ValueError, match=rf"^\[{function.__name__}\] expected nested samples"):
            function([sample])
