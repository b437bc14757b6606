"""The decks' worked exercises (1 to 31 and 33, those that need no picture), with their answers."""

import itertools
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F


def close(tensor, expected, tol=1e-6):
    np.testing.assert_allclose(tensor.detach().numpy(), expected, rtol=tol, atol=tol)


def leaf(*values):
    return cr.tensor(values[0] if len(values) == 1 else list(values), requires_grad=True)


def test_01_linear_neuron_half_squared_error():
    w, b = leaf(1.0, 2.0, 3.0), leaf(1.0)
    x, y = cr.tensor([3.0, 2.0, 1.0]), 0.7
    y_hat = cr.dot(w, x) + b
    loss = 0.5 * (y_hat - y) ** 2
    close(F.half_mse_loss(y_hat, cr.tensor(y)), loss.item())
    loss.backward()
    close(y_hat, 11.0)
    close(loss, 53.045)
    close(w.grad, [30.9, 20.6, 10.3])
    close(b.grad, 10.3)


def test_02_scalar_sigmoid_neuron():
    w, b, x = leaf(0.5), leaf(-1.0), leaf(2.0)
    z = w * x + b
    z.retain_grad()
    y_hat = cr.sigmoid(z)
    loss = 0.5 * (y_hat - 1.0) ** 2
    loss.backward()
    for got, want in [(z, 0), (y_hat, 0.5), (loss, 0.125)]:
        close(got, want)
    for got, want in [(z.grad, -0.125), (w.grad, -0.25), (b.grad, -0.125), (x.grad, -0.0625)]:
        close(got, want)


def test_03_vector_chain_rule_of_three_layers():
    cr.manual_seed(3)
    x, y = cr.randn(4, dtype=cr.float64), cr.randn(2, dtype=cr.float64)
    ws = [cr.randn(*s, dtype=cr.float64, requires_grad=True) for s in [(5, 4), (3, 5), (2, 3)]]
    hs, h = [], x
    for w in ws:
        h = cr.tanh(w @ h)
        hs.append(h)
    (0.5 * ((h - y) ** 2).sum()).backward()
    d1, d2, d3 = (np.diag(1 - h.detach().numpy() ** 2) for h in hs)
    w2, w3 = ws[1].detach().numpy(), ws[2].detach().numpy()
    upstream = (hs[2] - y).detach().numpy()
    delta = d1 @ w2.T @ d2 @ w3.T @ d3 @ upstream
    close(ws[0].grad, np.outer(delta, x.numpy()), 1e-12)


def test_04_two_linear_layers_are_one():
    cr.manual_seed(4)
    first, second = nn.Linear(6, 5), nn.Linear(5, 3)
    one = nn.Linear(6, 3)
    with cr.no_grad():
        one.weight.copy_(second.weight @ first.weight)
        one.bias.copy_(second.weight @ first.bias + second.bias)
    x = cr.randn(7, 6)
    close(one(x), second(first(x)).detach().numpy(), 1e-5)


def parameters(*sizes, bias=True):
    layers = [nn.Linear(a, b, bias=bias) for a, b in itertools.pairwise(sizes)]
    return sum(p.numel() for layer in layers for p in layer.parameters())


def test_05_06_weights_of_small_networks():
    assert parameters(1, 2, 1) == 7
    assert parameters(2, 2, 1) == 9


def test_07_two_class_softmax_gradient():
    cr.manual_seed(7)
    x = cr.randn(9, 4, dtype=cr.float64)
    labels = cr.tensor([0, 1, 1, 0, 1, 0, 0, 1, 1])
    theta = cr.randn(2, 4, dtype=cr.float64, requires_grad=True)
    F.nll_loss(F.log_softmax(x @ theta.T, dim=1), labels, reduction="sum").backward()
    s = F.softmax(x @ theta.detach().T, dim=1).numpy()
    indicators = np.eye(2)[labels.numpy()]
    close(theta.grad, (s - indicators).T @ x.numpy(), 1e-12)


CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_08_and_perceptron():
    x = cr.tensor(CORNERS, dtype=cr.float32)
    z = x @ cr.tensor([1.0, 1.0]) - 1.5
    close(z, [-1.5, -0.5, -0.5, 0.5])
    assert (z > 0).tolist() == [False, False, False, True]


def test_09_no_perceptron_computes_xor():
    # Exhaustively on a grid; the algebra (b <= 0 < w1 + b, w2 + b) excludes every other one.
    grid = cr.linspace(-2, 2, 17)
    w1, w2, b = grid.reshape(-1, 1, 1, 1), grid.reshape(1, -1, 1, 1), grid.reshape(1, 1, -1, 1)
    x = cr.tensor(CORNERS, dtype=cr.float32)
    outputs = (w1 * x[:, 0] + w2 * x[:, 1] + b) > 0
    wanted = cr.tensor([False, True, True, False])
    assert not (outputs == wanted).all(dim=-1).any().item()
    assert (outputs == cr.tensor([False, False, False, True])).all(dim=-1).any().item()


def test_10_xor_network():
    x = cr.tensor(CORNERS, dtype=cr.float32)
    z = x @ cr.ones(2, 2) + cr.tensor([0.0, -1.0])
    assert z.tolist() == [[0, -1], [1, 0], [1, 0], [2, 1]]
    h = cr.relu(z)
    assert h.tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]
    assert (h @ cr.tensor([1.0, -2.0])).tolist() == [0, 1, 1, 0]


def test_11_three_four_two_network():
    assert 4 + 2 == 6
    assert parameters(3, 4, 2, bias=False) == 20
    assert parameters(3, 4, 2) == 26


def test_12_to_15_scalar_graphs():
    a = leaf(1.0)
    c = cr.log(3 * a)
    c.backward()
    close(c, math.log(3))
    close(a.grad, 1.0)

    a, b = leaf(1.0), leaf(1.0)
    c = 2 * a + b**2
    c.backward()
    close(c, 3.0)
    close(a.grad, 2.0)
    close(b.grad, 2.0)

    a = leaf(1.0)
    c = 2 * a + a**2
    c.backward()
    close(c, 3.0)
    close(a.grad, 4.0)

    x, y = leaf(1.0), leaf(2.0)
    z = x * y + x
    z.backward()
    close(z, 3.0)
    close(x.grad, 3.0)
    close(y.grad, 1.0)


def test_16_gradients_of_the_three_regressions():
    cr.manual_seed(16)
    x = cr.randn(5, dtype=cr.float64)
    w = cr.randn(5, dtype=cr.float64, requires_grad=True)
    (0.5 * (cr.dot(w, x) - 2.0) ** 2).backward()
    close(w.grad, (np.dot(w.detach().numpy(), x.numpy()) - 2.0) * x.numpy(), 1e-12)

    w.grad = None
    y = cr.tensor(1.0, dtype=cr.float64)
    p = cr.sigmoid(cr.dot(w, x))
    F.binary_cross_entropy(p, y).backward()
    close(w.grad, (p.item() - 1.0) * x.numpy(), 1e-12)

    m = cr.randn(3, 5, dtype=cr.float64, requires_grad=True)
    F.cross_entropy((m @ x).reshape(1, 3), cr.tensor([2])).backward()
    p = F.softmax(m.detach() @ x, dim=0).numpy()
    close(m.grad, np.outer(p - np.array([0, 0, 1.0]), x.numpy()), 1e-12)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_17_sigmoid_then_cross_entropy_is_p_minus_y(y):
    z = leaf(-3.0, -0.5, 0.0, 0.25, 4.0)
    p = cr.sigmoid(z)
    F.binary_cross_entropy(p, cr.full((5,), y), reduction="sum").backward()
    close(z.grad, p.detach().numpy() - y, 1e-5)


