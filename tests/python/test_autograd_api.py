"""Autograd as Python sees it: backward, grad, modes, hooks, nodes, custom functions, gradcheck."""

import gc
import weakref

import pytest

import chainrule as cr
from chainrule.autograd import Function, gradcheck, gradgradcheck


def leaf(*values, dtype=cr.float64):
    return cr.tensor(values if len(values) != 1 else values[0], dtype=dtype, requires_grad=True)


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


# ---- modes


def test_modes_as_context_managers():
    x = leaf(1.0)
    with cr.no_grad() as entered:
        assert not cr.is_grad_enabled() and not (x * 2).requires_grad and entered is not None
        with cr.enable_grad():
            assert (x * 2).requires_grad
        assert not cr.is_grad_enabled()
    assert cr.is_grad_enabled()
    with cr.set_grad_enabled(False):
        assert not cr.is_grad_enabled()
    assert cr.is_grad_enabled()
    cr.set_grad_enabled(False)
    assert not cr.is_grad_enabled()
    cr.set_grad_enabled(mode=True)
    assert cr.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), cr.no_grad():
        1 / 0  # noqa: B018
    assert cr.is_grad_enabled()


def test_one_mode_entered_twice():
    mode = cr.no_grad()
    with mode, mode:
        assert not cr.is_grad_enabled()
    assert cr.is_grad_enabled()
    with pytest.raises(RuntimeError):
        mode.__exit__(None, None, None)


def test_modes_as_decorators():
    @cr.no_grad()
    def with_call(a, *, b=1):
        """Doc."""
        return cr.is_grad_enabled(), a, b

    @cr.no_grad
    def without_call():
        return cr.is_grad_enabled()

    @cr.set_grad_enabled(False)
    def by_value():
        return cr.is_grad_enabled()

    @cr.enable_grad()
    def on():
        return cr.is_grad_enabled()

    @cr.inference_mode
    def inference():
        return cr.is_inference_mode_enabled(), cr.is_grad_enabled()

    assert cr.is_grad_enabled()
    assert with_call(2, b=3) == (False, 2, 3) and with_call.__name__ == "with_call"
    assert with_call.__doc__ == "Doc." and without_call() is False and by_value() is False
    with cr.no_grad():
        assert on() is True and not cr.is_grad_enabled()
    assert inference() == (True, False) and not cr.is_inference_mode_enabled()
    with pytest.raises(TypeError):
        cr.no_grad(3)
    with pytest.raises(TypeError):
        cr.no_grad()(type("C", (), {}))

    class Model:
        @cr.no_grad()
        def predict(self):
            return self, cr.is_grad_enabled()

    m = Model()
    assert m.predict() == (m, False)


def test_modes_around_generators():
    @cr.no_grad()
    def numbers():
        received = []
        try:
            while len(received) < 2:
                received.append((yield cr.is_grad_enabled()))
        except KeyError:
            yield "caught", cr.is_grad_enabled()
        return received

    g = numbers()
    assert next(g) is False and cr.is_grad_enabled()
    assert g.send("a") is False and cr.is_grad_enabled()
    with pytest.raises(StopIteration) as end:
        g.send("b")
    assert end.value.value == ["a", "b"] and cr.is_grad_enabled()
    g = numbers()
    next(g)
    assert g.throw(KeyError) == ("caught", False) and cr.is_grad_enabled()
    g.close()


def test_inference_mode():
    x = leaf(1.0, 2.0)
    with cr.inference_mode():
        y = x * 2
        with cr.enable_grad():
            assert not (x * 2).requires_grad
        with cr.inference_mode(False):
            assert (x * 2).requires_grad
    assert y.is_inference() and not y.requires_grad
    with pytest.raises(RuntimeError, match="inference"):
        y.add_(1)
    with pytest.raises(RuntimeError, match="inference"):
        y.requires_grad_()
    assert (y + 1).tolist() == [3, 5]


# ---- hooks


def test_hooks():
    x = leaf(1.0, 2.0)
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    doubling = x.register_hook(lambda g: g * 2)
    (x * 3).sum().backward()
    assert seen == [[3, 3]] and x.grad.tolist() == [6, 6]
    handle.remove()
    handle.remove()
    doubling.remove()
    x.grad = None
    (x * 3).sum().backward()
    assert seen == [[3, 3]] and x.grad.tolist() == [3, 3]
    with x.register_hook(lambda g: seen.append("context")):
        (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert seen == [[3, 3], "context"]


def test_hooks_of_intermediate_tensors():
    x = leaf(2.0)
    y = x * 3
    y.register_hook(lambda g: g + 1)
    (y * 5).backward()
    assert x.grad.item() == 18


def test_post_accumulate_hooks():
    x = leaf(2.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.item())))
    (x * 3).backward()
    (x * 3).backward()
    handle.remove()
    (x * 3).backward()
    assert seen == [(True, 3), (True, 6)]
    with pytest.raises(RuntimeError):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_hook_errors():
    x = leaf(2.0)

    def fail(g):
        raise KeyError("mine")

    handle = x.register_hook(fail)
    with pytest.raises(KeyError, match="mine"):
        (x * 2).backward()
    handle.remove()
    handle = x.register_hook(lambda g: "text")
    with pytest.raises(TypeError, match="str"):
        (x * 2).backward()
    handle.remove()
    (x * 2).backward()
    with pytest.raises(TypeError, match="callable"):
        x.register_hook(3)
    with pytest.raises(RuntimeError):
        cr.ones(1).register_hook(print)


def test_a_hook_that_mentions_its_tensor_is_collected():
    class Marker:
        pass

    def make(intermediate):
        marker = Marker()
        x = leaf(2.0)
        y = x * 2 if intermediate else x
        y.register_hook(lambda g: [y, marker].clear())
        return weakref.ref(marker)

    for intermediate in (False, True):
        alive = make(intermediate)
        gc.collect()
        assert alive() is None


def test_hooks_live_as_long_as_the_graph():
    seen = []

    def make():
        x = leaf(2.0)
        y = x * 2
        y.register_hook(lambda g: seen.append((g.item(), y.item())))
        return y * 5

    z = make()
    gc.collect()
    z.backward()
    assert seen == [(5, 4)]


# ---- custom functions


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
        (lambda dy: (dy, dy.float()), "float64"),
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
