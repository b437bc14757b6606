"""nn.MLP and nn.Autoencoder: the layers, names and numbers of the same network by hand."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def same(net, other):
    """Equal parameters under equal names."""
    ours, theirs = net.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(ours[name].equal(theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        (
            (4, [10, 5, 3], 1),
            lambda: [
                nn.Linear(4, 10),
                nn.ReLU(),
                nn.Linear(10, 5),
                nn.ReLU(),
                nn.Linear(5, 3),
                nn.ReLU(),
                nn.Linear(3, 1),
            ],
        ),
        ((10, [], 1), lambda: [nn.Linear(10, 1)]),  # a linear model
        ((1, 20, 1), lambda: [nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 1)]),
        (
            (4, (6,), 2, nn.Tanh, {"dropout": 0.25, "output_activation": nn.Sigmoid}),
            lambda: [
                nn.Linear(4, 6),
                nn.Tanh(),
                nn.Dropout(0.25),
                nn.Linear(6, 2),
                nn.Sigmoid(),
            ],
        ),
        (
            (4, [6], 2, lambda: nn.LeakyReLU(0.2), {"bias": False, "dtype": cr.float64}),
            lambda: [
                nn.Linear(4, 6, bias=False, dtype=cr.float64),
                nn.LeakyReLU(0.2),
                nn.Linear(6, 2, bias=False, dtype=cr.float64),
            ],
        ),
        (
            (4, [6], 2, {"norm_layer": lambda width: nn.Linear(width, width)}),
            lambda: [nn.Linear(4, 6), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2)],
        ),
    ],
)
def test_an_mlp_is_the_sequential_of_its_layers(settings, layers):
    *positional, last = settings
    keywords = last if isinstance(last, dict) else {}
    cr.manual_seed(0)
    net = nn.MLP(*(positional if keywords else settings), **keywords)
    cr.manual_seed(0)
    other = nn.Sequential(*layers())
    assert repr(net) == repr(other).replace("Sequential", "MLP", 1)
    assert same(net, other)
    x = cr.randn(5, other[0].in_features, dtype=other[0].weight.dtype)
    assert net.eval()(x).equal(other.eval()(x))


def test_the_number_of_weights_of_the_decks_networks():
    """003_35a9ce6660cbb7d5.txt: 10-1, 1-2-1, 1-20-1, 12-5-1, 12-5-10, 4-10-5-3-1."""
    networks = [(10, [], 1), (1, [2], 1), (1, [20], 1), (12, [5], 1), (12, [5], 10)]
    networks.append((4, [10, 5, 3], 1))
    for bias, counts in ((False, [10, 4, 40, 65, 110, 108]), (True, [11, 7, 61, 71, 125, 127])):
        nets = [nn.MLP(*sizes, bias=bias) for sizes in networks]
        assert [sum(p.numel() for p in net.parameters()) for net in nets] == counts


def test_parts_and_copies_of_an_mlp():
    net = nn.MLP(4, [10], 3)
    assert type(net[:2]) is nn.Sequential and net[:2][0] is net[0]
    assert type(copy.deepcopy(net)) is nn.MLP and same(copy.deepcopy(net), net)
    net.append(nn.Softmax(dim=-1))
    assert tuple(net(cr.ones(2, 4)).shape) == (2, 3)


@pytest.mark.parametrize(
    ("error", "match", "make"),
    [
        (ValueError, r"\[MLP\] expected in_features >= 0; got -1", lambda: nn.MLP(-1, [], 1)),
        (ValueError, "hidden_features >= 0; got -2", lambda: nn.MLP(1, [3, -2], 1)),
        (TypeError, "out_features to be an int; got 1.5", lambda: nn.MLP(1, [], 1.5)),
        (TypeError, "hidden_features to be widths; got 'abc'", lambda: nn.MLP(1, "abc", 1)),
        (TypeError, "hidden_features to be an int; got 2.5", lambda: nn.MLP(1, [2.5], 1)),
        (TypeError, "hidden_features to be widths; got None", lambda: nn.MLP(1, None, 1)),
        (TypeError, "expected a function; got int", lambda: nn.MLP(1, [2], 1, 3)),
        (TypeError, r"what makes a module, .* got ReLU\(\)", lambda: nn.MLP(1, [], 1, nn.ReLU())),
        (
            TypeError,
            r"what makes a module, .* got Sigmoid\(\)",
            lambda: nn.Autoencoder([2, 1], output_activation=nn.Sigmoid()),
        ),
        (TypeError, "nn.Module objects; got int", lambda: nn.MLP(1, [2], 1, lambda: 3)),
        (ValueError, "0 <= dropout <= 1; got 1.5", lambda: nn.MLP(1, [2], 1, dropout=1.5)),
        (TypeError, "dropout to be a number; got True", lambda: nn.MLP(1, [2], 1, dropout=True)),
        (TypeError, "a function; got None", lambda: nn.MLP(1, [2], 1, activation=None)),
        (ValueError, "widths of input and code at least; got", lambda: nn.Autoencoder([3])),
        (TypeError, "features to be widths", lambda: nn.Autoencoder(3.5)),
    ],
)
def test_settings_that_make_no_sense(error, match, make):
    with pytest.raises(error, match=match):
        make()


def test_an_autoencoder_is_an_mlp_there_and_back():
    """784-128-32-128-784, and the names of its parameters."""
    cr.manual_seed(0)
    net = nn.Autoencoder([784, 128, 32])
    cr.manual_seed(0)
    other = nn.MLP(784, [128, 32, 128], 784)
    assert list(net.state_dict()) == [
        f"{part}.{place}.{kind}"
        for part in ("encoder", "decoder")
        for place in (0, 2)
        for kind in ("weight", "bias")
    ]
    x = cr.rand(3, 784)
    assert net(x).equal(other(x))
    assert tuple(net.encoder(x).shape) == (3, 32)
    assert net.decoder(net.encoder(x)).equal(net(x))
    net.load_state_dict(nn.Autoencoder((784, 128, 32), dropout=0.0).state_dict())


def test_the_settings_of_an_autoencoder():
    net = nn.Autoencoder(
        [6, 4, 2],
        nn.Tanh,
        code_activation=nn.Identity,
        output_activation=nn.Sigmoid,
        dropout=0.5,
        bias=False,
        dtype=cr.float64,
    )
    kinds = [[type(layer).__name__ for layer in part] for part in (net.encoder, net.decoder)]
    assert kinds == [
        ["Linear", "Tanh", "Dropout", "Linear", "Identity"],
        ["Linear", "Tanh", "Dropout", "Linear", "Sigmoid"],
    ]
    assert all(p.dtype == cr.float64 for p in net.parameters())
    assert next(iter(net.state_dict())) == "encoder.0.weight" and len(net.state_dict()) == 4


def test_an_autoencoder_learns_a_plane():
    """004_207294fe22f678c8.txt: train an MLP as an autoencoder. The data have two dimensions."""
    rng = np.random.default_rng(0)
    x = cr.tensor((rng.normal(size=(200, 2)) @ rng.normal(size=(2, 8))).astype(np.float32))
    cr.manual_seed(0)
    net = nn.Autoencoder([8, 16, 2], nn.Tanh, code_activation=nn.Identity)
    optimizer = cr.optim.Adam(net.parameters(), lr=0.01)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), x)
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(x).item() for _ in range(500)]
    assert losses[0] > 0.5 and losses[-1] < 0.02
