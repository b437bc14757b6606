"""LAMB, Adafactor and Muon, whose steps are made of operations: what the papers say of them, and
what a step that fails leaves."""

import math

import numpy as np
import pytest

import chainrule as cr

NAMES = ("LAMB", "Adafactor", "Muon")


def matrix(values=((1.0, 2.0), (3.0, 4.0)), dtype=cr.float32):
    w = cr.nn.Parameter(cr.tensor(values, dtype=dtype))
    w.grad = cr.tensor([[0.5, -1.0], [2.0, 0.25]], dtype=dtype)
    return w


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_step_of_lamb_is_lr_times_the_length_of_the_weights(scale):
    w = matrix(np.array([[1.0, 2.0], [3.0, 4.0]]) * scale, cr.float64)
    before = w.detach().clone()
    cr.optim.LAMB([w], lr=0.01).step()
    assert (w.detach() - before).norm().item() == pytest.approx(0.01 * before.norm().item())


def test_weights_of_zero_and_gradients_of_zero():
    w = matrix(((0.0, 0.0), (0.0, 0.0)))
    cr.optim.LAMB([w], lr=0.1).step()  # as Adam's first step
    np.testing.assert_allclose(w.detach().numpy(), [[-0.1, 0.1], [-0.1, -0.1]], rtol=1e-4)
    for name in NAMES:
        w = matrix()
        w.grad = cr.zeros(2, 2)
        optimizer = getattr(cr.optim, name)([w], lr=0.1, weight_decay=0.0)
        for _ in range(3):
            optimizer.step()
        assert w.tolist() == [[1, 2], [3, 4]]


def test_a_step_of_muon_has_equal_singular_values_however_the_gradient_has():
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.standard_normal((6, 6)))[0] for _ in range(2))
    w = cr.nn.Parameter(cr.zeros(6, 6, dtype=cr.float64))
    w.grad = cr.tensor(u @ np.diag([9.0, 5, 4, 3, 2, 1]) @ v.T)
    cr.optim.Muon([w], lr=1.0, ns_steps=10).step()
    step = -u.T @ w.detach().numpy() @ v
    assert (0.6 < np.diag(step)).all() and (np.diag(step) < 1.3).all()
    np.testing.assert_allclose(step - np.diag(np.diag(step)), 0, atol=1e-9)


def test_adafactor_keeps_a_row_and_a_column():
    w = cr.nn.Parameter(cr.ones(30, 50))
    w.grad = cr.ones(30, 50)
    optimizer = cr.optim.Adafactor([w])
    optimizer.step()
    shapes = {key: tuple(state.shape) for key, state in optimizer.state[w].items()}
    assert shapes == {"step": (), "row_var": (30, 1), "col_var": (1, 50)}


def test_the_eps_of_adafactor_is_that_of_each_parameters_dtype():
    def trained(*dtypes):
        params = [cr.nn.Parameter(cr.ones(3, 3, dtype=dtype)) for dtype in dtypes]
        optimizer = cr.optim.Adafactor(params, lr=0.1)
        for p in params:
            p.grad = cr.full_like(p, 1e-7)
        optimizer.step()
        return [p.tolist() for p in params]

    together = trained(cr.float32, cr.float64)
    assert together == [*trained(cr.float32), *trained(cr.float64)]
    assert together[0][0][0] > 0.91 > together[1][0][0]
    empty = cr.nn.Parameter(cr.ones(2, 0))
    empty.grad = cr.ones(2, 0)
    cr.optim.Adafactor([empty]).step()


