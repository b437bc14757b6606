"""What a module tells a recording, and what it may do in one."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from nets import Net, times_two

# ---- copies


# ---- capture


def test_modules_announce_changes():
    net = Net()
    changes = [
        lambda: net.eval(),
        lambda: setattr(net, "note", "other"),
        lambda: setattr(net, "fresh", 1),
        lambda: delattr(net, "fresh"),
        lambda: setattr(net.layers[0], "bias", None),
        lambda: net.layers.append(nn.ReLU()),
        lambda: net.load_state_dict(net.state_dict()),
        lambda: net.requires_grad_(False),
        lambda: net.double(),
        lambda: net.register_forward_hook(times_two).remove(),
    ]
    for change in changes:
        before = cr._core._plans_generation()
        change()
        assert cr._core._plans_generation() > before
    net.eval()
    before = cr._core._plans_generation()
    net.eval()
    net(cr.zeros(1, 4, dtype=cr.float64))
    assert cr._core._plans_generation() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.eval(),
        lambda net: setattr(net, "note", "other"),
        lambda net: delattr(net, "note"),
        lambda net: net.layers.pop(),
        lambda net: net.load_state_dict(net.state_dict()),
        lambda net: net.requires_grad_(False),
        lambda net: net.register_forward_hook(times_two),
        lambda net: net.double(),
    ],
)
def test_a_change_while_recording_is_an_error(change):
    net = Net()
    before = repr(net), dict(vars(net)), net.layers[0].weight.requires_grad

    @cr.compile
    def step(x):
        change(net)
        return net(x)

    with pytest.raises(cr.CaptureError):
        step(cr.ones(2, 4))
    assert (repr(net), dict(vars(net)), net.layers[0].weight.requires_grad) == before


def test_what_a_step_usually_does_can_be_recorded():
    net = Net()

    @cr.compile
    def step(x, y):
        net.train()  # no change
        return nn.CrossEntropyLoss()(net(x), y)  # built on the spot

    x, y = cr.randn(5, 4), cr.tensor([0, 1, 2, 0, 1])
    want = nn.CrossEntropyLoss()(net(x), y)
    assert all(step(x, y).equal(want) for _ in range(5))
    assert step.plans == 1
    net.scale = nn.Parameter(cr.zeros(3))  # a plan never outlives a change
    assert float(step(x, y)) == pytest.approx(np.log(3))


def test_an_attribute_that_ends_the_plans_of_every_call_is_named():
    step, other, x = cr.compile(lambda x: x * 2), Net(), cr.ones(3)

    def calls(count, every=1):
        for i in range(count):
            if i % every == 0:
                other.seen = i
            step(x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calls(60, every=3)  # with replays between
        calls(15)
    with pytest.warns(UserWarning, match=r"16 calls in a row .* assignment to Net\.seen\.") as seen:
        calls(40)
    assert len(seen) == 1 and seen[0].filename == __file__


def test_a_change_that_is_no_assignment_is_warned_of_too():
    step, net, x = cr.compile(lambda x: x * 2), Net(), cr.ones(3)

    def calls():
        for i in range(20):
            net.requires_grad_(i % 2 == 0)
            step(x)

    with pytest.warns(UserWarning, match="the last was one of a module or an optimizer"):
        calls()
