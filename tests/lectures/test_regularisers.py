"""What the decks say of overfitting and of what holds it back."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.utils.data import ConcatDataset, DataLoader, Dataset, TensorDataset


def curve(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, size=(n, 1))
    return cr.tensor(x), cr.tensor(np.sin(x) + 0.4 * rng.normal(size=(n, 1)))


def fitted(hidden, x, y, steps=1500):
    cr.manual_seed(hidden)
    net = nn.MLP(1, [hidden], 1, nn.Tanh).double()
    optimizer = cr.optim.Adam(net.parameters(), lr=0.05)

    @cr.compile
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    for _ in range(steps):
        step(x, y)
    return net


def error(net, x, y):
    with cr.no_grad():
        return nn.functional.mse_loss(net(x), y).item()


def test_fifty_hidden_units_overfit_where_two_do_not():
    unseen = curve(500, 100)
    seen_errors, unseen_errors = [], []
    for seed in range(5):
        x, y = curve(15, seed)
        nets = [fitted(hidden, x, y) for hidden in (2, 50)]
        seen_errors.append([error(net, x, y) for net in nets])
        unseen_errors.append([error(net, *unseen) for net in nets])
    few, many = np.mean(seen_errors, 0)
    assert many < 0.7 * few
    few, many = np.mean(unseen_errors, 0)
    assert many > 1.3 * few


def test_a_tanh_network_with_small_weights_is_close_to_a_line():
    x = cr.linspace(-1, 1, 50, dtype=cr.float64).reshape(-1, 1)
    distances = []
    for spread in (0.05, 0.5, 2.0):
        cr.manual_seed(3)
        net = nn.MLP(1, [20], 1, nn.Tanh).double()
        for p in net.parameters():
            nn.init.normal_(p, std=spread)
        with cr.no_grad():
            y = net(x).numpy()
        line = np.polynomial.Polynomial.fit(x.numpy()[:, 0], y[:, 0], 1)(x.numpy()[:, 0])
        distances.append(np.abs(y[:, 0] - line).max() / np.abs(y - y.mean()).max())
    assert distances[0] < 0.01 < distances[1] < distances[2]


def test_gradients_of_mini_batches_scatter_around_that_of_all():
    x, y = curve(64, 2)
    net = nn.Linear(1, 1, dtype=cr.float64)

    def slope(rows):
        loss = nn.functional.mse_loss(net(rows[0]), rows[1])
        return cr.autograd.grad(loss, net.weight)[0].item()

    cr.manual_seed(0)
    batches = [slope(b) for b in DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)]
    assert np.mean(batches) == pytest.approx(slope((x, y)), rel=1e-12)
    assert np.std(batches) > 0.01


class Jittered(Dataset):
    """Fake data: each sample again, moved by noise at every look."""

    def __init__(self, data, spread):
        self.data, self.spread = data, spread

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        x, y = self.data[i]
        return x + self.spread * cr.randn_like(x), y


def test_fake_data_beside_the_true_ones():
    x, y = curve(20, 4)
    data = TensorDataset(x, y)
    cr.manual_seed(5)
    both = ConcatDataset([data, Jittered(data, 0.1)])
    first, second = (next(iter(DataLoader(both, batch_size=40)))[0] for _ in range(2))
    assert first.shape == (40, 1) and first[:20].equal(x) and second[:20].equal(x)
    assert not first[20:].equal(second[20:])
    assert 0.05 < (first[20:] - x).std().item() < 0.2
