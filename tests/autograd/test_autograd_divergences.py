"""Rows of docs/divergences.md about the graph: what it keeps, and when it may be used again."""

import pytest

import chainrule as cr


def test_a_function_is_run_backward_once():
    class Double(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x + x

        @staticmethod
        def backward(ctx, dy):
            return dy + dy

    x = cr.ones(2, requires_grad=True)
    add = cr.compile(lambda y: y + x)
    for _ in range(3):
        replayed = add(cr.ones(2))
    result = Double.apply(x)
    result.sum().backward()
    with pytest.raises(cr.StateError, match="retain_graph=True"):
        result.sum().backward()
    for result in (x + x, replayed):
        x.grad = None
        result.sum().backward()
        once = x.grad.clone()
        result.sum().backward()
        assert x.grad.tolist() == (once * 2).tolist()


def test_what_backward_reads_again():
    def run(function, change=lambda x: x.add_(1), times=1):
        x = cr.ones(2, 3, 3, requires_grad=True) + 0
        y = function(x)
        with cr.no_grad():
            change(x)
        for _ in range(times):
            y.sum().backward()

    functional = cr.nn.functional
    targets, other = cr.zeros(6, dtype=cr.int64), cr.ones(3, 1, 3, 2)
    index = cr.zeros(2, 3, 3, dtype=cr.int64)
    for function in (
        lambda x: functional.cross_entropy(x.reshape(6, 3), targets),
        lambda x: 2 / x,
        lambda x: x @ other.requires_grad_(),
        functional.tanhshrink,
    ):
        with pytest.raises(cr.StateError, match="changed in place"):
            run(function)
    with pytest.raises(cr.StateError, match="changed in place"):
        run(lambda x: x.take_along_dim(index, 0), lambda x: index.add_(1))
    for function in (lambda x: x.lerp(x, 0.25), lambda x: x.round(decimals=1)):
        with pytest.raises(cr.StateError, match="retain_graph=True"):
            run(function, lambda x: x, times=2)
    run(cr.var)
    run(cr.std)


def test_a_view_is_written_after_its_base():
    w = cr.ones(2, requires_grad=True)
    b = cr.ones(2, 2)
    v = b[0]
    b.mul_(w)
    v.mul_(3)
    b.sum().backward()
    assert w.grad.tolist() == [4.0, 4.0]


def test_a_base_whose_elements_share_memory_is_not_written_with_history():
    base = cr.zeros(3).expand(2, 3).detach()
    with pytest.raises(cr.StateError, match="expected one memory place an element under a view"):
        base[0].add_(cr.ones(3, requires_grad=True))
    assert base.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize(
    "function",
    [cr.relu, cr.nn.functional.leaky_relu, cr.nn.functional.hardtanh, cr.nn.functional.softshrink],
)
def test_the_slope_of_relu_is_a_constant(function):
    x = cr.ones(2, requires_grad=True)
    (slope,) = cr.autograd.grad(function(x).sum(), x, create_graph=True)
    assert not slope.requires_grad
    (dx,) = cr.autograd.grad(function(x * x).sum(), x, create_graph=True)
    assert dx.requires_grad
