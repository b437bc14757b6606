"""x[...] = v where memory is shared: with the value, among elements, or with a graph."""

import pytest

import chainrule as cr


@pytest.mark.parametrize("key", [0, slice(None), ..., (slice(None), 1)])
def test_what_may_not_be_written_is_not_assigned_to_itself(key):
    x = cr.ones(2, 2, requires_grad=True)
    with pytest.raises(cr.StateError, match="not a leaf"):
        x[key] = x[key]
    with pytest.raises(cr.StateError, match="not a leaf"):
        x[...] = x
    with cr.no_grad():
        x[key] = x[key]
        x[key] += 1
    y = x * 1
    y[key] += 1
    assert (y - x).sum() == x[key].numel()


def test_an_expanded_tensor_is_not_written_by_masks_or_indices():
    base = cr.zeros(1, 3)
    e = base.expand(2, 3)

    for write in (
        lambda: e.__setitem__(e == 0, 1.0),
        lambda: e.__setitem__(cr.tensor([0, 1]), 1.0),
        lambda: e.masked_fill_(e == 0, 1.0),
    ):
        with pytest.raises(cr.StateError, match=r"expanded tensor of sizes \(2, 3\). Use clone"):
            write()
        assert base.tolist() == [[0.0, 0.0, 0.0]]
    e[0] = 2.0
    assert base.tolist() == [[2.0, 2.0, 2.0]]


def test_another_history_in_the_same_memory_is_assigned():
    w = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    p = w * 2
    p[1] = p[1].detach()
    p.sum().backward()
    assert w.grad.tolist() == [2.0, 0.0, 2.0]
    q = (p := w * 2).detach()
    q[:] = p
    assert q.requires_grad
    with cr.no_grad():
        rows = p[0:2]
    p[0:2] = rows
    w.grad = None
    p.sum().backward()
    assert w.grad.tolist() == [0.0, 0.0, 2.0]
    p = w * 2
    p[0] += 1  # ends with p[0] = p[0]
    w.grad = None
    p.sum().backward()
    assert w.grad.tolist() == [2.0, 2.0, 2.0]
