"""Autograd as Python sees it: backward, grad, leaves, nodes, gradcheck."""

import pytest

import chainrule as cr
from chainrule.autograd import Function, gradcheck, gradgradcheck
from nets import leaf

# ---- backward and grad


def test_backward_accumulates_and_grad_is_assignable():
    x = leaf(1.0, 2.0)
    assert x.grad is None
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [6, 6]
    x.grad = None
    assert x.grad is None
    x.grad = cr.ones(2, dtype=cr.float64)
    (x * 3).sum().backward()
    assert x.grad.tolist() == [4, 4]
    del x.grad
    assert x.grad is None
    for bad, error in (
        (3, TypeError),
        (cr.ones(3, dtype=cr.float64), ValueError),
        (cr.ones(2), TypeError),
    ):
        with pytest.raises(error):
            x.grad = bad


def test_backward_arguments():
    x = leaf(1.0, 2.0)
    y = x * x
    with pytest.raises(RuntimeError, match="one element"):
        y.backward()
    y.backward(cr.tensor([1.0, 10.0], dtype=cr.float64), retain_graph=True)
    y.backward(gradient=cr.tensor([1.0, 0.0], dtype=cr.float64))
    assert x.grad.tolist() == [4, 40]
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward(cr.ones(2, dtype=cr.float64))
    with pytest.raises(ValueError):
        (x * 2).backward(cr.ones(3, dtype=cr.float64))
    with pytest.raises(TypeError):
        (x * 2).backward("a")
    with pytest.raises(RuntimeError):
        cr.ones(1).backward()
    leaf(3.0).backward()


def test_backward_to_some_inputs():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3 and y.grad is None
    (x * y).backward(inputs=y)
    assert y.grad.item() == 2
    with pytest.raises(ValueError):
        (x * y).backward(inputs=[])


def test_backward_to_a_result():
    x = leaf(2.0)
    y = x * 3
    z = y * y
    z.backward(inputs=[y], retain_graph=True)
    assert y.grad.item() == 12 and y.retains_grad and x.grad is None
    z.backward(inputs=[y, x])
    assert y.grad.item() == 24 and x.grad.item() == 36
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        (x * 2).backward(inputs=[x, cr.ones(1)])


def test_a_kept_gradient_has_memory_of_its_own():
    y = leaf(2.0, 3.0) * 1
    y.retain_grad()
    dy = cr.tensor([1.0, 1.0], dtype=cr.float64)
    y.backward(dy)
    y.grad.mul_(5)
    assert dy.tolist() == [1, 1]


def test_grad():
    x, y = leaf(2.0), leaf(3.0)
    dx, dy = cr.autograd.grad(x * x * y, [x, y])
    assert (dx.item(), dy.item(), x.grad) == (12, 4, None)
    (dx,) = cr.autograd.grad(x * x * y, x, create_graph=True)
    (dxx,) = cr.autograd.grad(dx, x, create_graph=True)
    assert dxx.item() == 6 and dxx.requires_grad
    with pytest.raises(RuntimeError, match="allow_unused"):
        cr.autograd.grad(x * 2, y)
    assert cr.autograd.grad(x * 2, y, allow_unused=True) == (None,)
    (zero,) = cr.autograd.grad(x * 2, y, materialize_grads=True)
    assert zero.item() == 0
    outputs = [x * 2, y * 3]
    dx, dy = cr.autograd.grad(outputs, (x, y), [cr.tensor(5.0, dtype=cr.float64), None])
    assert (dx.item(), dy.item()) == (10, 3)
    with pytest.raises(ValueError):
        cr.autograd.grad([x * 2], [x], [None, None])
    with pytest.raises(TypeError):
        cr.autograd.grad([3], [x])
    with pytest.raises(TypeError):
        cr.autograd.grad(x * 2, "x")


def test_autograd_backward():
    x = leaf(2.0)
    cr.autograd.backward([x * 2, x * 3], [cr.tensor(1.0, dtype=cr.float64), None])
    assert x.grad.item() == 5


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 1)])
def test_one_element_of_any_shape(shape):
    x = cr.full(shape, 3.0, requires_grad=True)
    (x * x).backward()
    assert x.grad.shape == shape and x.grad.item() == 6


# ---- leaves, nodes, history


