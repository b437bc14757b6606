"""Optimizers that are given what they cannot use: settings, gradients, state and state dicts that
are told before a weight has changed."""

import copy
import math

import pytest

import chainrule as cr
from optim_problem import weight, with_gradients

# ---- settings


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("lr", "0.1", TypeError),
        ("eps", b"1", TypeError),
        ("betas", 5, TypeError),
        ("betas", (0.9,), ValueError),
        ("amsgrad", "yes", TypeError),
        ("maximize", 1, TypeError),
    ],
)
def test_a_setting_that_turns_bad_later(key, value, error):
    (w,) = with_gradients(weight())
    optimizer = cr.optim.Adam([w])
    optimizer.step()
    before = w.tolist()
    optimizer.param_groups[0][key] = value
    with pytest.raises(error, match=r"\[Adam\] expected"):
        optimizer.step()
    assert w.tolist() == before


def test_a_setting_that_is_no_number_is_found_before_anything_moves():
    w = weight()
    optimizer = cr.optim.SGD([w], lr=0.1)
    w.grad = cr.ones(2)
    for key, value in (("lr", "fast"), ("weight_decay", cr.tensor(0.1)), ("momentum", None)):
        old = optimizer.param_groups[0][key]
        optimizer.param_groups[0][key] = value
        with pytest.raises(TypeError, match=f"expected {key} to be a number"):
            optimizer.step()
        optimizer.param_groups[0][key] = old
    assert w.tolist() == [1, 1]
    optimizer.step()


def test_an_array_as_a_setting():
    import numpy as np

    (w,) = with_gradients(weight())
    optimizer = cr.optim.SGD([w], lr=0.5)
    optimizer.step()
    for _ in range(2):
        optimizer.param_groups[0]["lr"] = np.array([0.1, 0.2])
        with pytest.raises(TypeError, match="expected lr to be a number"):
            optimizer.step()
    optimizer.param_groups[0]["lr"] = np.float32(0.5)
    optimizer.step()
    assert w.tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["float64", "float32", "int64"])
def test_a_number_of_numpy_as_momentum(kind):
    import numpy as np

    (w,) = with_gradients(weight())
    optimizer = cr.optim.SGD([w], lr=0.5, momentum=getattr(np, kind)(0))
    optimizer.step()
    assert not optimizer.state
    optimizer.param_groups[0]["momentum"] = getattr(np, kind)(1)
    optimizer.step()
    optimizer.step()
    assert w.tolist() == [-1, -1]
    with pytest.raises(TypeError, match="expected momentum to be a number"):
        cr.optim.SGD([w], momentum=np.ones(2))


# ---- all or nothing


def test_a_gradient_of_another_shape_is_an_error():
    w = weight()
    with pytest.raises((cr.ShapeError, RuntimeError, ValueError)):
        w.grad = cr.ones(3)
    assert w.tolist() == [1, 1]


def test_a_bad_setting_of_a_later_group_changes_no_earlier_one():
    first, second = with_gradients(weight(), weight())
    optimizer = cr.optim.SGD([{"params": [first]}, {"params": [second]}], lr=1.0)
    for key, value in {"nesterov": 1, "lr": "fast", "maximize": None}.items():
        good = optimizer.param_groups[1][key]
        optimizer.param_groups[1][key] = value
        with pytest.raises(TypeError, match=r"\[SGD\] expected"):
            optimizer.step()
        optimizer.param_groups[1][key] = good
    assert first.tolist() == second.tolist() == [1, 1]
    del optimizer.param_groups[1]["lr"]
    with pytest.raises(cr.StateError, match=r"\[SGD\] expected 'lr'"):
        optimizer.step()
    assert first.tolist() == [1, 1]


def test_calls_that_run_all_or_not_at_all():
    run = cr._core._all_or_none(cr._core._ops.sgd_update)
    hyper = cr.tensor([1.0, 0, 0, 0], dtype=cr.float64)
    first, second = cr.ones(2), cr.ones(3)
    good = ([first], [cr.ones(2)], [], hyper, False, False, False)
    for bad in (
        ([second], [cr.ones(2)], [], hyper, False, False, False),
        ([second], [cr.ones(3)], [], hyper, 1, False, False),
        ([second],),
        (),
        [],
        None,
    ):
        with pytest.raises((TypeError, ValueError), match="sgd_update"):
            run(good, bad)
        with pytest.raises((TypeError, ValueError), match="sgd_update"):
            run(bad)
    assert first.tolist() == [1, 1]
    run()
    run(good, ([second], [cr.ones(3)], [], hyper, False, False, False))
    assert first.tolist() == [0, 0] and second.tolist() == [0, 0, 0]
    for operation in (None, cr.add, len):
        with pytest.raises(TypeError, match="_all_or_none"):
            cr._core._all_or_none(operation)


