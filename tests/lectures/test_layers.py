"""What the lectures call layers and networks, built from nn."""

import numpy as np

import chainrule as cr
from chainrule import nn


def test_the_deep_tanh_network():
    """004_207294fe22f678c8.txt: s = tanh(A'x), t = tanh(B's), u = tanh(C't), z = tanh(D'u)."""
    cr.manual_seed(0)
    net = nn.MLP(5, [4, 3, 2], 2, nn.Tanh, output_activation=nn.Tanh, bias=False).double()
    a, b, c, d = (p.detach().numpy().T for p in net.parameters())
    x = np.random.default_rng(0).normal(size=5)
    z = np.tanh(d.T @ np.tanh(c.T @ np.tanh(b.T @ np.tanh(a.T @ x))))
    np.testing.assert_allclose(net(cr.tensor(x)).detach().numpy(), z, rtol=1e-14)


def test_a_network_is_a_layer_of_another_network():
    """001_bfbf75e1b9730729.txt: recursion; layers without parameters, and pre-trained parts."""
    cr.manual_seed(0)
    trained = nn.Autoencoder([6, 4, 2])
    net = nn.Sequential(trained.encoder, nn.ModuleDict({"a": nn.ReLU()})["a"], nn.MLP(2, [5], 3))
    for p in trained.encoder.parameters():
        p.requires_grad_(False)
    x = cr.randn(7, 6)
    nn.functional.cross_entropy(net(x), cr.zeros(7, dtype=cr.int64)).backward()
    assert [p.grad is None for p in net.parameters()] == [True] * 4 + [False] * 4
    assert list(net.state_dict())[:2] == ["0.0.weight", "0.0.bias"]
    assert list(net[1].parameters()) == []
    outer = nn.Sequential(net, nn.Softmax(dim=1))
    assert outer(x).allclose(nn.functional.softmax(net(x), dim=1))


def test_learning_embeddings_updates_x():
    """000_4bfdbb0e825250a6.txt: "updating x if learning embeddings": x is a row of the table."""
    cr.manual_seed(0)
    table, layer = nn.Embedding(6, 4), nn.Linear(4, 1)
    words = cr.tensor([2, 5, 2])
    layer(table(words)).sum().backward()
    x = table.weight.detach()[words].requires_grad_()
    layer(x).sum().backward()
    assert table.weight.grad[5].equal(x.grad[1])
    assert table.weight.grad[2].allclose(x.grad[0] + x.grad[2])
    before = table.weight.detach().clone()
    cr.optim.SGD(table.parameters(), lr=0.5).step()
    moved = (table.weight.detach() != before).any(dim=1)
    assert moved.tolist() == [False, False, True, False, False, True]


class SequenceAutoencoder(nn.Module):
    """The last state of one recurrent network is all that another one sees of the sequence."""

    def __init__(self, features, code):
        super().__init__()
        self.encoder = nn.LSTM(features, code, batch_first=True)
        self.decoder = nn.LSTM(code, code, batch_first=True)
        self.output = nn.Linear(code, features)

    def forward(self, x):
        _, (code, _) = self.encoder(x)
        steps = code[-1].unsqueeze(1).expand(-1, x.size(1), -1)
        return self.output(self.decoder(steps)[0])


def test_a_recurrent_autoencoder_learns_sequences():
    cr.manual_seed(0)
    x = cr.randn(8, 5, 2)
    net = SequenceAutoencoder(2, 24)
    optimizer = cr.optim.Adam(net.parameters(), lr=0.02)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), x)
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = [step(x).item() for _ in range(400)]
    assert losses[0] > 0.8 and losses[-1] < 0.05
