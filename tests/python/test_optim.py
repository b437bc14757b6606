"""The optimizers: settings, groups and settings that change, missing gradients, step and
zero_grad, and users' optimizers.

Trajectories stand in test_optim_twins.py, what is refused in test_optim_arguments.py and
test_optim_misuse.py, state dicts and copies in test_state_dict.py.
"""

import inspect

import numpy as np
import pytest

import chainrule as cr
from optim_family import FULL
from optim_problem import Problem


def test_defaults_are_pytorchs():
    w = cr.nn.Parameter(cr.ones(1))
    sgd = cr.optim.SGD([w]).param_groups[0]
    assert (sgd["lr"], sgd["momentum"], sgd["weight_decay"]) == (1e-3, 0, 0)
    for make, decay in ((cr.optim.Adam, 0), (cr.optim.AdamW, 1e-2)):
        group = make([w]).param_groups[0]
        assert (group["lr"], group["betas"], group["eps"]) == (1e-3, (0.9, 0.999), 1e-8)
        assert group["weight_decay"] == decay


def test_flags_without_meaning_change_nothing():
    for name in FULL:
        make, results = getattr(cr.optim, name), []
        if name in ("LAMB", "Muon"):  # have none
            continue
        for flag in (None, "foreach", "fused", "differentiable", "capturable"):
            if flag and flag not in inspect.signature(make).parameters:
                continue
            problem = Problem(cr.float32)
            optimizer = make(problem.params, lr=0.1, **({flag: True} if flag else {}))
            problem.loss().backward()
            optimizer.step()
            results.append(problem.params[2].tolist())
        assert len(results) >= (2 if name == "Adafactor" else 3)
        assert results.count(results[0]) == len(results)


# ---- groups, missing gradients, settings that change


def test_groups_have_their_own_settings():
    a, b = cr.nn.Parameter(cr.ones(2)), cr.nn.Parameter(cr.ones(2))
    optimizer = cr.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5, "momentum": 0.9}], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (a.sum() + b.sum()).backward()
        optimizer.step()
    np.testing.assert_allclose(a.tolist(), [0.8] * 2, rtol=1e-6)
    np.testing.assert_allclose(b.tolist(), [1 - 0.5 - 0.5 * 1.9] * 2, rtol=1e-6)
    c = cr.nn.Parameter(cr.ones(2))
    optimizer.add_param_group({"params": [c], "lr": 1.0})
    c.sum().backward()
    optimizer.step()
    assert c.tolist() == [0, 0]
    assert optimizer.param_groups[2]["momentum"] == 0


