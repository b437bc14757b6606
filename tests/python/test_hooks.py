"""Hooks of tensors and of graphs."""

import gc
import weakref

import pytest

import chainrule as cr
from nets import leaf


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
