"""Batches without rows and inputs without features, through layers, losses, loaders and Trainer.

What PyTorch computes for them is computed: an empty sum is 0, the mean of nothing nan. Where
nothing could be learned or told, an error says so before anything has changed.
"""

import math

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.utils.data import DataLoader, TensorDataset, random_split

SIZES = [(0, 3), (4, 0), (0, 0)]
# Of other shapes than a target like the input; compare/test_losses_torch.py has them.
SHAPED = {
    "CosineEmbeddingLoss",
    "GaussianNLLLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
}
LOSSES = sorted(name for name in vars(nn) if name.endswith("Loss") and name not in SHAPED)


@pytest.mark.parametrize(("rows", "features"), SIZES)
def test_a_linear_layer(rows, features):
    layer = nn.Linear(features, 2)
    x = cr.zeros(rows, features, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.tolist() == [layer.bias.tolist()] * rows
    assert x.grad.shape == (rows, features)
    assert layer.weight.grad.tolist() == [[0] * features] * 2
    assert layer.bias.grad.tolist() == [rows, rows]


@pytest.mark.parametrize(("rows", "features"), SIZES)
def test_a_network_eager_and_compiled(rows, features):
    net = nn.Sequential(
        nn.Linear(features, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3), nn.LogSoftmax(1)
    )
    optimizer = cr.optim.Adam(net.parameters())

    def step(x):
        optimizer.zero_grad()
        y = net(x)
        y.sum().backward()
        optimizer.step()
        return y

    for run in (step, *[cr.compile(step)] * 4):
        assert run(cr.zeros(rows, features)).shape == (rows, 3)
    for parameter in net.parameters():
        assert parameter.grad.shape == parameter.shape
        assert bool(cr.isfinite(parameter).all())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("rows", "features"), SIZES)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_nothing(name, rows, features, reduction):
    loss = getattr(nn, name)(reduction=reduction)
    classes = name in ("CrossEntropyLoss", "NLLLoss")
    x = cr.zeros(rows, features, requires_grad=True)
    targets = cr.zeros(rows, dtype=cr.int64) if classes else cr.zeros(rows, features)
    if classes and rows:  # no label is right where there are no classes
        with pytest.raises(IndexError, match="got 0"):
            loss(x, targets)
        return
    value = loss(x, targets)
    if reduction == "none":
        assert value.shape == targets.shape
    elif reduction == "sum":
        assert value.item() == 0
    else:
        assert math.isnan(value.item())
    value.sum().backward()
    assert x.grad.shape == (rows, features)


def test_loaders():
    nothing = TensorDataset(cr.zeros(0, 3), cr.zeros(0))
    for shuffle in (False, True):
        loader = DataLoader(nothing, batch_size=2, shuffle=shuffle)
        assert len(loader) == 0
        assert list(loader) == []
    assert list(DataLoader([], batch_size=2)) == []
    assert [len(part) for part in random_split(nothing, [0.5, 0.5])] == [0, 0]
    featureless = TensorDataset(cr.zeros(5, 0), cr.zeros(5))
    batches = list(DataLoader(featureless, batch_size=2, shuffle=True))
    assert [(x.shape, y.shape) for x, y in batches] == [((n, 0), (n,)) for n in (2, 2, 1)]
    assert list(DataLoader(featureless, batch_size=6, drop_last=True)) == []


def trainer(features=3):
    net = nn.Linear(features, 2)
    return cr.Trainer(net, nn.MSELoss(), cr.optim.SGD(net.parameters(), lr=0.1))


SOME, NONE = (cr.zeros(4, 3), cr.ones(4, 2)), (cr.zeros(0, 3), cr.zeros(0, 2))
CUT_OFF = DataLoader(TensorDataset(*SOME), batch_size=8, drop_last=True)


@pytest.mark.parametrize(
    ("words", "act"),
    [
        ("fit] expected training data", lambda t: t.fit(NONE, epochs=1)),
        ("fit] expected training data", lambda t: t.fit(DataLoader([]), epochs=1)),
        ("fit] expected training data", lambda t: t.fit(iter(()), epochs=1)),
        ("fit] expected training data", lambda t: t.fit(CUT_OFF, epochs=1)),
        ("fit] expected validation data", lambda t: t.fit(SOME, NONE, epochs=1)),
        ("fit] expected validation data", lambda t: t.fit(SOME, CUT_OFF, epochs=1)),
        ("evaluate] expected data", lambda t: t.evaluate(NONE)),
        ("predict] expected data", lambda t: t.predict(NONE[0])),
    ],
)
def test_a_trainer_says_that_it_got_no_data(words, act):
    t = trainer()
    before = t.model.weight.tolist(), t.model.bias.tolist()
    with pytest.raises(ValueError, match=rf"\[Trainer\.{words} with at least one batch; got none"):
        act(t)
    assert (t.model.weight.tolist(), t.model.bias.tolist()) == before


def test_a_trainer_on_inputs_without_features_learns_the_bias():
    t = trainer(0)
    x, y = cr.zeros(4, 0), cr.ones(4, 2)
    t.fit((x, y), epochs=200)
    assert t.evaluate((x, y))["loss"] < 1e-6
    assert t.predict(x).tolist() == [t.model.bias.tolist()] * 4


@pytest.mark.parametrize("order", [-0.5, -1, -2, -float("inf")])
def test_norms_of_negative_order_need_elements(order):
    for norm in (cr.norm, cr.linalg.vector_norm):
        with pytest.raises((ValueError, IndexError), match="at least one element"):
            norm(cr.zeros(0), order)
        with pytest.raises((ValueError, IndexError), match="at least one element"):
            norm(cr.zeros(3, 0), order, dim=1)
        assert norm(cr.zeros(0, 3), order, dim=1).shape == (0,)
