"""Trainer.fit where a step is not captured, or not worth it."""

import itertools

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.utils.data import DataLoader, Dataset, TensorDataset
from trainers import blobs, both, classifier, network, weights


def test_a_step_that_cannot_be_captured(taken):
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, x):
            return self.inner(x) * (2.0 if x.max().item() > 0 else 1.0)

    def fit(trainer):
        trainer.fit(blobs(), epochs=3, batch_size=8)

    with pytest.warns(UserWarning, match=r"^\[Trainer.fit\] expected a step that can be") as caught:
        captured, eager = both(lambda **options: classifier(Reads(), **options), fit)
    assert captured == eager
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "test_trainer_eager.py:" in str(caught[0].message)
    assert sum(taken) == 0


def test_batches_that_the_user_has_a_say_in(taken):
    def collate(samples):
        x, y = zip(*samples)
        return cr.stack(x) * 2, cr.stack(y)

    class Loader(DataLoader):
        def __iter__(self):
            for x, y in super().__iter__():
                yield x * 2, y

    class Own(Dataset):
        def __getitem__(self, i):
            return x[i] * 2, y[i]

        def __len__(self):
            return len(x)

    x, y = blobs()
    expected = classifier(compile=False)
    expected.fit((x * 2, y), epochs=3, batch_size=8, shuffle=False)
    for loader in (
        DataLoader(TensorDataset(x, y), 8, collate_fn=collate),
        Loader(TensorDataset(x, y), 8),
        DataLoader(Own(), 8),
        list(DataLoader(Own(), 8)),
    ):
        trainer = classifier()
        trainer.fit(loader, epochs=3)
        assert weights(trainer.model) == weights(expected.model)
    assert sum(taken) == 0


def test_batches_of_ever_other_sizes():
    x, y = blobs(2000)
    ends = [0]
    while ends[-1] < 2000:
        ends.append(ends[-1] + 10 + len(ends) % 40)
    batches = [(x[a:b], y[a:b]) for a, b in itertools.pairwise(ends)]
    captured, eager = both(classifier, lambda t: t.fit(batches, epochs=3))
    assert captured == eager


def test_batches_that_are_no_tensors():
    class Convert(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, batch):
            return self.inner(cr.cat(batch["x"], 1))

    x, y = blobs()
    batches = [({"x": [x[a : a + 9, :1], x[a : a + 9, 1:]]}, y[a : a + 9]) for a in range(0, 90, 9)]
    captured, eager = both(
        lambda **options: classifier(Convert(), **options), lambda t: t.fit(batches, epochs=3)
    )
    assert captured == eager


def test_no_batches():
    empty = cr.zeros(0, 2), cr.zeros(0, dtype=cr.int64)
    few = DataLoader(TensorDataset(*blobs(3)), batch_size=4, drop_last=True)
    for data in (empty, few):
        with pytest.raises(ValueError, match="training data with at least one batch; got none"):
            classifier().fit(data)