def test_18_chain_of_four_weights():
    x, b = 0.7, leaf(0.1)
    w1, w2, w3 = leaf(0.5), leaf(-1.2), leaf(0.8)
    h1 = cr.sigmoid(w1 * x + b)
    h2 = cr.sigmoid(w2 * h1)
    out = w3 * h2
    (0.5 * (out - 1.0) ** 2).backward()
    e, g1, g2 = (out - 1).item(), (h1 * (1 - h1)).item(), (h2 * (1 - h2)).item()
    close(w3.grad, e * h2.item())
    close(w2.grad, e * w3.item() * g2 * h1.item())
    close(w1.grad, e * w3.item() * g2 * w2.item() * g1 * x)
    close(b.grad, e * w3.item() * g2 * w2.item() * g1)


def test_19_back_propagation_operations():
    cr.manual_seed(19)
    a = cr.randn(3, 4, dtype=cr.float64, requires_grad=True)
    b = cr.randn(4, 5, dtype=cr.float64, requires_grad=True)
    dc = cr.randn(3, 5, dtype=cr.float64)
    (a @ b).backward(dc)
    close(a.grad, dc.numpy() @ b.detach().numpy().T, 1e-12)
    close(b.grad, a.detach().numpy().T @ dc.numpy(), 1e-12)

    t = cr.randn(3, 4, dtype=cr.float64, requires_grad=True)
    s, ds = cr.sigmoid(t), cr.randn(3, 4, dtype=cr.float64)
    s.backward(ds)
    sn = s.detach().numpy()
    close(t.grad, ds.numpy() * sn * (1 - sn), 1e-12)

    z = cr.randn(6, 3, dtype=cr.float64, requires_grad=True)
    y = cr.tensor([0, 2, 1, 1, 0, 2])
    F.cross_entropy(z, y).backward()
    p = F.softmax(z.detach(), dim=1).numpy()
    close(z.grad, (p - np.eye(3)[y.numpy()]) / 6, 1e-12)


def test_20_one_by_one_equals_vectorised():
    cr.manual_seed(20)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()
    x, y = cr.randn(10, 4, dtype=cr.float64), cr.randint(0, 3, (10,))
    F.cross_entropy(net(x), y).backward()
    together = [p.grad.numpy().copy() for p in net.parameters()]
    net.zero_grad()
    for i in range(10):
        (F.cross_entropy(net(x[i : i + 1]), y[i : i + 1]) / 10).backward()
    for p, want in zip(net.parameters(), together, strict=True):
        close(p.grad, want, 1e-12)


def test_21_22_parameter_counts_of_the_diagrams():
    assert parameters(10, 100, 1, bias=False) == 1100
    assert parameters(10, 100, 10, bias=False) == 2000
    assert parameters(10, 100, 1) == 1201
    assert parameters(10, 100, 10) == 2110
    nets = [(10, 1), (1, 2, 1), (1, 20, 1), (12, 5, 1), (12, 5, 10), (4, 10, 5, 3, 1)]
    assert [parameters(*n, bias=False) for n in nets] == [10, 4, 40, 65, 110, 108]
    assert [parameters(*n) for n in nets] == [11, 7, 61, 71, 125, 127]


GRADIENTS = [[-1.0, 1.0], [-2.0, 2.0], [-3.0, 2.0], [-1.0, 2.0]]


def descend(batch, mean=False):
    """Weights after each step of size 0.5 from [-2, 1], for losses that are linear in the
    weights."""
    v = cr.tensor([-2.0, 1.0], requires_grad=True)
    optimizer = cr.optim.SGD([v], lr=0.5)
    path = []
    for i in range(0, 4, batch):
        optimizer.zero_grad()
        losses = cr.tensor(GRADIENTS[i : i + batch]) @ v
        (losses.mean() if mean else losses.sum()).backward()
        optimizer.step()
        path.append(v.tolist())
    return path


def test_23_to_26_batch_sizes_and_reductions():
    assert descend(4) == [[1.5, -2.5]]
    assert descend(2) == [[-0.5, -0.5], [1.5, -2.5]]
    assert descend(1) == [[-1.5, 0.5], [-0.5, -0.5], [1, -1.5], [1.5, -2.5]]
    assert descend(4, mean=True) == [[-1.125, 0.125]]
    assert descend(2, mean=True) == [[-1.25, 0.25], [-0.25, -0.75]]


