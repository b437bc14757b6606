"""Compiled functions and methods as objects: pickled, copied, overridden."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def double(x):
    return x * 2


def test_a_compiled_function_pickles_without_its_plans():
    fast = cr.compile(double)
    for _ in range(4):
        fast(cr.ones(2))
    again = pickle.loads(pickle.dumps(fast))
    assert again.plans == 0
    assert again(cr.ones(2)).tolist() == [2.0, 2.0]


def test_a_compiled_method_leaves_its_object_copyable():
    class Net(nn.Linear):
        @cr.compile
        def predict(self, x):
            return self(x)

    net = Net(3, 2)
    x = cr.randn(4, 3)
    with cr.no_grad():
        for _ in range(4):
            net.predict(x)
        copied = copy.deepcopy(net)
        np.testing.assert_array_equal(copied.predict(x).numpy(), net.predict(x).numpy())
        copied.weight.zero_()
        copied.bias.zero_()
        assert copied.predict(x).abs().sum().item() == 0.0


def test_a_compiled_method_may_call_the_compiled_one_that_it_overrides():
    class Doubled(nn.Linear):
        @cr.compile
        def forward(self, x):
            return super().forward(x) * 2

    def heir(base):  # classes of one name
        class Shifted(base):
            @cr.compile
            def forward(self, x):
                return super().forward(x) + 1

        return Shifted

    net, plain = heir(heir(Doubled))(3, 2), nn.Linear(3, 2)
    plain.load_state_dict(net.state_dict())
    x = cr.randn(4, 3)
    with cr.no_grad():
        want = plain(x) * 2 + 1 + 1
        for _ in range(4):
            np.testing.assert_array_equal(net(x).numpy(), want.numpy())
    assert net.forward.stats == {"replays": 2, "recordings": 2}


class Scaled:
    def __init__(self, factor):
        self.factor = factor

    @cr.compile
    def scale(self, x):
        return x * self.factor


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_copied_object_has_its_own_compiled_methods(copied):
    first, x = Scaled(2.0), cr.ones(2)
    for _ in range(4):
        first.scale(x)
    second = copied(first)
    second.factor = 5.0
    for _ in range(4):
        assert second.scale(x).tolist() == [5.0, 5.0]
        assert first.scale(x).tolist() == [2.0, 2.0]
    assert first.scale.stats == {"replays": 6, "recordings": 2}
    assert second.scale.stats == {"replays": 2, "recordings": 2}


def test_a_compiled_method_needs_an_object_that_can_keep_its_plans():
    class Slotted:
        __slots__ = ("weight",)

        @cr.compile
        def double(self, x):
            return x * 2

    class Open(Slotted):
        __slots__ = ("__dict__",)

    with pytest.raises(TypeError, match=r"^\[compile\] expected .* got a Slotted\. "):
        Slotted().double(cr.ones(2))
    assert Open().double(cr.ones(2)).tolist() == [2.0, 2.0]


class Trained(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.optimizer = cr.optim.Adam(self.parameters())

    def step(self, x):
        self.optimizer.zero_grad()
        loss = self.layer(x).sum()
        loss.backward()
        self.optimizer.step()
        return loss

    @cr.compile
    def decorated(self, x):
        return self.step(x)


@pytest.mark.parametrize("kept_by", ["nobody", "the module", "its optimizer", "a decorator"])
def test_a_module_that_holds_its_own_compiled_function_is_collected(kept_by):
    def run():
        net = Trained()
        step = net.decorated if kept_by == "a decorator" else cr.compile(net.step)
        if kept_by == "the module":
            net.compiled = step
        if kept_by == "its optimizer":
            net.optimizer.compiled = step
        for _ in range(5):
            step(cr.ones(4, 3))
        assert step.stats["replays"] == 2
        return [weakref.ref(held) for held in (net, step, net.optimizer, net.layer.weight)]

    held = run()
    gc.collect()
    assert not any(ref() for ref in held)
