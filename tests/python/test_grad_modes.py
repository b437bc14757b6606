"""no_grad, enable_grad, set_grad_enabled and inference_mode, as contexts and decorators."""

import pytest

import chainrule as cr
from nets import leaf


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


def accumulate_into(grad):
    w = cr.ones(2, requires_grad=True)
    w.grad = grad
    with cr.enable_grad():
        loss = w.sum()
    loss.backward()


def step(x):
    p = cr.nn.Parameter(x)
    p.grad = cr.ones(2)
    cr.optim.SGD([p], lr=0.1).step()


WRITES = {
    "add_": lambda x: x.add_(1),
    "zero_": lambda x: x.zero_(),
    "assignment": lambda x: x.__setitem__(0, 3.0),
    "of a view": lambda x: x.view(-1).mul_(2),
    "normal_": lambda x: x.normal_(),
    "gradient": accumulate_into,
    "step": step,
}


@pytest.mark.parametrize("mode", [cr.enable_grad, cr.no_grad])
@pytest.mark.parametrize("write", WRITES)
def test_inference_tensors_are_written_inside_inference_mode_alone(write, mode):
    with cr.inference_mode():
        x = cr.ones(2)
    with mode(), pytest.raises(cr.StateError, match="made outside inference_mode"):
        WRITES[write](x)
    assert x.tolist() == [1, 1]
    with cr.inference_mode():
        x.add_(1)
    assert x.tolist() == [2, 2]
