"""nn.init.reset_parameters: a whole model drawn anew, and the default of Linear."""

import math

import pytest

import chainrule as cr
from chainrule import nn


class Scale(nn.Module):
    """Draws what it owns."""

    def __init__(self, size):
        super().__init__()
        self.factor = nn.Parameter(cr.empty(size))
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.normal_(self.factor)

    def forward(self, x):
        return x * self.factor


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), Scale(7), nn.Linear(7, 7, bias=False))
        self.blocks = nn.ModuleList([nn.Linear(7, 7), nn.Sequential(nn.Dropout(), nn.Linear(7, 2))])
        self.again = self.body[3]  # shared

    def forward(self, x):
        return self.blocks[1](self.blocks[0](self.again(self.body(x))))


MODELS = {
    "layer": lambda: nn.Linear(3, 4),
    "narrow": lambda: nn.Linear(0, 4),
    "network": Net,
    "nothing": nn.ReLU,
    "normalised": lambda: nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.RMSNorm(4)
    ),
    "others": lambda: nn.Sequential(nn.Embedding(5, 3, padding_idx=1), nn.Bilinear(2, 3, 4)),
    "mlp": lambda: nn.MLP(3, [8, 8], 2, norm_layer=nn.LayerNorm, dropout=0.5),
    "float64": lambda: nn.Linear(3, 4, dtype=cr.float64),
    "deep": lambda: nested(300),
}


def nested(depth):
    net = nn.Linear(2, 2)
    for _ in range(depth):
        net = nn.Sequential(net, nn.Linear(1, 1))
    return net


@pytest.mark.parametrize("name", MODELS)
def test_the_bits_of_a_new_model(name):
    cr.manual_seed(7)
    new = MODELS[name]()
    place = cr.get_rng_state()
    cr.manual_seed(8)
    net = MODELS[name]()
    kept = [p.data_ptr() for p in net.parameters()]
    with cr.no_grad():
        for p in net.parameters():
            p.mul_(3)
    cr.manual_seed(7)
    assert nn.init.reset_parameters(net) is net
    assert cr.equal(cr.get_rng_state(), place)
    for (a, p), (b, q) in zip(net.named_parameters(), new.named_parameters(), strict=True):
        assert a == b and cr.equal(p, q) and p.requires_grad and p.is_leaf
    assert [p.data_ptr() for p in net.parameters()] == kept


def test_a_compiled_step_goes_on():
    net = Net().eval()
    call = cr.compile(net)
    x = cr.randn(3, 5)
    for _ in range(4):
        call(x)
    nn.init.reset_parameters(net)
    assert cr.equal(call(x), net(x))
    assert call.plans == 1


def test_parameters_that_nobody_draws_are_told():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(cr.ones(2))

    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(Bare()))
    before = net[0].weight.tolist()
    with pytest.raises(TypeError, match=r"got Bare at '1.0', which has none"):
        nn.init.reset_parameters(net)
    assert net[0].weight.tolist() == before
    with pytest.raises(TypeError, match="got Bare, which has none"):
        nn.init.reset_parameters(Bare())
    with pytest.raises(TypeError, match=r"\[reset_parameters\] expected a Module; got Parameter"):
        nn.init.reset_parameters(net[0].weight)  # pyright: ignore[reportArgumentType]


def test_the_default_is_kaimings_with_the_slope_of_sqrt_5():
    layer = nn.Linear(400, 300, dtype=cr.float64)
    cr.manual_seed(1)
    layer.reset_parameters()
    cr.manual_seed(1)
    weight = nn.init.kaiming_uniform_(cr.empty(300, 400, dtype=cr.float64), a=math.sqrt(5))
    assert (layer.weight - weight).abs().max().item() < 1e-16
    for values in (layer.weight, layer.bias):
        assert 0.9 / 20 < values.abs().max().item() <= 1 / 20
    out = cr.randn(2000, 400, dtype=cr.float64) @ layer.weight.detach().t()
    assert out.var().item() == pytest.approx(1 / 3, rel=0.02)


def test_units_that_start_alike_stay_alike_and_random_ones_do_not():
    """Why weights begin random near zero: 001_bfbf75e1b9730729.txt."""
    ends = []
    for begin in (
        lambda net: [nn.init.constant_(p, 0.1) for p in net.parameters()],
        nn.init.reset_parameters,
    ):
        cr.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        begin(net)
        optimizer = cr.optim.SGD(net.parameters(), lr=0.3)
        x = cr.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
        y = cr.tensor([[0.0], [1], [1], [0]])
        for _ in range(2000):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(x), y)
            loss.backward()
            optimizer.step()
        ends.append((loss.item(), (net[0].weight - net[0].weight[0]).abs().max().item()))
    alike, drawn = ends
    assert alike[1] < 1e-6 and alike[0] > 0.1  # one unit four times cannot do XOR
    assert drawn[1] > 0.1 and drawn[0] < 0.01
