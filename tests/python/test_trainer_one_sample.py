"""Trainer: a batch of one, a last batch of one, and single rows, which are no batches."""

import pytest

import chainrule as cr
from chainrule import nn, optim
from trainers import blobs, figures, weights

X, Y = blobs(9)
ONE_VALUE = (
    r"in Sequential\.1 \(BatchNorm1d\): \[batch_norm\] expected more than 1 value per channel when "
    r"training; got an input of sizes \(1, 4\)\. DataLoader\(\.\.\., drop_last=True\) leaves an odd "
    r"last batch out\.$"
)


def trainer(*between, compile=True):
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), *between, nn.Linear(4, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    return cr.Trainer(model, nn.CrossEntropyLoss(), optimizer, compile=compile)


def test_a_batch_of_one():
    runs = []
    for compile in (True, False):
        one = trainer(compile=compile)
        history = one.fit((X[:1], Y[:1]), (X[:1], Y[:1]), epochs=5)
        assert history["train_loss"][-1] < history["train_loss"][0]
        assert one.predict(X[:1]).shape == (1, 3)
        assert set(one.evaluate((X[:1], Y[:1]))) == {"loss"}
        runs.append((figures(history), weights(one.model)))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 32), (9, 4)])
def test_one_row_has_no_variance(rows, batch_size):
    one = trainer(nn.BatchNorm1d(4))
    with pytest.raises(ValueError, match=ONE_VALUE):
        one.fit((X[:rows], Y[:rows]), batch_size=batch_size)
    assert one.predict(X[:1]).shape == (1, 3)  # by running statistics


@pytest.mark.parametrize("kind", [lambda t: t, lambda t: t.numpy(), lambda t: t.tolist()])
def test_a_single_row_is_told_how_to_be_a_batch(kind):
    one = trainer(nn.BatchNorm1d(4))
    with pytest.raises(cr.ShapeError) as caught:
        one.predict(kind(X[0]))
    assert caught.value.__notes__ == [
        "[Trainer] expected inputs as rows; got shape (2,). One sample x is x[None]."
    ]
    for call in (one.fit, one.evaluate):
        with pytest.raises(
            cr.ShapeError, match=r"with rows; got one of shape \(\)\. One sample x is"
        ):
            call((kind(X[0]), kind(Y[0])))
