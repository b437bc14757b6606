"""Calling an nn.Module: arguments, hooks, and where an error comes from."""

import pickle

import pytest

import chainrule as cr
from chainrule import nn
from nets import Net

# ---- the call


def test_the_call_passes_everything_on():
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Echo()(1, 2, key=3) == ((1, 2), {"key": 3})
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_hooks_run_in_order_and_may_replace():
    layer = nn.Identity()
    seen = []
    first = layer.register_forward_pre_hook(lambda m, args: seen.append(("pre", args)))
    layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
    layer.register_forward_hook(lambda m, args, out: out * 10)
    last = layer.register_forward_hook(lambda m, args, out: seen.append(("post", args, out)))
    assert layer(1) == 20
    assert seen == [("pre", (1,)), ("post", (2,), 20)]
    first.remove()
    first.remove()
    with last:
        layer(1)
    layer.register_forward_hook(lambda m, args, out: out + 1, prepend=True)
    assert layer(1) == 30
    assert len(seen) == 3


def test_hooks_with_keywords():
    class Scale(nn.Module):
        def forward(self, x, by=1):
            return x * by

    layer = Scale()
    layer.register_forward_pre_hook(lambda m, a, k: (a, {**k, "by": k["by"] + 1}), with_kwargs=True)
    layer.register_forward_hook(lambda m, a, k, out: (out, k["by"]), with_kwargs=True)
    assert layer(5, by=2) == (15, 3)
    layer.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="args, kwargs"):
        layer(5, by=2)


# ---- where an error comes from


def outer(inner):
    net = nn.Module()
    net.body = nn.Sequential(nn.Identity(), inner)
    net.forward = lambda x: net.body(x)
    return net


class Failing(nn.Module):
    """Raises what it was given."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


def test_an_error_names_the_path_of_the_module():
    net = Net()
    net.layers[2] = nn.Linear(9, 3)
    where = r"^in Net\.layers\.2 \(Linear\): \[linear\] expected"
    with pytest.raises(ValueError, match=where) as info:
        net(cr.ones(2, 4))
    assert isinstance(info.value, cr.ShapeError)
    with pytest.raises(cr.ShapeError, match=r"^in Linear: \[linear\]"):
        nn.Linear(4, 3)(cr.ones(5))


def test_other_exceptions_keep_their_arguments_and_get_a_note():
    for error in (KeyError("k"), ValueError("no form"), StopIteration(3), OSError(2, "gone", "f")):
        args = error.args
        with pytest.raises(type(error)) as info:
            outer(Failing(error))(1)
        assert info.value is error
        assert error.args == args
        assert error.__notes__ == ["in Module.body.1 (Failing)"]


def test_a_module_that_is_not_registered_has_no_name():
    net = Net()
    hidden = [Failing(ValueError("[x] expected"))]
    net.forward = lambda x: hidden[0](x)
    with pytest.raises(ValueError, match=r"^in Net\.\? \(Failing\): \[x\] expected$"):
        net(1)


def test_a_grandchild_called_directly_is_named():
    net = outer(nn.Linear(2, 2))
    net.forward = lambda x: net.body[1](x)
    with pytest.raises(cr.ShapeError, match=r"^in Module\.body\.1 \(Linear\): "):
        net(cr.ones(3))


def test_a_marked_error_is_picklable_and_keeps_no_module():
    with pytest.raises(ValueError) as info:
        outer(Failing(ValueError("[x] expected y; got z.")))(1)
    again = pickle.loads(pickle.dumps(info.value))
    assert str(again) == "in Module.body.1 (Failing): [x] expected y; got z."
    assert not any(isinstance(v, nn.Module) for v in vars(info.value).values())


def test_an_error_that_forward_handles_leaves_no_trace():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Failing(ValueError("[x] expected"))

        def forward(self, x):
            try:
                return self.inner(x)
            except ValueError:
                return x

    assert Careful()(7) == 7
