"""Optimizers whose parameters or state lie in memory that must not be written, or in the memory of
another one: told before a weight has changed."""

import numpy as np
import pytest

import chainrule as cr
from optim_problem import weight, with_gradients

# ---- memory that must not be written


def read_only(size=2):
    array = np.ones(size, dtype=np.float32)
    array.flags.writeable = False
    return cr.from_numpy(array)


def made_in_inference_mode():
    with cr.inference_mode():
        return cr.ones(2)


@pytest.mark.parametrize("make", [read_only, made_in_inference_mode])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_parameter_that_must_not_be_written(make, groups):
    free, kept = with_gradients(weight(), make())
    lists = [[free, kept]] if groups == 1 else [[free], [kept]]
    for optimizer in (cr.optim.SGD, cr.optim.Adam):
        with pytest.raises(cr.StateError, match=r"_update\] expected (writable|a tensor made out)"):
            optimizer([{"params": params} for params in lists], lr=1.0).step()
    assert free.tolist() == kept.tolist() == [1, 1]


@pytest.mark.parametrize("make", [read_only, made_in_inference_mode])
@pytest.mark.parametrize("part", ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"])
def test_a_state_that_must_not_be_written(make, part):
    (w,) = with_gradients(weight())
    optimizer = cr.optim.Adam([w], amsgrad=True)
    optimizer.step()
    before = w.tolist()
    optimizer.state[w][part] = make()
    with pytest.raises(cr.StateError, match=r"_update\] expected (writable|a tensor made out)"):
        optimizer.step()
    assert w.tolist() == before and optimizer.state[w][part].tolist() == [1, 1]
    w.grad = make()  # a gradient is only read
    optimizer.state[w][part] = cr.ones(2)
    optimizer.step()
    assert w.tolist() != before


# ---- memory of two


def overlapping_windows():
    flat = cr.zeros(5)
    return flat[:3], flat[2:]


def arrays_in_common():
    array = np.zeros(3, np.float32)
    return cr.from_numpy(array), cr.from_numpy(array)


def columns_from_one_place():
    matrix = cr.zeros(3, 4)
    return matrix[:, 0], matrix[:, 0]


@pytest.mark.parametrize("share", [overlapping_windows, arrays_in_common, columns_from_one_place])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("where", ["params", "states", "param and state"])
def test_memory_of_two_parameters(share, groups, where):
    a, b = share()
    first = a.requires_grad_() if where != "states" else weight(3)
    second = b.requires_grad_() if where == "params" else weight(3)
    first, second = with_gradients(first, second)
    lists = [[first, second]] if groups == 1 else [[first], [second]]
    optimizer = cr.optim.Adam([{"params": params} for params in lists], lr=1.0)
    if where != "params":
        third = weight(3)
        optimizer.add_param_group({"params": [third]})
        optimizer.step()
        with_gradients(third)
        optimizer.state[second]["exp_avg_sq"] = b
        if where == "states":
            optimizer.state[first]["exp_avg"] = a
    before = first.tolist(), second.tolist()
    with pytest.raises(
        cr.StateError, match=r"^\[adam_update\] .* in memory of its own; got tensors"
    ):
        optimizer.step()
    assert (first.tolist(), second.tolist()) == before


def test_windows_that_lie_side_by_side():
    flat, matrix = cr.ones(6), cr.ones(3, 4)
    windows = [flat[:3], flat[3:], matrix[:, 0], matrix[:, 1], matrix[1:2, 2:], matrix[2:2]]
    params = with_gradients(*(window.detach().requires_grad_() for window in windows))
    cr.optim.SGD([{"params": params[:3]}, {"params": params[3:]}], lr=1.0).step()
    assert flat.tolist() == [0] * 6
    assert matrix.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]]