def bad_momentum(optimizer, w):
    optimizer.state[w]["momentum_buffer"] = cr.zeros(5)


def expanded_momentum(optimizer, w):
    optimizer.state[w]["momentum_buffer"] = cr.zeros(1).expand(2)


@pytest.mark.parametrize("spoil", [bad_momentum, expanded_momentum])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_step_of_sgd_that_fails_has_done_nothing(groups, spoil):
    new, known = with_gradients(weight(), weight())
    lists = [[new, known]] if groups == 1 else [[new], [known]]
    optimizer = cr.optim.SGD([{"params": params} for params in lists], lr=1.0, momentum=0.5)
    spoil(optimizer, known)
    with pytest.raises((ValueError, RuntimeError), match=r"\[sgd_update\]"):
        optimizer.step()
    assert new.tolist() == known.tolist() == [1, 1]
    assert new not in optimizer.state
    optimizer.state[known]["momentum_buffer"] = cr.zeros(2)
    optimizer.step()  # the first for `new`: momentum starts as the gradient
    assert new.tolist() == known.tolist() == [0, 0]
    assert optimizer.state[new]["momentum_buffer"].tolist() == [1, 1]


def test_a_first_step_that_fails_leaves_no_momentum():
    (w,) = with_gradients(weight())
    expanded = cr.zeros(1).expand(2).requires_grad_()
    expanded.grad = cr.ones(2)
    optimizer = cr.optim.SGD([w, expanded], lr=1.0, momentum=0.5)
    with pytest.raises(cr.StateError, match="expanded"):
        optimizer.step()
    assert not optimizer.state
    expanded.grad = None
    optimizer.step()
    assert optimizer.state[w]["momentum_buffer"].tolist() == [1, 1]


@pytest.mark.parametrize("missing", ["step", "exp_avg_sq"])
@pytest.mark.parametrize("make", [cr.optim.Adam, cr.optim.AdamW])
def test_a_state_that_lacks_a_part(make, missing):
    first, second = with_gradients(weight(), weight())
    optimizer = make([{"params": [first]}, {"params": [second]}])
    optimizer.step()
    before = first.tolist(), second.tolist()
    part = optimizer.state[second].pop(missing)
    with pytest.raises(cr.StateError, match=rf"\[{make.__name__}\] expected '{missing}'"):
        optimizer.step()
    optimizer.state[second][missing] = cr.zeros(3, dtype=cr.float64)
    with pytest.raises((TypeError, ValueError), match=r"\[adam_update\]"):
        optimizer.step()
    assert (first.tolist(), second.tolist()) == before
    assert optimizer.state[first]["step"].item() == 1
    optimizer.state[second][missing] = part
    optimizer.step()
    assert optimizer.state[second]["step"].item() == 2


def test_a_state_of_ones_own_beside_the_optimizers():
    (w,) = with_gradients(weight())
    optimizer = cr.optim.Adam([w])
    optimizer.state[w]["seen"] = True
    optimizer.step()
    assert set(optimizer.state[w]) == {"seen", "step", "exp_avg", "exp_avg_sq"}


# ---- loading


def stepped(make):
    (w,) = with_gradients(weight(3))
    optimizer = make([w])
    optimizer.step()
    return optimizer


def spoiled(optimizer, **entries):
    state = copy.deepcopy(optimizer.state_dict())
    state["state"][0].update(entries)
    return state


@pytest.mark.parametrize(
    ("error", "words", "entries"),
    [
        (ValueError, "step as a number >= 0; got -1", {"step": -1}),
        (ValueError, "step as a number >= 0; got nan", {"step": math.nan}),
        (ValueError, "step as a number >= 0; got inf", {"step": math.inf}),
        (ValueError, "step as a number", {"step": "1"}),
        (ValueError, "step as a number", {"step": [1]}),
        (ValueError, "step as a number", {"step": cr.ones(2)}),
        (ValueError, "step as a number", {"step": cr.tensor(-3.0)}),
        (TypeError, "exp_avg as a Tensor; got float", {"exp_avg": 0.5}),
        (TypeError, "exp_avg_sq as a Tensor; got list", {"exp_avg_sq": [0.0, 0.0, 0.0]}),
        (cr.ShapeError, r"exp_avg of shape \(3,\); got \(\)", {"exp_avg": cr.tensor(0.5)}),
        (cr.ShapeError, r"exp_avg of shape \(3,\); got \(2,\)", {"exp_avg": cr.zeros(2)}),
    ],
)
def test_a_state_that_adam_could_not_use_is_not_loaded(error, words, entries):
    optimizer = stepped(cr.optim.Adam)
    before = repr(optimizer.state_dict())
    with pytest.raises(error, match=words):
        optimizer.load_state_dict(spoiled(optimizer, **entries))
    assert repr(optimizer.state_dict()) == before
    optimizer.step()


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("param_groups", {"param_groups": 3}),
        ("param_groups", {"param_groups": [3]}),
        ("param_groups", {"param_groups": [{"lr": 0.1}]}),
        ("param_groups", {"param_groups": [{"params": 0}]}),
        ("param_groups", {"param_groups": [{"params": [[0]]}]}),
        ("state", {"state": [1]}),
        ("state", {"state": {0: 3}}),
    ],
)
def test_a_state_dict_of_another_layout(words, change):
    optimizer = stepped(cr.optim.Adam)
    with pytest.raises(ValueError, match=rf'\[Adam\] expected "{words}" as'):
        optimizer.load_state_dict({**optimizer.state_dict(), **change})
    twice = cr.optim.SGD([weight(), weight()]).state_dict()
    twice["param_groups"][0]["params"] = [0, 0]
    with pytest.raises(ValueError, match="number once"):
        cr.optim.SGD([weight(), weight()]).load_state_dict(twice)


