"""DataLoader: batches in order and shuffled, native gathers, options."""

import collections

import pytest

import chainrule as cr
from chainrule.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
)
from numbered_rows import Squares, all_targets, generator, rows, targets


@pytest.mark.parametrize("dataset", [rows(), Subset(rows(20), range(10)), Subset(Subset(rows(), range(10)), list(range(10)))])  # fmt: skip
def test_in_order(dataset):
    loader = DataLoader(dataset, batch_size=4)
    assert targets(loader) == [[0, 10, 20, 30], [40, 50, 60, 70], [80, 90]]
    assert len(loader) == 3
    x, _ = next(iter(loader))
    assert x.shape == (4, 2)
    dropping = DataLoader(dataset, batch_size=4, drop_last=True)
    assert targets(dropping) == targets(loader)[:2]
    assert len(dropping) == 2


def test_defaults_are_pytorchs():
    batches = list(DataLoader(rows(3)))
    assert len(batches) == 3
    assert isinstance(batches[0], list)
    assert batches[0][0].shape == (1, 2)


def test_shuffle_is_a_permutation_and_follows_the_generator():
    loader = DataLoader(rows(100), batch_size=32, shuffle=True, generator=generator())
    first, second = (all_targets(loader) for _ in range(2))
    assert sorted(first) == sorted(second) == [10 * i for i in range(100)]
    assert first != second
    again = DataLoader(rows(100), batch_size=32, shuffle=True, generator=generator())
    assert all_targets(again) == first
    for x, y in loader:  # inputs and targets stay together
        assert (x[:, 0] * 10).tolist() == y.tolist()
    cr.manual_seed(5)
    by_default = all_targets(DataLoader(rows(100), batch_size=32, shuffle=True))
    cr.manual_seed(5)
    assert all_targets(DataLoader(rows(100), batch_size=32, shuffle=True)) == by_default


def test_the_gather_and_the_sample_way_agree():
    """A user's own __getitem__ takes the other way through the loader: same batches."""

    class Same(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)

    plain, own = rows(23), Same(*rows(23).tensors)
    for make in (
        lambda d: DataLoader(d, batch_size=5),
        lambda d: DataLoader(d, batch_size=5, shuffle=True, generator=generator(3)),
        lambda d: DataLoader(Subset(d, [5, 3, 20, 3]), batch_size=3),
        lambda d: DataLoader(Subset(d, [-1, 3]), batch_size=3),
        lambda d: DataLoader(d, batch_size=4, sampler=[9, 9, 1, 0, 22]),
        lambda d: DataLoader(d, batch_size=2, sampler=[-1, -23, 0]),
        lambda d: DataLoader(d, batch_size=4, sampler=SequentialSampler(range(6))),
        lambda d: DataLoader(d, batch_size=4, sampler=SequentialSampler(range(6)), drop_last=True),
        lambda d: DataLoader(
            d, batch_size=4, sampler=RandomSampler(range(6), False, 5, generator())
        ),
        lambda d: DataLoader(Subset(d, [4, 2]), batch_sampler=[[1, 0], [0]]),
        lambda d: DataLoader(Subset(d, [4, 2]), batch_sampler=[[-1, 0], [-2]]),
        lambda d: DataLoader(Subset(d, [4, 2, 9]), sampler=SequentialSampler(range(2))),
    ):
        fast, slow = list(make(plain)), list(make(own))
        assert len(fast) == len(slow)
        for a, b in zip(fast, slow):
            assert [part.tolist() for part in a] == [part.tolist() for part in b]
            assert [part.dtype for part in a] == [part.dtype for part in b]


@pytest.mark.parametrize(
    ("sampler", "good"),
    [(SequentialSampler(range(12)), 2), ([0, 1, 2, 3, 10], 1), ([0, -11], 0)],
)
def test_an_index_outside_the_dataset_ends_the_batches(sampler, good):
    batches, read = iter(DataLoader(rows(10), batch_size=4, sampler=sampler)), []
    with pytest.raises(IndexError):
        for _, target in batches:
            read.append(target.tolist())
    assert read == [[10 * (4 * i + j) for j in range(4)] for i in range(good)]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("subset", [False, True])
def test_a_batch_is_a_gather_not_a_call_per_sample(monkeypatch, shuffle, subset):
    def forbidden(self, index):
        raise AssertionError("a sample was read by itself")

    dataset = rows(100)
    monkeypatch.setattr(Subset, "__getitem__", forbidden)
    monkeypatch.setattr(Subset, "__getitems__", forbidden)
    monkeypatch.setattr("chainrule.utils.data._loader.default_collate", forbidden)
    calls = collections.Counter()

    class Counting:
        """A tensor that counts what the loader asks of it."""

        def __init__(self, tensor):
            self.tensor = tensor
            self.shape = tensor.shape

        def __getitem__(self, index):
            assert isinstance(index, slice)
            calls["slice"] += 1
            return self.tensor[index]

        def index_select(self, dim, index):
            calls["gather"] += 1
            return self.tensor.index_select(dim, index)

    dataset.tensors = tuple(Counting(tensor) for tensor in dataset.tensors)
    chosen = Subset(dataset, list(range(99, -1, -1))) if subset else dataset
    loader = DataLoader(chosen, batch_size=25, shuffle=shuffle, generator=generator())
    assert sorted(all_targets(loader)) == [10 * i for i in range(100)]
    assert calls == {"gather" if shuffle or subset else "slice": 8}  # 4 batches of 2 tensors


