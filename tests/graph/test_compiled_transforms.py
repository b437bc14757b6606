"""grad and value_and_grad inside and around compiled functions, and closures of optimizers."""

import pytest

import chainrule as cr
from chainrule import nn, optim


def network():
    cr.manual_seed(2)
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))


def batches(count):
    cr.manual_seed(3)
    return [(cr.randn(5, 3), cr.randn(5, 2)) for _ in range(count)]


def bits(value):
    if isinstance(value, dict):
        return {k: bits(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    return value.tolist()


def loss_of(net):
    def loss(params, x, y):
        return nn.functional.mse_loss(cr.func.functional_call(net, params, x), y)

    return loss


@pytest.mark.parametrize("mode", [cr.enable_grad, cr.no_grad])
@pytest.mark.parametrize("detached", [True, False])
def test_value_and_grad_is_replayed_with_the_same_bits(mode, detached):
    net = network()
    params = {n: p.detach() if detached else p for n, p in net.named_parameters()}
    eager = cr.value_and_grad(loss_of(net))
    fast = cr.compile(eager)
    with mode():
        # One after the other: an eager functional_call ends all plans.
        wanted = [eager(params, x, y) for x, y in batches(6)]
        found = [fast(params, x, y) for x, y in batches(6)]
        for want, got in zip(wanted, found, strict=True):
            assert bits(got) == bits(want)
            assert got[0].requires_grad == want[0].requires_grad
            assert got[1]["0.bias"].requires_grad == want[1]["0.bias"].requires_grad
    assert fast.stats == {"replays": 4, "recordings": 2}
    assert all(p.grad is None for p in net.parameters())


def test_the_gradient_that_the_tape_leaves():
    net = network()
    (x, y), *_ = batches(1)
    params = {n: p.detach() for n, p in net.named_parameters()}
    gradient = cr.grad(loss_of(net))(params, x, y)
    nn.functional.mse_loss(net(x), y).backward()
    assert bits(gradient) == {n: p.grad.tolist() for n, p in net.named_parameters()}


def descent(compiled):
    """Gradient descent on a module's own parameters, in place."""
    net = network()
    params = dict(net.named_parameters())
    value_and_grad = cr.value_and_grad(loss_of(net))

    def step(x, y):
        with cr.no_grad():
            loss, gradient = value_and_grad(params, x, y)
            for name, g in gradient.items():
                params[name].sub_(g * 0.1)
        return loss

    step = cr.compile(step) if compiled else step
    losses = [step(x, y).item() for x, y in batches(8)]
    if compiled:
        assert step.stats == {"replays": 6, "recordings": 2}
    return losses, bits(params)


def test_a_step_of_ones_own():
    assert descent(True) == descent(False)


def newton(compiled):
    """Newton's method with conjugate gradients on products with the Hessian."""

    def objective(w):
        return ((w - 1.0) ** 4).sum() + (w @ w) * 0.5

    def step(w):
        g = cr.grad(objective)(w)
        d, r = cr.zeros_like(w), -g
        p, rr = r, r @ r
        for _ in range(3):
            hp = cr.grad(lambda w, p=p: cr.grad(objective)(w) @ p)(w)
            alpha = rr / (p @ hp)
            d, r = d + alpha * p, r - alpha * hp
            rr, before = r @ r, rr
            p = r + (rr / before) * p
        return w + d

    step = cr.compile(step) if compiled else step
    w, path = cr.tensor([3.0, -2.0, 0.5], dtype=cr.float64), []
    for _ in range(8):
        w = step(w)
        path.append(w.tolist())
    if compiled:
        assert step.stats == {"replays": 6, "recordings": 2}
    return path


def test_a_second_order_method():
    eager = newton(False)
    assert newton(True) == eager
    w = cr.tensor(eager[-1], dtype=cr.float64)
    gradient = 4 * (w - 1) ** 3 + w
    assert gradient.abs().max().item() < 1e-4


def test_gradients_around_a_compiled_function():
    cube = cr.compile(lambda x: (x**3).sum())
    x = cr.tensor([1.0, 2.0])
    for _ in range(5):
        assert cr.grad(cube)(x).tolist() == [3, 12]
    assert cube.stats["replays"] == 3
    gradient = cr.compile(cr.grad(lambda x: (x**3).sum()))
    for _ in range(5):
        assert cr.grad(lambda x: gradient(x).sum())(x).tolist() == [6, 12]
    assert gradient.stats["replays"] == 3


def test_aux_of_a_compiled_transform():
    def f(x):
        y = x * 2
        return (y * y).sum(), (y, "squares")

    fast = cr.compile(cr.value_and_grad(f, has_aux=True))
    for k in range(5):
        (value, (y, name)), gradient = fast(cr.full((2,), float(k)))
        assert (value.item(), name) == (8 * k * k, "squares")
        assert y.tolist() == [2 * k] * 2
        assert gradient.tolist() == [8 * k] * 2
    assert fast.stats["replays"] == 3


def test_a_penalty_on_the_gradient_in_a_compiled_step():
    def train(compiled):
        net = network()
        optimizer = optim.SGD(net.parameters(), lr=0.05)

        def step(x, y):
            optimizer.zero_grad()
            slope = cr.grad(lambda x: net(x).sum())(x)
            loss = nn.functional.mse_loss(net(x), y) + (slope**2).mean()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        losses = [step(x, y).item() for x, y in batches(6)]
        assert not compiled or step.stats["replays"] >= 3
        return losses, [p.tolist() for p in net.parameters()]

    assert train(True) == train(False)


def test_history_of_a_gradient_from_a_replay():
    """By what the function closes over; the argument itself needs no gradient and gets none."""
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    slope = cr.compile(cr.grad(lambda x: ((w * x) ** 2).sum()))
    x = cr.tensor([3.0, 4.0])
    for _ in range(5):
        w.grad = None
        (slope(x) ** 2).sum().backward()
        assert w.grad.tolist() == [16 * 1 * 9, 16 * 8 * 16]
        assert x.grad is None
        assert not x.requires_grad
    assert slope.stats["replays"] == 3


OPTIMIZERS = [
    lambda ps: optim.SGD(ps, lr=0.1),
    lambda ps: optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True),
    lambda ps: optim.Adam(ps, lr=0.02, amsgrad=True),
    lambda ps: optim.AdamW(ps, lr=0.02),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("mode", [cr.enable_grad, cr.no_grad])
def test_a_closure_is_captured_with_its_step(make, mode):
    def train(compiled):
        net = network()
        optimizer = make(net.parameters())

        def step(x, y):
            def closure():
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(net(x), y)
                loss.backward()
                return loss

            return optimizer.step(closure)

        step = cr.compile(step) if compiled else step
        with mode():  # step() turns gradients on for the closure
            losses = [step(x, y).item() for x, y in batches(7)]
        assert not compiled or step.stats["replays"] >= 4
        state = [bits(dict(entries)) for entries in optimizer.state.values()]
        return losses, [p.tolist() for p in net.parameters()], state

    assert train(True) == train(False)


def test_a_hyperparameter_counts_in_a_captured_closure():
    w = nn.Parameter(cr.ones(2))
    optimizer = optim.SGD([w], lr=0.0)

    @cr.compile
    def step(x):
        def closure():
            optimizer.zero_grad()
            loss = (w * x).sum()
            loss.backward()
            return loss

        return optimizer.step(closure)

    for _ in range(4):
        step(cr.ones(2))
    assert w.tolist() == [1, 1]
    optimizer.param_groups[0]["lr"] = 0.5
    step(cr.ones(2))
    assert w.tolist() == [0.5, 0.5]
    assert step.stats["replays"] == 3
