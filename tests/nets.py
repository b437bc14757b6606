"""Networks and tensors that several test files use."""

import chainrule as cr
from chainrule import nn


class Net(nn.Module):
    """Two layers, a buffer, a transient buffer and a plain attribute."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        self.scale = nn.Parameter(cr.ones(3))
        self.register_buffer("mean", cr.zeros(4))
        self.register_buffer("cache", cr.zeros(2), persistent=False)
        self.note = "plain"

    def forward(self, x):
        return self.layers(x - self.mean) * self.scale


def times_two(module, args, output):
    return output * 2


def leaf(*values, dtype=cr.float64):
    return cr.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


def make_net(seed=0, dropout=0.0):
    cr.manual_seed(seed)
    layers = [nn.Linear(5, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 3)]
    return nn.Sequential(*layers)


def batches(count, rows=8, seed=1):
    g = cr.Generator().manual_seed(seed)
    return [
        (cr.randn(rows, 5, generator=g), cr.randint(0, 3, (rows,), generator=g))
        for _ in range(count)
    ]
