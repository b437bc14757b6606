"""func.functional_call: a module with other tensors as its parameters, for one call."""

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.func import functional_call


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 1, bias=False)
        self.register_buffer("shift", cr.zeros(1))

    def forward(self, x, *, twice=False):
        y = self.inner(x) + self.shift
        return y * 2 if twice else y


def test_other_tensors_for_one_call():
    net = Scale()
    own, shift = net.inner.weight, net.shift
    given = {"inner.weight": cr.ones(1, 2), "shift": cr.tensor([5.0])}
    x = cr.tensor([[1.0, 2.0]])
    assert functional_call(net, given, x).item() == 8
    assert functional_call(net, given, (x,), {"twice": True}).item() == 16
    assert functional_call(net, given, None, {"x": x}).item() == 8
    parts = [{name: tensor} for name, tensor in given.items()]
    assert functional_call(net, parts, x).item() == 8
    assert net.inner.weight is own
    assert net.shift is shift
    with cr.no_grad():
        only = functional_call(net, {"shift": cr.tensor([5.0])}, x)
        assert only.item() == (net(x) + 5).item()


def test_the_modules_own_tensors_are_back_after_an_error():
    net = Scale()
    own = net.inner.weight
    with pytest.raises(cr.ShapeError, match=r"\[linear\]"):
        functional_call(net, {"inner.weight": cr.ones(1, 3)}, cr.ones(1, 2))
    assert net.inner.weight is own
    assert [name for name, _ in net.named_parameters()] == ["inner.weight"]


def test_what_a_call_writes_into_a_buffer_stays_in_the_given_one():
    class Count(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", cr.zeros(()))

        def forward(self):
            self.calls += 1
            return self.calls * 1

    net, calls = Count(), cr.tensor(10.0)
    assert functional_call(net, {"calls": calls}).item() == 11
    assert (calls.item(), net.calls.item()) == (11, 0)


def test_plans_do_not_see_tensors_that_were_lent():
    """A compiled method inside: a plan of the module's own weights is not replayed with others."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(1, 1, bias=False)

        @cr.compile
        def forward(self, x):
            return self.inner(x)

    net, x = Net(), cr.ones(1, 1)
    with cr.no_grad():
        net.inner.weight.fill_(2.0)
        for _ in range(4):
            assert net(x).item() == 2
        for value in (3.0, 4.0, 5.0, 6.0):
            assert functional_call(net, {"inner.weight": cr.full((1, 1), value)}, x).item() == value
        for _ in range(4):
            assert net(x).item() == 2
    assert net.forward.stats["replays"] >= 2


def test_inside_a_compiled_function_no_plan_ends():
    net, other = nn.Linear(2, 1), cr.compile(lambda x: x * 2)
    step = cr.compile(lambda w, x: functional_call(net, {"weight": w}, x))
    w, x = cr.ones(1, 2), cr.ones(1, 2)
    for _ in range(4):
        other(x)
        step(w, x)
    assert (other.stats["replays"], step.stats["replays"]) == (2, 2)


def tied():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    return net


@pytest.mark.parametrize(
    ("make", "given", "options", "error", "message"),
    [
        (Scale, {"weight": cr.ones(1)}, {}, cr.StateError, "of Scale; got 'weight', which it has"),
        (Scale, {"shift": cr.ones(1)}, {"strict": True}, cr.StateError, "none for 'inner.weight'"),
        (Scale, {"shift": [1.0]}, {}, TypeError, "a tensor for 'shift'; got list"),
        (Scale, [{"shift": cr.ones(1)}] * 2, {}, ValueError, "'shift' in several"),
        (Scale, None, {}, TypeError, "dicts of names and tensors; got None"),
        (Scale, 3, {}, TypeError, "dicts of names and tensors; got int"),
        (Scale, cr.ones(1), {}, TypeError, "dicts of names and tensors; got Tensor"),
        (
            tied,
            {"0.weight": cr.ones(2, 2), "1.weight": cr.ones(2, 2)},
            {},
            ValueError,
            "another for '1.weight'",
        ),
        (lambda: abs, {}, {}, TypeError, "a module; got builtin_function_or_method"),
    ],
)
def test_errors(make, given, options, error, message):
    with pytest.raises(error, match=rf"^\[functional_call\] expected .*{message}"):
        functional_call(make(), given, cr.ones(1, 2), **options)