def test_leaves_and_nodes():
    x = leaf(1.0, 2.0)
    y = cr.exp(x * 2)
    assert x.is_leaf and x.grad_fn is None and not y.is_leaf and y.requires_grad
    node = y.grad_fn
    assert node.name() == "ExpBackward0" and repr(node).startswith("<ExpBackward0 object at 0x")
    ((multiply, place),) = node.next_functions
    assert (
        multiply.name() == "MulBackward0" and place == 0 and multiply == (node.next_functions[0][0])
    )
    assert multiply != node and hash(multiply) == hash(node.next_functions[0][0])
    end = multiply.next_functions[0][0]
    assert end.name() == "AccumulateGrad" and end.variable is x
    assert multiply.next_functions[1] == (None, 0)


def test_requires_grad():
    x = cr.ones(2)
    assert x.requires_grad_() is x and x.requires_grad
    x.requires_grad = False
    assert not (x * 2).requires_grad
    with pytest.raises(TypeError, match="int64"):
        cr.tensor([1]).requires_grad_()
    y = x.requires_grad_() * 2
    with pytest.raises(RuntimeError, match="detach"):
        y.requires_grad = False
    assert not y.detach().requires_grad and y.detach().data_ptr() == y.data_ptr()
    assert y.detach_() is y and y.is_leaf and not y.requires_grad


def test_retain_grad():
    x = leaf(2.0)
    y = x * 3
    assert y.grad is None and not y.retains_grad
    y.retain_grad()
    (y * y).backward()
    assert y.grad.item() == 12 and y.retains_grad and x.grad.item() == 36
    with pytest.raises(RuntimeError):
        cr.ones(1).retain_grad()


def test_changed_saved_tensors_are_named():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y.exp()
    z.add_(1)
    with pytest.raises(RuntimeError, match=r"exp.*add|add.*exp"):
        z.sum().backward()


# ---- gradcheck


def test_gradcheck():
    x, w = cr.randn(2, 3, dtype=cr.float64, requires_grad=True), leaf(0.5)
    assert gradcheck(lambda a, b: (a * b).exp().sum(0), (x, w))
    assert gradcheck(lambda a: (a * 2, a.sum()), x)
    assert gradgradcheck(lambda a, b: cr.sin(a * b), (x, w), gen_non_contig_grad_outputs=True)


class Wrong(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        scale = cr.tensor([2.0, 2.003], dtype=cr.float64)
        return scale * x * dy


def test_gradcheck_rejects_a_rule_wrong_by_a_little():
    x = leaf(1.0, 2.0)
    with pytest.raises(cr.autograd.GradcheckError) as caught:
        gradcheck(Wrong.apply, (x,))
    for word in ("output 0(1,)", "input 0(1,)", "= 4 as measured", "got 4.006"):
        assert word in str(caught.value)
    assert gradcheck(Wrong.apply, (x,), raise_exception=False) is False
    assert gradcheck(Wrong.apply, (x,), rtol=1e-2)


def test_gradcheck_arguments():
    with pytest.raises(ValueError, match="requires_grad"):
        gradcheck(lambda a: a, (cr.ones(2, dtype=cr.float64),))
    with pytest.raises(ValueError, match="float64"):
        gradcheck(lambda a: a * 2, (cr.ones(2, requires_grad=True),))
    with pytest.raises(ValueError, match="output"):
        gradcheck(lambda a: a.detach(), (leaf(1.0),))


def test_a_kept_gradient_outlives_a_write():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    (y * 3).sum().backward()
    for write in (lambda: y.add_(1), lambda: y.fill_(0.5), lambda: y.__setitem__(0, 4.0)):
        write()
        assert y.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("of", ["gather", "repeat", "std_mean", "matmul", "softmax"])
def test_results_of_compositions_are_no_views(of):
    x = leaf(1.0, 2.0, 4.0)
    zero = cr.zeros((), dtype=cr.int64)
    calls = {
        "gather": lambda: x[0].gather(0, zero),
        "repeat": lambda: x[0].repeat(3),
        "std_mean": lambda: cr.std_mean(x)[0],
        "matmul": lambda: x @ x,
        "softmax": lambda: x.reshape(3, 1).softmax(0),
    }
    for mode in (cr.enable_grad, cr.no_grad):
        with mode():
            y = calls[of]()
        assert y._base is None
        y.mul_(x[0].detach() * 2)
        assert y.detach_() is y and not y.requires_grad
