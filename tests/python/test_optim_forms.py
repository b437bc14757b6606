"""The forms of optimizers that slides have and PyTorch has not, and what the adaptive ones do by
their definitions."""

import math

import numpy as np
import pytest

import chainrule as cr
from optim_family import ANY_SHAPE


def weight(*values):
    return cr.nn.Parameter(cr.tensor(values or (1.0,), dtype=cr.float64))


def run(optimizer, w, gradients, rates=()):
    """The first weight after each step."""
    seen = []
    for i, g in enumerate(gradients):
        if rates:
            optimizer.param_groups[0]["lr"] = rates[i]
        w.grad = cr.full_like(w, g)
        optimizer.step()
        seen.append(w.detach().numpy().ravel()[0])
    return seen


# ---- momentum with the learning rate inside of the velocity


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_of_the_slides_is_pytorchs_while_the_rate_is_constant(nesterov):
    paths = []
    for inside in (False, True):
        w = weight()
        settings = {"momentum": 0.9, "nesterov": nesterov, "lr_in_velocity": inside}
        paths.append(run(cr.optim.SGD([w], lr=0.1, **settings), w, np.cos(np.arange(30))))
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-12)


def test_momentum_of_the_slides_keeps_the_rates_of_its_past():
    """v = 0.5 v + lr g, w -= v; PyTorch multiplies what is gathered by the present rate."""
    rates, g = (1.0, 0.5, 0.25), (1.0, 1.0, 1.0)
    w = weight(0.0)
    slides = cr.optim.SGD([w], lr=1.0, momentum=0.5, lr_in_velocity=True)
    assert run(slides, w, g, rates) == [-1, -1 - 1.0, -2 - (0.5 + 0.25)]
    w = weight(0.0)
    assert run(cr.optim.SGD([w], lr=1.0, momentum=0.5), w, g, rates) == [-1, -1.75, -1.75 - 0.4375]


# ---- Adam's bias correction without the power


def test_the_slides_bias_correction_is_right_in_the_first_step_and_then_too_small():
    steps = {}
    for constant in (False, True):
        w = weight(0.0)
        optimizer = cr.optim.Adam([w], lr=0.5, eps=0.0, constant_bias_correction=constant)
        path = [0.0, *run(optimizer, w, [3.0] * 10_000)]
        steps[constant] = -np.diff(path)
    np.testing.assert_allclose(steps[False], 0.5, rtol=1e-9)  # of a constant gradient: lr
    assert steps[True][0] == pytest.approx(0.5, rel=1e-12)
    assert steps[True][-1] == pytest.approx(0.5 * math.sqrt(0.001) / 0.1, rel=1e-4)  # 0.316 of it
    optimizer.param_groups[0]["constant_bias_correction"] = False
    assert "constant_bias_correction" not in cr.optim.Adam([w]).param_groups[0]


# ---- eps inside the root


@pytest.mark.parametrize("name, settings", [("Adagrad", {}), ("RMSprop", {"alpha": 0.0})])
def test_eps_inside_or_beside_the_root(name, settings):
    for inside, root in ((False, 4.0 + 9.0), (True, 5.0)):
        w = weight(0.0)
        make = getattr(cr.optim, name)
        optimizer = make([w], lr=1.0, eps=9.0, eps_in_root=inside, **settings)
        assert run(optimizer, w, [4.0]) == pytest.approx([-4.0 / root], rel=1e-15)
        assert optimizer.param_groups[0].get("eps_in_root", False) is inside


def test_switches_are_saved_and_loaded():
    w = weight(0.0)
    saved = cr.optim.Adagrad([w], eps_in_root=True).state_dict()
    again = cr.optim.Adagrad([w])
    again.load_state_dict(saved)
    assert again.param_groups[0]["eps_in_root"] is True


# ---- what definitions promise


def test_adagrads_state_is_there_from_the_beginning_and_groups_start_where_they_say():
    a, b, c = weight(0.0), weight(0.0), weight(0.0)
    optimizer = cr.optim.Adagrad(
        [{"params": [a]}, {"params": [b], "initial_accumulator_value": 9.0}], lr=1.0, eps=0.0
    )
    assert [s["sum"].item() for s in optimizer.state.values()] == [0, 9]
    optimizer.add_param_group({"params": [c], "initial_accumulator_value": 9.0})
    for p in (a, b, c):
        p.grad = cr.full_like(p, 4.0)
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == pytest.approx([-1.0, -0.8, -0.8], rel=1e-15)