def test_changing_a_batch_leaves_the_dataset():
    dataset = rows(4)
    for x, _ in DataLoader(dataset, batch_size=2):
        x.zero_()
    assert dataset.tensors[0][:, 0].tolist() == [0, 1, 2, 3]


def test_user_datasets():
    loader = DataLoader(Squares(5), batch_size=2)
    (a, b), *_, last = loader
    assert a.dtype == cr.float64
    assert a.tolist() == [0, 1]
    assert b.dtype == cr.int64
    assert last[1].tolist() == [16]
    joined = DataLoader(Squares(4), batch_size=4, collate_fn=lambda batch: [y for _, y in batch])
    assert list(joined) == [[0, 1, 4, 9]]


def test_getitems_serves_a_whole_batch():
    class Whole(Squares):
        def __getitems__(self, indices):
            asked.append(indices)
            return [self[i] for i in indices]

    asked = []
    assert targets(DataLoader(Whole(3), batch_size=2)) == [[0, 1], [4]]
    assert targets(DataLoader(Subset(Whole(3), [2, 1]), batch_size=2)) == [[4, 1]]
    assert asked == [[0, 1], [2], [2, 1]]


def test_iterable_datasets():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(5))

    assert [b.tolist() for b in DataLoader(Stream(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=2, drop_last=True)] == [
        [0, 1],
        [2, 3],
    ]
    assert list(DataLoader(Stream(), batch_size=None)) == [0, 1, 2, 3, 4]
    with pytest.raises(TypeError):
        len(DataLoader(Stream()))
    with pytest.raises(ValueError, match="IterableDataset"):
        DataLoader(Stream(), shuffle=True)


def test_without_batches():
    singles = list(DataLoader(rows(3), batch_size=None))
    assert [x.shape for x, _ in singles] == [(2,)] * 3
    with pytest.raises(ValueError, match="drop_last"):
        DataLoader(rows(), batch_size=None, drop_last=True)


def test_empty():
    assert list(DataLoader(rows(0), batch_size=4)) == []
    assert list(DataLoader(rows(0), batch_size=4, shuffle=True)) == []
    assert list(DataLoader(rows(3), batch_size=4, drop_last=True)) == []


def test_nothing_to_collate():
    with pytest.raises(IndexError, match="at least one sample"):
        default_collate([])


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": 2},
        {"prefetch_factor": 2},
        {"persistent_workers": True},
        {"timeout": 3},
        {"multiprocessing_context": "fork"},
    ],
)
def test_workers_are_refused_plainly(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}.*read in this process"):
        DataLoader(rows(), **options)


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"batch_size": True},
        {"num_workers": -1},
        {"shuffle": True, "sampler": [1]},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_sampler": [[1]], "shuffle": True},
    ],
)
def test_bad_options(options):
    with pytest.raises(ValueError, match=r"\[DataLoader\]"):
        DataLoader(rows(), **options)


def test_samples_and_order_as_pytorch():
    torch = pytest.importorskip("torch", reason="pip install torch==2.13.0")
    theirs_data = torch.utils.data.TensorDataset(torch.arange(7).float(), torch.arange(7))
    mine_data = TensorDataset(cr.arange(7).float(), cr.arange(7))
    for options in (
        {},
        {"batch_size": 3},
        {"batch_size": 3, "drop_last": True},
        {"batch_size": None},
    ):
        mine, theirs = (
            DataLoader(mine_data, **options),
            torch.utils.data.DataLoader(theirs_data, **options),
        )
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert type(a) is type(b)
            assert [part.tolist() for part in a] == [part.tolist() for part in b]


def test_the_repr_of_a_loader():
    class Stream(IterableDataset):
        pass

    assert repr(DataLoader(rows(), 4, shuffle=True)) == (
        "DataLoader(TensorDataset, batch_size=4, sampler=RandomSampler, drop_last=False)"
    )
    batches = BatchSampler(SequentialSampler(rows()), 4, True)
    assert "batch_size=None, sampler=BatchSampler" in repr(
        DataLoader(rows(), batch_sampler=batches)
    )
    assert "sampler=SequentialSampler" in repr(DataLoader(rows(), batch_size=None))
    assert "sampler=None, drop_last=True" in repr(DataLoader(Stream(), 4, drop_last=True))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"shuffle": "no"}, "shuffle to be True or False; got 'no'"),
        ({"shuffle": 0.5}, "shuffle to be True or False; got 0.5"),
        ({"drop_last": "no"}, "drop_last to be True or False; got 'no'"),
        ({"drop_last": None}, "drop_last to be True or False; got None"),
        ({"collate_fn": "x"}, "collate_fn as a function; got str"),
        ({"collate_fn": ""}, "collate_fn as a function; got str"),
    ],
)
def test_settings_of_a_wrong_kind(settings, text):
    with pytest.raises(TypeError) as caught:
        DataLoader(rows(), **settings)
    assert str(caught.value) == f"[DataLoader] expected {text}."