def test_loaded_settings_of_another_type():
    optimizer = stepped(cr.optim.Adam)
    for key, value in {"lr": "fast", "betas": None, "amsgrad": 1}.items():
        state = optimizer.state_dict()
        state["param_groups"][0][key] = value
        with pytest.raises(TypeError, match=r"\[Adam\] expected"):
            optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 1e-3


def test_a_users_optimizer_gets_back_what_it_saved():
    class Counting(cr.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

    w = weight()
    optimizer = Counting([w])
    optimizer.state[w] = {"step": 3, "kind": "plain", "scale": cr.tensor(0.5)}
    again = Counting([weight()])
    again.load_state_dict(optimizer.state_dict())
    (state,) = again.state.values()
    assert (state["step"], state["kind"], state["scale"].item()) == (3, "plain", 0.5)
    assert type(state["step"]) is int


@pytest.mark.parametrize("step", [math.nan, -1.0, -math.inf])
def test_a_damaged_step(step):
    p, optimizer = spoilable(lambda params: cr.optim.Adam(params, lr=0.1))
    before = p.tolist()
    optimizer.state[p]["step"] = cr.tensor(step)
    with pytest.raises(ValueError, match=r"^\[adam_update\] expected steps >= 0; got "):
        optimizer.step()
    assert p.tolist() == before


def spoilable(make):
    p = weight(3)
    optimizer = make([p])
    p.grad = cr.full((3,), 0.5)
    optimizer.step()
    return p, optimizer


@pytest.mark.parametrize(
    ("make", "spoil"),
    [
        (lambda w: cr.optim.SGD(w, lr=0.1, momentum=0.9), lambda p, s: {"momentum_buffer": p}),
        (cr.optim.Adam, lambda p, s: {"exp_avg": p}),
        (cr.optim.Adam, lambda p, s: {"exp_avg_sq": p.detach()}),
        (cr.optim.Adam, lambda p, s: {"exp_avg_sq": s["exp_avg"]}),
        (lambda w: cr.optim.Adam(w, amsgrad=True), lambda p, s: {"max_exp_avg_sq": p}),
        (
            lambda w: cr.optim.Adam(w, amsgrad=True),
            lambda p, s: {"max_exp_avg_sq": s["exp_avg_sq"]},
        ),
    ],
)
def test_a_damaged_state(make, spoil):
    p, optimizer = spoilable(make)
    state = optimizer.state[p]
    state.update(spoil(p, state))
    before = p.tolist()
    with pytest.raises(cr.StateError, match="in memory of its own"):
        optimizer.step()
    assert p.tolist() == before
    p.grad = p.detach()  # a gradient is only read
    state.update({name: cr.zeros(3) for name in state if name != "step"})
    optimizer.step()
    assert p.tolist() != before


def test_what_has_gone_is_told_where_it_was():
    w = cr.nn.Parameter(cr.ones(1))
    w.grad = cr.ones(1)
    adam = cr.optim.Adam([w], lr=0.1)
    adam.step()
    del adam.state[w]["exp_avg_sq"]
    with pytest.raises(
        cr.StateError, match=r"^\[Adam\] expected 'exp_avg_sq' in the state of every par"
    ):
        adam.step()
    del adam.param_groups[0]["betas"]
    with pytest.raises(
        cr.StateError, match=r"^\[Adam\] expected 'betas' in every group; got none in"
    ):
        adam.step()


@pytest.mark.parametrize("value", ["no", None, 0])
def test_zero_grad_takes_true_or_false(value):
    net = cr.nn.Linear(2, 1)
    net(cr.ones(1, 2)).sum().backward()
    for of in (net, cr.optim.SGD(net.parameters(), lr=0.1)):
        with pytest.raises(
            TypeError, match=r"^\[zero_grad\] expected set_to_none to be True or Fal"
        ):
            of.zero_grad(set_to_none=value)
    assert net.weight.grad.tolist() == [[1.0, 1.0]]