def test_qhadam_without_a_share_of_the_present_is_adam():
    paths = []
    for name in ("Adam", "QHAdam"):
        w = weight()
        paths.append(run(getattr(cr.optim, name)([w], lr=0.1), w, np.cos(np.arange(30))))
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-12)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_a_variance_below_zero_counts_as_zero(dtype):
    """Equal gradients leave a variance of rounding errors, of which half are negative."""
    w = cr.nn.Parameter(cr.linspace(0.1, 3.0, 50, dtype=dtype))
    optimizer = cr.optim.RMSprop([w], lr=1e-3, alpha=0.5, centered=True, eps=1.0)
    g = w.detach().clone()
    for _ in range(300):
        w.grad = g
        optimizer.step()
    variance = optimizer.state[w]["square_avg"] - optimizer.state[w]["grad_avg"] ** 2
    assert (variance < 0).any().item()
    assert w.isfinite().all().item()


def test_rprop_steps_by_the_sign_alone():
    for scale in (1e-8, 1.0, 1e8):
        w = weight(0.0)
        optimizer = cr.optim.Rprop([w], lr=1.0, etas=(0.5, 1.5))
        path = run(optimizer, w, [scale * g for g in (1, 2, -1, -1, -1)])
        assert path == [-1.0, -2.5, -2.5, -2.5 + 0.75, -2.5 + 0.75 + 1.125]
        assert optimizer.state[w]["step_size"].item() == 1.125


def test_states_of_no_dimensions_are_checked_when_loaded():
    w = weight(0.0)
    optimizer = cr.optim.NAdam([w])
    run(optimizer, w, [1.0])
    saved = optimizer.state_dict()
    assert saved["state"][0]["mu_product"].dtype == cr.float64
    for bad in (-1.0, math.nan, "1", cr.ones(2)):
        broken = {**saved, "state": {0: {**saved["state"][0], "mu_product": bad}}}
        with pytest.raises(ValueError, match="mu_product as a number >= 0"):
            optimizer.load_state_dict(broken)
    saved["state"][0] = {**saved["state"][0], "mu_product": 0.25}
    optimizer.load_state_dict(saved)
    assert optimizer.state[w]["mu_product"].item() == 0.25
    optimizer.state[w]["mu_product"] = cr.ones(())
    with pytest.raises(cr.DtypeError, match="mu_products as 0-d float64"):
        run(optimizer, w, [1.0])


@pytest.mark.parametrize("name", ANY_SHAPE)
def test_a_step_that_fails_in_the_second_group_has_changed_nothing(name):
    first, second = weight(1.0, 2.0), weight(3.0, 4.0)
    groups = [{"params": [first]}, {"params": [second]}]
    optimizer = getattr(cr.optim, name)(groups, lr=0.5, **ANY_SHAPE[name])
    for w in (first, second):
        w.grad = cr.ones_like(w)
    optimizer.step()
    before = repr(optimizer.state_dict()), first.tolist()
    part = [key for key in optimizer.state[second] if key not in optimizer._scalars][-1]
    good = optimizer.state[second][part]
    optimizer.state[second][part] = cr.zeros(3, dtype=cr.float64)
    with pytest.raises(cr.ShapeError, match="_update"):
        optimizer.step()
    optimizer.state[second][part] = good
    assert (repr(optimizer.state_dict()), first.tolist()) == before
    optimizer.step()
    assert first.tolist() != before[1]


@pytest.mark.parametrize("name", ["RMSprop", "Adadelta", "NAdam", "RAdam", "QHAdam", "LAMB"])
def test_averages_of_squares_that_eps_hides_are_never_subnormal(name):
    p = cr.nn.Parameter(cr.ones(40))
    fast = {"alpha": 0.9} if name == "RMSprop" else {"betas": (0.9, 0.9)}
    settings = {} if name == "Adadelta" else fast
    optimizer = getattr(cr.optim, name)([p], **settings)
    average = "square_avg" if "square_avg" in optimizer._states else "exp_avg_sq"
    seen = []
    for i in range(1000):
        p.grad = cr.full((40,), float(i == 0))
        optimizer.step()
        seen.append(optimizer.state[p][average][7].item())
    assert min(x for x in seen if x) >= cr.finfo(cr.float32).tiny
    assert seen[-1] == 0 and 700 < seen.index(0.0) < 900
    assert p.isfinite().all().item()
    if name != "Adadelta":  # without eps they stay, or a dead unit would be 0 / 0
        optimizer = getattr(cr.optim, name)([p], eps=0.0, **settings)
        for i in range(1000):
            p.grad = cr.full((40,), float(i == 0))
            optimizer.step()
        assert p.isfinite().all().item()
