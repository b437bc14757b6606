"""autograd.Function: operations that Python defines."""

import gc

import pytest

import chainrule as cr
from chainrule.autograd import Function, gradcheck, gradgradcheck
from nets import leaf


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * dy


class Exp(Function):
    """Saves its own output."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        return dy * y


class Scaled(Function):
    """The setup_context form, with an argument that is no tensor."""

    @staticmethod
    def forward(x, factor, y):
        return x * factor, y + x

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.factor, _ = inputs
        assert isinstance(output, tuple)

    @staticmethod
    def backward(ctx, da, db):
        return da * ctx.factor + db, None, db if ctx.needs_input_grad[2] else None


def test_custom_functions():
    x = leaf(2.0, -1.0)
    y = Cube.apply(x)
    assert y.tolist() == [8, -1] and y.grad_fn.name() == "CubeBackward"
    y.sum().backward()
    assert x.grad.tolist() == [12, 3]
    assert gradcheck(Cube.apply, (x,)) and gradgradcheck(Cube.apply, (x,))
    assert gradcheck(Exp.apply, (x,)) and gradgradcheck(Exp.apply, (x,))
    w = leaf(0.5, 1.5)
    assert gradcheck(lambda a, b: Scaled.apply(a, 3.0, b), (x, w))
    a, b = Scaled.apply(x, 2.0, w.detach())
    (a.sum() + b.sum()).backward()
    assert not Cube.apply(cr.ones(1)).requires_grad
    with cr.no_grad():
        assert not Cube.apply(x).requires_grad
    with pytest.raises(TypeError):
        Cube()


def test_outputs_without_gradient():
    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            fixed = x.round()
            ctx.mark_non_differentiable(fixed)
            ctx.set_materialize_grads(False)
            return x * 2, x * 3, fixed, x.long()

        @staticmethod
        def backward(ctx, *dys):
            assert dys[1] is None and dys[2] is None and dys[3] is None
            return dys[0] * 2

    x = leaf(1.4)
    a, b, fixed, whole = Both.apply(x)
    assert b.requires_grad and not fixed.requires_grad and not whole.requires_grad
    a.backward()
    assert x.grad.item() == 2


def test_materialised_gradients():
    class Pair(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, da, db):
            assert db.tolist() == [0, 0]
            return 2 * da + 3 * db

    x = leaf(1.0, 1.0)
    Pair.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_in_place_functions():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, dy):
            return dy * 2

    x = leaf(3.0)
    y = x * 1
    z = Double.apply(y)
    assert z is y and z.item() == 6
    z.backward()
    assert x.grad.item() == 2
    base = x * cr.ones(2)
    view = base[1:]
    Double.apply(base)
    (dx,) = cr.autograd.grad(view.sum(), x)  # views made before follow
    assert dx.item() == 2
    with pytest.raises(RuntimeError, match="expected no view among the dirty inputs"):
        Double.apply((x * cr.ones(2))[:1])
    with pytest.raises(RuntimeError, match="leaf"):
        Double.apply(leaf(1.0))


def test_an_input_that_is_returned():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, dy):
            return dy * 7

    x = leaf(3.0)
    y = Same.apply(x)
    assert y is not x and y.data_ptr() == x.data_ptr()
    y.backward()
    assert x.grad.item() == 7


def test_saved_tensors_are_checked_and_freed():
    x = leaf(2.0)
    y = x * 1
    z = Cube.apply(y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="Cube"):
        z.backward()

    contexts = []

    class Keep(Cube):
        @staticmethod
        def forward(ctx, x):
            contexts.append(ctx)
            return Cube.forward(ctx, x)

    z = Keep.apply(x)
    z.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        z.backward()
    del z
    with pytest.raises(RuntimeError, match="freed"):
        contexts[0].saved_tensors  # noqa: B018
    z = Exp.apply(x)
    z.backward(retain_graph=True)
    z.backward()


def test_a_context_that_outlives_its_graph():
    contexts = []

    class Keep(Exp):
        @staticmethod
        def forward(ctx, x):
            contexts.append(ctx)
            return Exp.forward(ctx, x)

    Keep.apply(leaf(1.0))
    gc.collect()
    with pytest.raises(RuntimeError):
        contexts[0].saved_tensors  # noqa: B018


def test_gradients_are_summed_and_cast_to_the_inputs():
    class Add(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, dy):
            return dy.float(), dy

    x, y = cr.zeros(3, 1, requires_grad=True), cr.zeros(2, 3, 4, requires_grad=True)
    Add.apply(x.double(), y.double()).sum().backward()
    assert x.grad.tolist() == [[8.0]] * 3
    assert y.grad.tolist() == cr.ones(2, 3, 4).tolist()


@pytest.mark.parametrize("dtype", [cr.int64, cr.uint8, cr.bool, cr.float64, cr.bfloat16])
def test_a_gradient_of_any_dtype_is_cast_to_the_inputs(dtype):
    class Ones(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            return cr.ones(2, 3, dtype=dtype)

    x, y = cr.zeros(2, 3, requires_grad=True), cr.zeros(3, requires_grad=True)
    Ones.apply(x).sum().backward()
    Ones.apply(y).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (cr.float32, [[1.0] * 3] * 2)
    assert y.grad.tolist() == [2.0] * 3


def test_bad_backwards():
    def function(result):
        class Bad(Function):
            @staticmethod
            def forward(ctx, x, y):
                return x * y

            @staticmethod
            def backward(ctx, dy):
                return result(dy)

        return Bad.apply(leaf(1.0, 2.0), leaf(1.0, 2.0)).sum()

    for result, words in (
        (lambda dy: dy, r"\(2\); got 1"),
        (lambda dy: (dy, dy, dy), r"\(2\); got 3"),
        (lambda dy: (dy, "a"), "str"),
        (lambda dy: (dy, dy[0]), r"\(2,\)"),
    ):
        with pytest.raises((RuntimeError, TypeError, ValueError), match=words):
            function(result).backward()
    function(lambda dy: (dy, None, None, None)).backward()
    with pytest.raises(ZeroDivisionError):
        function(lambda dy: 1 / 0).backward()
    with pytest.raises(TypeError, match="forward"):
        Function.apply(leaf(1.0))


def test_once_differentiable():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @cr.autograd.once_differentiable
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * x * dy

    x = leaf(3.0)
    (dx,) = cr.autograd.grad(Square.apply(x), x, create_graph=True)
    assert dx.item() == 6
    y = leaf(2.0)
    (dx,) = cr.autograd.grad(Square.apply(x) * y, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        dx.backward()


def test_a_long_chain_of_functions_is_freed_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = Exp.apply(y * 0.0)
    del y
    gc.collect()
