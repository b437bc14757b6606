"""Views made while gradients are off: what is written through them is never missed in silence."""

import pytest

import chainrule as cr
from nets import leaf


def window(t, mode=cr.no_grad):
    with mode():
        return t[0:1]


@pytest.mark.parametrize("mode", [cr.no_grad, cr.inference_mode])
def test_a_write_that_needs_a_history_is_refused(mode):
    x = leaf(1.0, 1.0, 1.0)
    y = x * 1
    v = window(y, mode)
    for write in (lambda: v.mul_(2), lambda: v[0:1].fill_(7), lambda: v.__setitem__(0, 3)):
        with pytest.raises(cr.StateError, match="a view made with gradients enabled"):
            write()
    y.sum().backward()
    assert y.tolist() == [1, 1, 1] and x.grad.tolist() == [1, 1, 1]
    with pytest.raises(cr.StateError, match="leaf"):
        window(x, mode).add_(1)
    constant = cr.ones(3, dtype=cr.float64)
    with pytest.raises(cr.StateError, match="a view made with gradients enabled"):
        window(constant, mode).mul_(x[0])
    assert window(constant, mode).add_(1).tolist() == [2] and constant.tolist() == [2, 1, 1]


def test_a_replay_refuses_what_eager_refuses():
    @cr.compile
    def fn(v):
        v.add_(1)

    for _ in range(4):
        fn(cr.ones(1, dtype=cr.float64))
    y = leaf(1.0, 2.0) * 1
    with pytest.raises(cr.StateError, match="a view made with gradients enabled"):
        fn(window(y))
    assert y.tolist() == [1, 2]
    with cr.no_grad():
        for _ in range(4):
            fn(window(y))
    assert y.tolist() == [5, 2]


def test_a_write_without_gradients_is_a_write():
    x = leaf(1.0, 2.0)
    v = window(x)
    with cr.no_grad():
        v.add_(1)
    assert x.tolist() == [2, 2] and x._version == v._version


def test_a_base_that_asks_for_gradients_later():
    w = cr.ones(2)
    v = window(w)
    w.requires_grad_()
    with pytest.raises(cr.StateError, match="leaf"):
        v.mul_(2)
    v = cr.ones(2)[0:1].requires_grad_()
    with pytest.raises(cr.StateError, match="leaf"):
        v.mul_(2)


def test_a_view_is_used_after_its_base_was_written_with_history():
    y = leaf(1.0, 2.0) * 1
    v = window(y)
    assert v._base is y and not v.requires_grad and not (v * 2).requires_grad
    y.mul_(2)
    with pytest.raises(cr.StateError, match="written with history since"):
        v * 2
    with cr.no_grad():
        assert (v * 2).tolist() == [4]
    assert (v.detach() * 2).tolist() == [4]
    assert (window(y) * 2).tolist() == [4]  # taken after the write


def test_detach_leaves_the_base():
    y = leaf(1.0, 2.0) * 1
    with cr.no_grad():
        v = y[0:1]
    assert y.detach()._base is None and v.detach()._base is None
    v.detach().mul_(3)
    assert y.tolist() == [3, 2]


def test_a_view_made_in_inference_mode_is_what_its_base_is():
    x = leaf(1.0, 2.0)
    with cr.inference_mode():
        inside, outside = (x * 2)[0:1], x[0:1]
    assert inside.is_inference() and not outside.is_inference()
    assert not outside.requires_grad
