"""compile(fallback=True): training steps that cannot be captured leave what eager ones leave."""

import pytest

import chainrule as cr
from chainrule import nn


class Doubled(cr.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, dy):
        return dy * 2


def read_the_loss(net, optimizer, loss):
    optimizer.param_groups[0]["lr"] = 0.1 / (1.0 + loss.item())


def rebind(net, optimizer, loss):
    net.scale = 3.0 if net.scale == 2.0 else 2.0


def hook(net, optimizer, loss):
    net[0].weight.register_hook(lambda g: g * 0.5)


def evaluate(net, optimizer, loss):
    net.eval() if net.training else net.train()


def drop_state(net, optimizer, loss):
    optimizer.state.clear()


def new_data(net, optimizer, loss):
    with cr.no_grad():
        net[0].weight.mul_(cr.tensor([0.5]))


def seed(net, optimizer, loss):
    cr.manual_seed(3)


def mask(net, optimizer, loss):
    with cr.no_grad():
        weight = net[0].weight
        weight.mul_(0.5 + weight[weight > 0].mean() / 10)


def unique(net, optimizer, loss):
    with cr.no_grad():
        net[0].weight.mul_(0.5 + cr.unique(net[0].bias).sum() / 100)


def own_function(net, optimizer, loss):
    net[0].bias.data.add_(Doubled.apply(net[0].bias.detach()))


EFFECTS = [
    read_the_loss,
    rebind,
    hook,
    evaluate,
    drop_state,
    new_data,
    seed,
    mask,
    unique,
    own_function,
]


class Scaled(nn.Sequential):
    def __init__(self, *modules):
        super().__init__(*modules)
        self.scale = 2.0

    def forward(self, x):
        return super().forward(x) * self.scale


def training(compiled, effect, where):
    """Losses, weights and optimizer state after five steps, with an effect in the middle of each."""
    cr.manual_seed(0)
    net = Scaled(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.3), nn.Linear(5, 2))
    optimizer = cr.optim.Adam(net.parameters(), lr=0.05)
    calls = []

    def step(x, y):
        calls.append(1)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        if where == "before backward":
            effect(net, optimizer, loss)
        loss.backward()
        if where == "after backward":
            effect(net, optimizer, loss)
        optimizer.step()
        if where == "at the end":
            effect(net, optimizer, loss)
        return loss

    step = cr.compile(step, fallback=True) if compiled else step
    x, y = cr.randn(6, 4), cr.randn(6, 2)
    losses = [step(x, y).item() for _ in range(5)]
    weights = [p.detach().tolist() for p in net.parameters()]
    state = [t.tolist() for entries in optimizer.state.values() for t in entries.values()]
    assert len(calls) == 5
    if compiled:
        assert step.stats["replays"] == 0
    return losses, weights, state, cr.get_rng_state().tolist()


@pytest.mark.parametrize("where", ["before backward", "after backward", "at the end"])
@pytest.mark.parametrize("effect", EFFECTS, ids=lambda e: e.__name__)
def test_a_whole_step_is_what_eager_makes_of_it(effect, where):
    wanted = training(False, effect, where)
    with pytest.warns(UserWarning, match=r"test_fallback_steps\.py:\d+") as heard:
        got = training(True, effect, where)
    assert got == wanted
    assert len(heard) == 1
    assert heard[0].filename == __file__
    assert str(heard[0].message).endswith(
        "This call and later ones of its signature run eagerly, as fallback=True asks."
    )
    assert cr._core._recording() is None


def test_backward_through_history_from_outside():
    results = []
    for compiled in (False, True):
        w = cr.tensor([1.0, 2.0], requires_grad=True)

        def step(x):
            (x * x).sum().backward()
            return x.detach() + 1

        if compiled:
            step = cr.compile(step, fallback=True)
            with pytest.warns(UserWarning, match="expected backward to stay inside"):
                step(w * 3)
        else:
            step(w * 3)
        step(w * 3)
        results.append(w.grad.tolist())
    assert results[0] == results[1]


def test_hooks_that_a_backward_inside_calls():
    def train(compiled):
        w, heard = nn.Parameter(cr.ones(2)), []
        w.register_hook(lambda g: heard.append("hook") or g * 0.5)
        w.register_post_accumulate_grad_hook(lambda p: heard.append("after"))
        optimizer = cr.optim.SGD([w], lr=0.1)

        def step(x):
            def closure():
                optimizer.zero_grad()
                loss = (w * x).square().sum()
                loss.backward()
                return loss

            return optimizer.step(closure)

        step = cr.compile(step, fallback=True) if compiled else step
        return [step(cr.ones(2)).item() for _ in range(4)], w.tolist(), heard

    with pytest.warns(UserWarning, match="expected no hook while recording"):
        got = train(True)
    assert got == train(False)
