"""nn.utils: clipping against NumPy, eager and compiled, and parameters as one vector."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import utils

SHAPES = [(3, 4), (5,), (), (0,)]


def params_with_grads(seed=0):
    rng = np.random.default_rng(seed)
    params = []
    for shape in SHAPES:
        params.append(nn.Parameter(cr.zeros(shape, dtype=cr.float64)))
        params[-1].grad = cr.tensor(rng.normal(size=shape))
    params.append(nn.Parameter(cr.zeros(2)))  # without gradient
    return params, [p.grad.numpy().copy() for p in params[:-1]]


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_clip_grad_norm(norm_type, max_norm):
    params, grads = params_with_grads()
    flat = np.abs(np.concatenate([g.ravel() for g in grads]))
    norm = flat.max() if norm_type == np.inf else (flat**norm_type).sum() ** (1 / norm_type)
    kept = [p.grad for p in params]
    total = utils.clip_grad_norm_(params, max_norm, norm_type)
    assert total.item() == pytest.approx(norm, rel=1e-13)
    assert tuple(total.shape) == ()
    scale = min(1.0, max_norm / (norm + 1e-6))
    for p, g, grad in zip(params, grads, kept, strict=False):
        assert p.grad is grad  # in place
        np.testing.assert_allclose(grad.numpy(), g * scale, rtol=1e-13)
    assert utils.get_total_norm([p.grad for p in params[:-1]], norm_type).item() <= max_norm


def test_clipping_forms():
    params, grads = params_with_grads()
    utils.clip_grad_value_(iter(params), 0.3)
    for p, g in zip(params, grads, strict=False):
        np.testing.assert_array_equal(p.grad.numpy(), np.clip(g, -0.3, 0.3))
    one = nn.Parameter(cr.zeros(2))
    assert utils.clip_grad_norm_(one, 1.0).item() == 0
    assert utils.clip_grad_norm_([], 1.0).item() == 0
    one.grad = cr.tensor([3.0, 4.0])
    assert utils.clip_grad_norm_(one, 1).item() == 5
    np.testing.assert_allclose(one.grad.tolist(), [0.6, 0.8], rtol=1e-6)


def test_gradients_that_are_not_finite():
    w = nn.Parameter(cr.zeros(2))
    w.grad = cr.tensor([float("inf"), 1.0])
    with pytest.raises(cr.StateError, match="finite"):
        utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)
    assert w.grad.tolist() == [float("inf"), 1.0]


def train(compiled, clip):
    cr.manual_seed(3)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    optimizer = cr.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)

    def step(x):
        optimizer.zero_grad()
        loss = (net(x) ** 2).sum()
        loss.backward()
        norm = clip(net)
        optimizer.step()
        return loss, norm

    call = cr.compile(step) if compiled else step
    results = []
    for seed in range(7):
        x = cr.randn(5, 4, generator=cr.Generator().manual_seed(seed))
        results.append([r.tolist() for r in call(x) if r is not None])
    return results, [p.tolist() for p in net.parameters()], call


@pytest.mark.parametrize(
    "clip",
    [
        lambda net: utils.clip_grad_norm_(net.parameters(), 0.1),
        lambda net: utils.clip_grad_norm_(net.parameters(), 0.1, float("inf")),
        lambda net: utils.clip_grad_value_(net.parameters(), 0.01),
    ],
    ids=["norm", "largest", "value"],
)
def test_clipping_in_a_compiled_step_has_the_same_bits(clip):
    *eager, _ = train(False, clip)
    *compiled, step = train(True, clip)
    assert compiled == eager
    assert step.stats["replays"] >= 4


def test_a_check_of_values_cannot_be_compiled():
    with pytest.raises(cr.CaptureError):
        train(
            True, lambda net: utils.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)
        )


def test_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    view = net[0].weight.detach().numpy()
    utils.vector_to_parameters(cr.arange(13, dtype=cr.float32), net.parameters())
    assert utils.parameters_to_vector(net.parameters()).tolist() == list(range(13))
    assert view.tolist() == [[0, 1], [2, 3], [4, 5]]  # the memory stays
    assert net[0].weight.requires_grad
    assert net[0].weight.is_leaf
    (utils.parameters_to_vector(net.parameters()) * 2).sum().backward()
    assert net[1].bias.grad.tolist() == [2]


@pytest.mark.parametrize("vector", [cr.zeros(8), cr.zeros(10), cr.zeros(3, 3), [0.0] * 9])
def test_a_vector_that_does_not_fit_changes_nothing(vector):
    net = nn.Linear(2, 3)
    before = net.weight.tolist()
    with pytest.raises((ValueError, TypeError), match="vector_to_parameters"):
        utils.vector_to_parameters(vector, net.parameters())
    assert net.weight.tolist() == before


@pytest.mark.parametrize("clip", ["clip_grad_norm_", "clip_grad_value_"])
def test_clipping_of_an_iterator_that_is_used_up_warns(clip):
    parameters = nn.Linear(2, 1).parameters()
    list(parameters)
    with pytest.warns(UserWarning, match="an iterator without any, so nothing is clipped"):
        getattr(nn.utils, clip)(parameters, 1.0)


@pytest.mark.parametrize("bound", [-1.0, float("nan"), -1e-9, float("-inf")])
def test_a_bound_below_0_is_refused_before_any_gradient_changes(bound):
    w = nn.Parameter(cr.ones(2))
    (3 * w).sum().backward()
    for name, call in (
        ("max_norm", lambda: utils.clip_grad_norm_([w], bound)),
        ("max_norm", lambda: utils.clip_grads_with_norm_([w], bound, cr.tensor(1.0))),
        ("clip_value", lambda: utils.clip_grad_value_([w], bound)),
    ):
        with pytest.raises(
            ValueError, match=rf"^\[clip_\w+\] expected {name} >= 0; got {bound}\.$"
        ):
            call()
        assert w.grad.tolist() == [3.0, 3.0]
    utils.clip_grad_norm_([w], float("inf"))
    assert w.grad.tolist() == [3.0, 3.0]
    utils.clip_grad_value_([w], 0.0)
    assert w.grad.tolist() == [0.0, 0.0]