def test_27_computation_graph_by_hand():
    x = cr.tensor([[1.0, 2.0], [3.0, 4.0]])
    w = cr.tensor([[0.5], [-0.5]], requires_grad=True)
    y = cr.tensor([[1.0], [0.0]])
    a = x @ w
    d = a - y
    s = d**2
    j = s.mean()
    j.backward()
    assert a.flatten().tolist() == [-0.5, -0.5]
    assert d.flatten().tolist() == [-1.5, -0.5]
    assert s.flatten().tolist() == [2.25, 0.25]
    assert j.item() == 1.25
    assert w.grad.flatten().tolist() == [-3.0, -5.0]


def test_28_logistic_loss_with_labels_of_plus_and_minus_one():
    for logistic_loss in (lambda a, y: F.softplus(-y * a), F.logistic_loss):
        a = leaf(2.0)
        loss = logistic_loss(a, cr.tensor(1.0))
        loss.backward()
        close(loss, 0.126928)
        close(a.grad, -0.119203)


def test_29_descent_on_x_squared_plus_three_sin_y():
    p = leaf(1.5, 0.5)
    optimizer = cr.optim.SGD([p], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        z = p[0] ** 2 + 3 * cr.sin(p[1])
        z.backward()
        optimizer.step()
    close(p, [0.0, -math.pi / 2], 1e-4)
    close(z, -3.0)
    saddle = leaf(0.0, math.pi / 2)
    (saddle[0] ** 2 + 3 * cr.sin(saddle[1])).backward()
    close(saddle.grad, [0.0, 0.0])


def test_30_boolean_functions_by_threshold_units():
    x = cr.tensor(CORNERS, dtype=cr.float32)
    step = lambda z: (z >= 0).float()
    assert step(x.sum(1) - 0.5).tolist() == [0, 1, 1, 1]
    assert step(x.sum(1) - 1.5).tolist() == [0, 0, 0, 1]
    assert step(-cr.tensor([0.0, 1.0])).tolist() == [1, 0]
    # One hidden unit per true corner computes any function of two inputs.
    for truth in itertools.product([0, 1], repeat=4):
        hidden = [
            step((2 * x - 1) @ (2 * cr.tensor(c, dtype=cr.float32) - 1) - 2)
            for c, t in zip(CORNERS, truth, strict=True)
            if t
        ]
        out = step(sum(hidden) - 0.5) if hidden else cr.zeros(4)
        assert out.tolist() == list(truth)


def test_31_one_hidden_layer_deltas():
    cr.manual_seed(31)
    x = cr.randn(3, dtype=cr.float64)
    v = cr.randn(3, 4, dtype=cr.float64, requires_grad=True)
    w = cr.randn(4, dtype=cr.float64, requires_grad=True)
    r = x @ v
    u = cr.tanh(r)
    z = cr.dot(w, u)
    (0.5 * (z - 1.0) ** 2).backward()
    delta = z.item() - 1.0
    epsilon = delta * w.detach().numpy() * (1 - u.detach().numpy() ** 2)
    close(w.grad, delta * u.detach().numpy(), 1e-12)
    close(v.grad, np.outer(x.numpy(), epsilon), 1e-12)


def test_33_gradient_of_the_regularised_cost():
    cr.manual_seed(33)
    x, y, strength = cr.randn(3, dtype=cr.float64), cr.tensor(1.0, dtype=cr.float64), 0.25
    v = cr.randn(3, 4, dtype=cr.float64, requires_grad=True)
    w = cr.randn(4, dtype=cr.float64, requires_grad=True)
    loss = F.half_mse_loss(cr.dot(w, cr.tanh(x @ v)), y)
    plain = cr.autograd.grad(loss, (v, w), retain_graph=True)
    (loss + nn.regularization.l2((v, w), strength)).backward()
    for leaf_, gradient in zip((v, w), plain, strict=True):
        close(leaf_.grad, gradient.numpy() + 2 * strength * leaf_.detach().numpy(), 1e-12)
