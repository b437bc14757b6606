"""Trainer: data that it cannot use, and the words in which it says so."""

import collections

import pytest

import chainrule as cr
from chainrule.utils.data import DataLoader, IterableDataset, Subset, TensorDataset
from trainers import blobs, classifier, line, linear_trainer, weights

X, Y = line(8)
Row = collections.namedtuple("Row", "x y")


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        ([], ValueError, r"\[Trainer.fit\] expected validation data with at least one batch"),
        ((), ValueError, r"\[Trainer.fit\] expected validation data with at least one batch"),
        (
            X.numpy(),
            TypeError,
            r"a pair \(inputs, targets\); got numpy\.ndarray\. .*: pass fit\(\(x, y\), \(",
        ),
        (
            0.2,
            TypeError,
            r"^\[Trainer\] expected validation data as a DataLoader, .*; got float\.$",
        ),
        (
            (X,),
            ValueError,
            r"^\[Trainer\] expected validation data as a pair .*; got a tuple of 1\.$",
        ),
        ((X, Y[:3]), cr.ShapeError, r"rows; got \(8, 3\), \(3, 1\)"),
        ((X, ["a"] * 8), TypeError, "expected a tensor, an array or a list of numbers; got list"),
        ("data", TypeError, "a DataLoader, .*; got str"),
        ({"x": X, "y": Y}, TypeError, "a DataLoader, .*; got dict"),
        ((X, Y, Y), ValueError, "validation data as a pair .* form; got a tuple of 3"),
        ([1.0, 2.0, 3.0], TypeError, r"a pair \(inputs, targets\); got list"),
        ([(X, Y), (X, Y), (X, Y, Y)], ValueError, "validation data as .*; got a tuple of 3"),
        (TensorDataset(X), ValueError, "validation data as .*; got a tuple of"),
        (DataLoader(TensorDataset(X, Y, Y)), ValueError, "validation data as .*; got a tuple of"),
        ((X[:, :2], Y), cr.ShapeError, "validation inputs of 3 features, .*; got 2"),
        (Row(X[:, 0], Y), cr.ShapeError, "validation inputs of 3 features, .*; got 1"),
        (
            DataLoader(Subset(TensorDataset(cr.cat([X, X], 1), Y), [1, 2]), 2),
            cr.ShapeError,
            "validation inputs of 3 features, .*; got 6",
        ),
    ],
)
def test_validation_data_are_looked_at_before_training(data, error, words):
    trainer = linear_trainer()
    before = weights(trainer.model)
    with pytest.raises(error, match=words) as raised:
        trainer.fit((X, Y), data, epochs=1)
    assert "validation" in "".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    assert weights(trainer.model) == before


ONE = "Inputs and targets are one argument: pass "


@pytest.mark.parametrize("kind", [lambda t: t, lambda t: t.numpy(), lambda t: t.tolist()])
def test_inputs_and_targets_as_two_arguments(kind):
    x, y = kind(X), kind(Y)
    name = cr._core._type_name(x)
    for call in (lambda t: t.fit(x, y), lambda t: t.fit(x), lambda t: t.fit(x, (x, y))):
        with pytest.raises(TypeError, match="^.Trainer. expected training data as") as raised:
            call(linear_trainer())
        assert str(raised.value).endswith(f"got {name}. {ONE}fit((x, y)).")
    with pytest.raises(TypeError, match="^.Trainer. expected data as") as raised:
        linear_trainer().evaluate(x)
    assert str(raised.value).endswith(f"got {name}. {ONE}evaluate((x, y)).")


def batches():
    yield X, Y


@pytest.mark.parametrize("once", [batches, lambda: zip([X], [Y]), lambda: iter([(X, Y)])])
def test_what_is_read_once_is_no_data_for_two_epochs(once):
    trainer = linear_trainer()
    before = weights(trainer.model)
    name = type(once()).__name__
    for part, data in (("training", (once(), None)), ("validation", ((X, Y), once()))):
        with pytest.raises(ValueError) as raised:
            trainer.fit(*data, epochs=2)
        assert str(raised.value) == (
            f"[Trainer.fit] expected {part} data that can be read in 2 epochs; got a {name}, which "
            "is read once. Pass a list of its batches, or a DataLoader."
        )
    assert weights(trainer.model) == before
    assert len(trainer.fit(once(), once(), epochs=1)) == 1


def test_an_iterator_that_begins_anew():
    class Anew:
        def __iter__(self):
            self.left = 3
            return self

        def __next__(self):
            if not self.left:
                raise StopIteration
            self.left -= 1
            return X, Y

    assert len(linear_trainer().fit(Anew(), Anew(), epochs=3)) == 3


def test_an_iterator_that_has_ended():
    class Ended:
        def __init__(self):
            self.rest = batches()

        def __iter__(self):
            return self.rest

    with pytest.raises(ValueError, match=r"training data with .* batch; got none in epoch 2\.$"):
        linear_trainer().fit(Ended(), epochs=2)


def test_samples_are_no_batches():
    x, y = blobs(9)
    words = r"expected training data as batches .*; got a single sample\. Pass a DataLoader"
    for trainer, samples in (
        (linear_trainer(), list(zip(X, Y))),  # of shapes (3,) and (1,)
        (classifier(), list(zip(x, y))),  # with 0-d targets
        (classifier(), list(zip(x, y.tolist()))),
    ):
        with pytest.raises(cr.ShapeError, match=words):
            trainer.fit(samples, epochs=1)
        assert len(trainer.fit(DataLoader(samples, batch_size=4), epochs=1)) == 1


def test_an_error_of_the_validation_says_so():
    class Later(IterableDataset):
        def __iter__(self):
            return iter([(X[0], Y[0]), (X[0], Y[0, 0])])

    with pytest.raises(cr.ShapeError) as raised:
        linear_trainer().fit((X, Y), DataLoader(Later()), epochs=1)
    assert raised.value.__notes__[-1] == "[Trainer.fit] in the validation data."


class Samples:
    """No Dataset by name, but what a DataLoader takes."""

    def __len__(self):
        return len(X)

    def __getitem__(self, index):
        return X[index], Y[index]


def test_a_dataset_is_known_by_what_it_can():
    assert linear_trainer().evaluate(Samples()) == linear_trainer().evaluate((X, Y))
    assert linear_trainer().predict(Samples()).tolist() == linear_trainer().predict(X).tolist()
    trainer, other = linear_trainer(), linear_trainer()
    trainer.fit(Samples(), Samples(), epochs=2, batch_size=4, shuffle=False)
    other.fit((X, Y), (X, Y), epochs=2, batch_size=4, shuffle=False)
    assert weights(trainer.model) == weights(other.model)


@pytest.mark.parametrize("inputs", [None, "abc", {"x": X}, Samples])
def test_what_predict_does_not_take(inputs):
    words = (
        r"^\[Trainer\] expected inputs as a tensor, an array, a list of numbers, a Dataset or a D"
    )
    with pytest.raises(TypeError, match=words):
        linear_trainer().predict(inputs)