def test_named_parameters():
    net = cr.nn.Linear(2, 1)
    optimizer = cr.optim.SGD(net.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"][0] is net.weight
    with pytest.raises(ValueError, match="names"):
        optimizer.add_param_group({"params": [cr.nn.Parameter(cr.ones(1))]})
    with pytest.raises(ValueError, match="names"):
        cr.optim.SGD([("w", net.weight), net.bias])


@pytest.mark.parametrize("make", [cr.optim.SGD, cr.optim.Adam])
def test_a_parameter_without_gradient_is_left_alone(make):
    used, unused = cr.nn.Parameter(cr.ones(2)), cr.nn.Parameter(cr.ones(2))
    optimizer = make([used, unused], lr=0.1)
    used.sum().backward()
    optimizer.step()
    assert unused.tolist() == [1, 1]
    assert unused not in optimizer.state
    optimizer.zero_grad()
    optimizer.step()  # nothing to do at all


@pytest.mark.parametrize("make", [cr.optim.SGD, cr.optim.Adam])
def test_a_parameter_without_elements_is_left_alone(make):
    """Its gradient may come expanded, which is no harm where there is nothing to write."""
    w, empty = cr.nn.Parameter(cr.ones(2)), cr.nn.Parameter(cr.ones(2, 0))
    optimizer = make([empty, w], lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        w.sum().backward()
        empty.sum().backward()
        optimizer.step()
    assert empty.shape == (2, 0)
    assert w.tolist() == pytest.approx([-0.5] * 2)


def test_a_parameter_that_joins_later_starts_its_own_momentum():
    early, late = cr.nn.Parameter(cr.zeros(1)), cr.nn.Parameter(cr.zeros(1))
    optimizer = cr.optim.SGD([early, late], lr=1.0, momentum=0.5, dampening=0.5)
    early.grad = cr.ones(1)
    optimizer.step()  # v = 1
    late.grad = cr.ones(1)
    optimizer.step()  # early: v = 0.5 + 0.5; late: v = 1, without dampening
    assert early.tolist() == [-2]
    assert late.tolist() == [-1]
    optimizer.step()
    assert late.tolist() == [-2]


def test_a_new_learning_rate_counts_at_once():
    w = cr.nn.Parameter(cr.zeros(1))
    optimizer = cr.optim.SGD([w], lr=1.0)
    for lr in (1.0, 0.25, 0.25, 3):
        w.grad = cr.ones(1)
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    assert w.tolist() == [-4.5]
    optimizer.param_groups[0].update(momentum=0.5, weight_decay=1.0)
    w.grad = cr.ones(1)
    optimizer.step()
    assert w.tolist() == [-4.5 - 3 * (1 - 4.5)]
    assert optimizer.state[w]["momentum_buffer"].tolist() == [-3.5]


def test_settings_are_read_in_double_precision():
    w = cr.nn.Parameter(cr.zeros(1, dtype=cr.float64))
    w.grad = cr.ones(1, dtype=cr.float64)
    cr.optim.SGD([w], lr=0.1).step()
    assert w.item() == -0.1


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_lr_may_be_a_tensor(dtype):
    w = cr.nn.Parameter(cr.zeros(1))
    lr = cr.tensor(0.5, dtype=dtype)
    optimizer = cr.optim.SGD([w], lr=lr, momentum=0.0)
    w.grad = cr.ones(1)
    optimizer.step()
    lr.fill_(0.25)
    optimizer.step()
    assert w.tolist() == [-0.75]
    optimizer.param_groups[0]["lr"] = 1.0
    optimizer.step()
    assert w.tolist() == [-1.75]
    optimizer.param_groups[0]["lr"] = cr.tensor([2.0])
    optimizer.step()
    assert w.tolist() == [-3.75]


def test_betas_and_amsgrad_may_change():
    problem = Problem(cr.float64)
    optimizer = cr.optim.Adam(problem.params, lr=0.1)
    problem.loss().backward()
    optimizer.step()
    optimizer.param_groups[0]["betas"] = (0.5, 0.9)
    optimizer.param_groups[0]["amsgrad"] = True
    w = problem.params[0]
    before, state = w.detach().numpy().copy(), optimizer.state[w]
    m, v = (state[k].numpy().copy() for k in ("exp_avg", "exp_avg_sq"))
    g = w.grad.numpy()
    optimizer.step()
    m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
    want = before - 0.1 * m / (1 - 0.5**2) / (np.sqrt(v / (1 - 0.9**2)) + 1e-8)
    np.testing.assert_allclose(w.detach().numpy(), want, rtol=1e-12)
    assert "max_exp_avg_sq" in state


def test_parameters_and_state_never_move():
    w = cr.nn.Parameter(cr.ones(5))
    view = w.detach().numpy()
    optimizer = cr.optim.Adam([w], lr=0.1)
    for _ in range(3):
        w.grad = cr.ones(5)
        optimizer.step()
    assert view.tolist() == w.tolist()
    assert view[0] < 1


def test_parameters_of_several_layouts_and_dtypes():
    base = cr.arange(12, dtype=cr.float64).reshape(3, 4)
    w, v = base.t().detach().requires_grad_(), cr.nn.Parameter(cr.ones(2))
    assert not w.is_contiguous()
    optimizer = cr.optim.SGD([w, v], lr=1.0, momentum=0.9)
    for _ in range(2):
        w.grad, v.grad = cr.ones(4, 3, dtype=cr.float64), cr.ones(2)
        optimizer.step()
    np.testing.assert_allclose(w.tolist(), base.t().tolist(), rtol=1e-12)  # base moved along
    np.testing.assert_allclose(base[0].tolist(), np.arange(4) - 2.9, rtol=1e-12)
    np.testing.assert_allclose(v.tolist(), [1 - 2.9] * 2, rtol=1e-6)


# ---- step, zero_grad, users' optimizers


def test_closure_runs_with_gradients_and_its_value_is_returned():
    w = cr.nn.Parameter(cr.ones(1))
    optimizer = cr.optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * 3).sum()
        loss.backward()
        return loss

    with cr.no_grad():
        assert optimizer.step(closure).item() == 3
    assert w.item() == pytest.approx(0.7)
    assert optimizer.step() is None


def test_zero_grad():
    w = cr.nn.Parameter(cr.ones(2))
    optimizer = cr.optim.SGD([w])
    w.grad = grad = cr.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert w.grad is grad
    assert grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert w.grad is None
    (w**3).sum().backward(create_graph=True)
    optimizer.zero_grad(set_to_none=False)
    assert not w.grad.requires_grad


def test_step_leaves_no_history():
    w = cr.nn.Parameter(cr.ones(2))
    optimizer = cr.optim.SGD([w], lr=0.1, momentum=0.9)
    (w**3).sum().backward(create_graph=True)
    optimizer.step()
    assert w.is_leaf
    assert w.requires_grad
    assert not optimizer.state[w]["momentum_buffer"].requires_grad


def test_an_optimizer_of_ones_own():
    class Sign(cr.optim.Optimizer):
        def __init__(self, params, lr=0.5):
            super().__init__(params, {"lr": lr})

        @cr.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.sub_(group["lr"] * p.grad.sign())
                        self.state[p]["seen"] = True

    w = cr.nn.Parameter(cr.zeros(2))
    w.grad = cr.tensor([3.0, -2.0])
    optimizer = Sign([w])
    optimizer.step()
    assert w.tolist() == [-0.5, 0.5]
    assert optimizer.state_dict()["state"] == {0: {"seen": True}}
    with pytest.raises(NotImplementedError, match="step"):
        cr.optim.Optimizer([w], {}).step()


def test_repr_is_pytorchs():
    text = repr(cr.optim.SGD([cr.nn.Parameter(cr.ones(1))], lr=0.5))
    assert text.splitlines()[:2] == ["SGD (", "Parameter Group 0"]
    assert "    lr: 0.5" in text
    assert text.endswith("    weight_decay: 0\n)")
