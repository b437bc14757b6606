"""Operations of the decks: forward and the backward that the slides give or ask for."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def array(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def leaf(values):
    return cr.tensor(values, requires_grad=True)


def close(found, wanted):
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_dot_product():
    w, x = leaf(array(5)), leaf(array(5, seed=1))
    z = cr.dot(w, x)
    z.backward(cr.tensor(3.0, dtype=cr.float64))
    close(w.grad, 3 * x.detach().numpy())
    close(x.grad, 3 * w.detach().numpy())


def test_affine_layer_with_its_bias_absorbed():
    x, w, b = array(4, 3), array(3, 2), array(2)
    a, weights, bias = leaf(x), leaf(w), leaf(b)
    z = a @ weights + bias
    dz = array(4, 2, seed=2)
    z.backward(cr.tensor(dz))
    close(a.grad, dz @ w.T)
    close(weights.grad, x.T @ dz)
    close(bias.grad, np.ones(4) @ dz)  # 1ᵀ dC
    whole = cr.cat([weights, bias.unsqueeze(0)])  # [W; b] beside inputs of 1
    close(cr.cat([a, cr.ones(4, 1, dtype=cr.float64)], 1) @ whole, z.detach().numpy())


def test_array_times_scalar():
    v = leaf(array(3))
    (2.5 * v).backward(cr.tensor(array(3, seed=1)))
    close(v.grad, 2.5 * array(3, seed=1))


def test_square_loss_as_a_graph_and_as_one_operation():
    a, y = leaf(array(6)), cr.tensor(array(6, seed=1))
    graph = ((a - y) ** 2).mean()
    one = nn.functional.mse_loss(a, y)
    for loss in (graph, one):
        (da,) = cr.autograd.grad(loss, a)
        close(da, 2 * (a.detach().numpy() - y.numpy()) / 6)
    close(graph, one.item())


def test_relu_by_maximum_and_by_where():
    x = leaf(np.array([-2.0, -0.5, 0.5, 3.0]))
    for y in (cr.maximum(x, cr.zeros_like(x)), cr.where(x > 0, x, 0.0), cr.relu(x)):
        (dx,) = cr.autograd.grad(y.sum(), x)
        close(dx, [0, 0, 1, 1])


def test_softmax_and_log_softmax_layers():
    z, d = leaf(array(4, 3)), array(4, 3, seed=1)
    p = cr.softmax(z, 1)
    s = p.detach().numpy()
    (dz,) = cr.autograd.grad(p, z, cr.tensor(d))
    close(dz, s * (d - (d * s).sum(1, keepdims=True)))
    (dz,) = cr.autograd.grad(cr.log_softmax(z, 1), z, cr.tensor(d))
    close(dz, d - s * d.sum(1, keepdims=True))


def test_gradients_add_up_where_an_output_feeds_many_operations():
    x, y = leaf(np.array(2.0)), leaf(np.array(0.5))
    shared = x * y
    (shared + shared**2 + cr.sin(shared)).backward()
    slope = 1 + 2 * 1.0 + np.cos(1.0)
    close(x.grad, slope * 0.5)
    close(y.grad, slope * 2)


def test_shapes_are_checked():
    with pytest.raises(cr.ShapeError, match="matmul"):
        cr.ones(3, 4) @ cr.ones(3, 4)


def test_backward_begins_at_one_element():
    for shape in ((), (1,)):
        x = cr.full(shape, 3.0, requires_grad=True)
        (x**2).backward()
        assert x.grad.tolist() == cr.full(shape, 6.0).tolist()
    y = cr.ones(2, requires_grad=True) * 2
    with pytest.raises(cr.StateError, match="one element, or a gradient for it"):
        y.backward()


def test_weights_of_both_layouts():
    x, w, b = array(5, 3), array(3, 2), array(2)  # W of (in, out): rows are samples
    layer = nn.Linear(3, 2, dtype=cr.float64)  # stores (out, in), as PyTorch does
    with cr.no_grad():
        layer.weight.copy_(cr.tensor(w.T.copy()))
        layer.bias.copy_(cr.tensor(b))
    close(layer(cr.tensor(x)), x @ w + b)
    for row in x:
        close(layer(cr.tensor(row)), w.T @ row + b)  # W of (out, in), a column


def test_a_gradient_has_the_shape_of_its_parameter():
    w = leaf(array(4, 3))
    x = array(3)
    (w @ cr.tensor(x)).sum().backward()
    assert w.grad.shape == w.shape
    close(w.grad, np.ones((4, 1)) * x)
