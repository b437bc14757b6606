"""Writes through views and over whole tensors: who owns which part of the graph afterwards."""

import numpy as np
import pytest

import chainrule as cr


def leaf(*values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def test_a_view_behind_its_base_is_older_than_what_reads_it():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    base = x * 3
    view = base[:2]
    view.mul_(2)
    (gradient,) = cr.autograd.grad((view * 2).sum(), x)
    assert gradient.tolist() == [12.0, 12.0, 0.0, 0.0]


def test_two_readers_of_a_view_share_its_new_history():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 3
    view = base[:1]
    view.mul_(2)
    (view * 1 + view * 5).sum().backward()
    assert x.grad.tolist() == [36.0, 0.0, 0.0]


@pytest.mark.parametrize("read", [lambda v: v.mul_(2), lambda v: cr.zeros(2).double().copy_(v)])
def test_a_view_is_read_after_a_write_to_its_base(read):
    x = leaf(1.0, 1.0, 1.0, 1.0)
    base = x * 1
    view = base[:2]
    base.mul_(2)
    result = read(view)
    result.sum().backward(inputs=[x])
    assert x.grad.tolist() == ([4.0, 4.0, 0.0, 0.0] if result is view else [2.0, 2.0, 0.0, 0.0])


def test_a_value_written_into_a_view_of_another_tensor_is_read_after_its_base():
    x = leaf(1.0, 1.0)
    source, target = x * 1, leaf(0.0, 0.0, 0.0) * 1
    window = source[:]
    source.mul_(5)
    target[1:] = window
    target.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


@pytest.mark.parametrize("write", [lambda x, y: x.copy_(y), lambda x, y: x.__setitem__(..., y)])
def test_a_copy_of_a_whole_tensor_is_a_result_of_its_own(write):
    y = leaf(2.0, 3.0) * 1
    x = cr.zeros(2, dtype=cr.float64)
    write(x, y)
    x.register_hook(lambda dx: dx * 100)
    x.retain_grad()
    total = (x * 1).sum() + (y * 10).sum()
    dx, dy = cr.autograd.grad(total, [x, y])
    assert dx.tolist() == [100.0, 100.0]
    assert dy.tolist() == [110.0, 110.0]


IN_PLACE = [
    ("sin_", ()),
    ("cos_", ()),
    ("square_", ()),
    ("abs_", ()),
    ("erf_", ()),
    ("log_", ()),
    ("log1p_", ()),
    ("atan_", ()),
    ("pow_", (2.5,)),
    ("clamp_", (0.5, 1.0)),
    ("clamp_min_", (0.5,)),
    ("nan_to_num_", ()),
    ("mul_", (3.0,)),
    ("exp_", ()),
]


@pytest.mark.parametrize(("name", "args"), IN_PLACE, ids=[name for name, _ in IN_PLACE])
def test_backward_of_an_operation_in_place_knows_its_input(name, args):
    a = leaf(0.3, 0.7, 1.4)
    x = a * 1
    getattr(x, name)(*args)
    x.sum().backward()
    b = leaf(0.3, 0.7, 1.4)
    getattr(b, name[:-1])(*args).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


@pytest.mark.parametrize("name", ["mul_", "div_", "remainder_", "atan2_"])
def test_the_other_operand_of_an_operation_in_place_has_its_gradient(name):
    a, b = leaf(0.3, 0.7, 1.4), leaf(2.0, 3.0, 0.5)
    getattr(a * 1, name)(b).sum().backward()
    c, d = leaf(0.3, 0.7, 1.4), leaf(2.0, 3.0, 0.5)
    getattr(c, name[:-1])(d).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), c.grad.numpy())
    np.testing.assert_array_equal(b.grad.numpy(), d.grad.numpy())


def test_an_operation_in_place_can_be_differentiated_twice():
    a = leaf(0.3, 0.7)
    x = a * 1
    x.sin_()
    (first,) = cr.autograd.grad(x.sum(), a, create_graph=True)
    (second,) = cr.autograd.grad(first.sum(), a)
    np.testing.assert_allclose(second.numpy(), -np.sin([0.3, 0.7]), rtol=1e-12)


LAYOUTS = {
    "transposed": lambda x: x.t().detach(),
    "every other column": lambda x: x[:, ::2].detach(),
    "last columns": lambda x: x[1:, 1:].detach(),
    "Fortran order": lambda x: cr.from_numpy(np.asfortranarray(x.numpy())),
    "permuted": lambda x: x.reshape(2, 2, 3).permute(2, 0, 1).detach(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("requires", [False, True])
@pytest.mark.parametrize("create_graph", [False, True])
def test_writes_through_views_of_a_base_that_is_not_row_major(layout, requires, create_graph):
    def program(base, w):
        view, last = base[1], base[-1:]
        if requires:
            base.mul_(w[0])
        view.mul_(w[: view.numel()].reshape(view.shape))
        base[0].add_(view * 2)
        last.copy_(last.clone().square())
        return (base * base).sum() + (view * last).sum()

    def gradient(make):
        w = leaf(2.0, 3.0, 5.0, 7.0)
        x = cr.arange(12.0, dtype=cr.float64).reshape(4, 3)
        loss = program(make(LAYOUTS[layout](x)), w)
        (dw,) = cr.autograd.grad(loss, w, create_graph=create_graph)
        return cr.autograd.grad((dw * dw).sum(), w)[0] if create_graph else dw

    assert gradient(lambda base: base).tolist() == gradient(lambda base: base.clone()).tolist()


def test_a_view_older_than_a_write_to_a_base_that_is_not_row_major():
    w = leaf(2.0, 3.0)
    base = cr.arange(6.0, dtype=cr.float64).reshape(2, 3).t().detach()
    view = base[1]
    base.mul_(w)
    (view * cr.tensor([1.0, 10.0], dtype=cr.float64)).sum().backward()
    assert w.grad.tolist() == [1.0, 40.0]