@pytest.mark.parametrize("dtype", [cr.float32, cr.bfloat16], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_autocast_does_not_reach_the_step(name, dtype):
    def run(on):
        w = matrix(dtype=dtype)
        with cr.autocast("cpu", enabled=on):
            getattr(cr.optim, name)([w], lr=0.1).step()
        return w.tolist()

    assert run(True) == run(False)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_leaves_no_history_and_moves_nothing(name):
    w = matrix()
    optimizer = getattr(cr.optim, name)([w], lr=0.1)
    optimizer.step()
    places = [t.data_ptr() for t in (w, *optimizer.state[w].values())]
    optimizer.step()
    assert w.is_leaf and all(t.grad_fn is None for t in optimizer.state[w].values())
    assert [t.data_ptr() for t in (w, *optimizer.state[w].values())] == places


# ---- what cannot be


def read_only():
    array = np.ones((2, 2), np.float32)
    array.flags.writeable = False
    return cr.from_numpy(array)


def spoiled_dtype(optimizer, w):
    return cr.DtypeError, cr.zeros_like(last(optimizer, w), dtype=cr.float64)


def spoiled_shape(optimizer, w):
    return cr.ShapeError, cr.zeros(7)


def spoiled_memory(optimizer, w):
    return cr.StateError, w.detach()[: last(optimizer, w).shape[0], : last(optimizer, w).shape[1]]


def last(optimizer, w):
    return list(optimizer.state[w].values())[-1]


@pytest.mark.parametrize("spoil", [spoiled_dtype, spoiled_shape, spoiled_memory])
@pytest.mark.parametrize("name", NAMES)
def test_a_step_that_fails_changes_nothing(name, spoil):
    free, bad = matrix(), matrix()
    optimizer = getattr(cr.optim, name)([{"params": [free]}, {"params": [bad]}], lr=0.1)
    optimizer.step()
    before = free.tolist(), bad.tolist(), repr(optimizer.state[free])
    kind, wrong = spoil(optimizer, bad)
    optimizer.state[bad][list(optimizer.state[bad])[-1]] = wrong
    with pytest.raises(kind, match=rf"^\[{name.lower()}_update\] expected"):
        optimizer.step()
    assert (free.tolist(), bad.tolist(), repr(optimizer.state[free])) == before


@pytest.mark.parametrize("name", NAMES)
def test_parameters_that_cannot_be_updated(name):
    free, kept = matrix(), read_only()
    kept.grad = cr.ones(2, 2)
    with pytest.raises(cr.StateError, match="expected writable"):
        getattr(cr.optim, name)([free, kept], lr=0.1).step()
    assert free.tolist() == [[1, 2], [3, 4]]
    flat = cr.ones(3, 2)
    shared = [flat[:2].detach().requires_grad_(), flat[1:].detach().requires_grad_()]
    for p in shared:
        p.grad = cr.ones(2, 2)
    with pytest.raises(cr.StateError, match="in memory of its own"):
        getattr(cr.optim, name)(shared, lr=0.1).step()
    assert flat.tolist() == [[1, 1]] * 3


@pytest.mark.parametrize(
    ("name", "error", "words", "given"),
    [
        ("LAMB", ValueError, r"betas\[0\] < 1", {"betas": (1.0, 0.9)}),
        ("LAMB", ValueError, r"betas\[1\] < 1", {"betas": (0.9, -0.1)}),
        ("LAMB", ValueError, "eps >= 0", {"eps": -1.0}),
        ("LAMB", ValueError, "lr >= 0", {"lr": math.nan}),
        ("LAMB", ValueError, "weight_decay >= 0", {"weight_decay": -1.0}),
        ("LAMB", ValueError, r"norm_bounds\[0\] >= 0", {"norm_bounds": (-1.0, 1.0)}),
        ("LAMB", ValueError, "two norm_bounds", {"norm_bounds": (1.0,)}),
        ("LAMB", ValueError, r"norm_bounds\[0\] <= norm_bounds\[1\]", {"norm_bounds": (2.0, 1.0)}),
        ("LAMB", TypeError, "to be True or False", {"bias_correction": 1}),
        ("Adafactor", ValueError, "beta2_decay <= 0; got 0.5", {"beta2_decay": 0.5}),
        ("Adafactor", ValueError, "d >= 1; got 0.5", {"d": 0.5}),
        ("Adafactor", ValueError, r"eps\[0\] >= 0", {"eps": (-1.0, 1e-3)}),
        ("Adafactor", TypeError, r"eps\[1\] to be a number", {"eps": (None, None)}),
        ("Adafactor", TypeError, "two eps; got 0.1", {"eps": 0.1}),
        ("Muon", ValueError, "three ns_coefficients", {"ns_coefficients": (1.0, 2.0)}),
        ("Muon", ValueError, "0 <= ns_steps <= 99; got 100", {"ns_steps": 100}),
        ("Muon", ValueError, "0 <= ns_steps <= 99; got -1", {"ns_steps": -1}),
        ("Muon", TypeError, "ns_steps to be an int", {"ns_steps": 2.0}),
        ("Muon", TypeError, "nesterov to be True or False", {"nesterov": 1}),
        ("Muon", ValueError, "adjust_lr_fn to be None", {"adjust_lr_fn": "none"}),
        ("Muon", ValueError, "adjust_lr_fn to be None", {"adjust_lr_fn": 3}),
    ],
)
def test_settings_that_are_refused(name, error, words, given):
    with pytest.raises(error, match=rf"^\[{name}\] expected .*{words}"):
        getattr(cr.optim, name)([matrix()], **given)


def test_muon_takes_matrices_alone_also_later():
    optimizer = cr.optim.Muon([matrix()])
    with pytest.raises(ValueError, match=r"params of 2 dimensions; got one of shape \(2,\)"):
        optimizer.add_param_group({"params": [cr.nn.Parameter(cr.ones(2))]})


def test_a_flag_that_turns_bad_later():
    w = matrix()
    optimizer = cr.optim.Muon([w])
    for key, value in {"ns_steps": 100, "adjust_lr_fn": "x", "nesterov": "yes"}.items():
        good = optimizer.param_groups[0][key]
        optimizer.param_groups[0][key] = value
        with pytest.raises((ValueError, TypeError), match=key):
            optimizer.step()
        optimizer.param_groups[0][key] = good
    assert w.tolist() == [[1, 2], [3, 4]]


def test_states_of_other_shapes_are_not_loaded():
    w = matrix()
    optimizer = cr.optim.Adafactor([w])
    optimizer.step()
    saved = optimizer.state_dict()
    for key, value, error in (
        ("row_var", cr.zeros(2, 2), cr.ShapeError),
        ("col_var", 3.0, TypeError),
        ("step", -1.0, ValueError),
        ("variance", cr.zeros(2, 2), ValueError),
    ):
        broken = {**saved, "state": {0: {**saved["state"][0], key: value}}}
        with pytest.raises(error, match=key):
            optimizer.load_state_dict(broken)


@pytest.mark.parametrize("size", [1e22, 1e-24])
def test_lamb_has_the_length_of_large_and_small_parameters(size):
    w = cr.nn.Parameter(cr.full((4,), size))
    w.grad = cr.ones(4)
    cr.optim.LAMB([w], lr=0.01).step()
    assert w.tolist() == pytest.approx([0.99 * size] * 4, rel=1e-6)


def test_adafactor_with_nan_in_a_gradient():
    w = cr.nn.Parameter(cr.ones(3))
    w.grad = cr.tensor([math.nan, 1.0, 1.0])
    cr.optim.Adafactor([w]).step()
    assert w.isnan().all()
