"""What requires gradients and what is a leaf after compiled functions, as in eager: results, and
arguments that begin or stop to require gradients inside."""

import pytest

import chainrule as cr
from histories import bits, data, history, leaf


def made_with_gradients_inside_no_grad(w, x):
    with cr.enable_grad():
        return w[1:], w * 2, x * 3


def leaves_made_inside(w, x):
    y = x * 2
    y.requires_grad_()
    view = w.detach().requires_grad_()
    return y, (y * w).exp(), view, view * 3, x.detach().requires_grad_()


def a_leaf_that_does_not_come_out(w, x):
    hidden = (x * 2).requires_grad_()
    return hidden.sin(), hidden * w


def detached_before_it_is_a_leaf(w, x):
    y = x * 2
    z = y.detach().requires_grad_()
    return y, z, z * w, z


def two_leaves_on_one_memory(w, x):
    first, second = w.detach().requires_grad_(), w.detach().requires_grad_()
    return first * second + w, second


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        made_with_gradients_inside_no_grad,
        leaves_made_inside,
        a_leaf_that_does_not_come_out,
        detached_before_it_is_a_leaf,
        two_leaves_on_one_memory,
    ],
)
def test_results_require_gradients_as_in_eager(body, grad):
    w = leaf(3)
    fast = cr.compile(body)
    for call in range(5):
        seen = []
        for fn in (fast, body):
            w.grad = None
            with cr.set_grad_enabled(grad):
                results = fn(w, data(3, seed=call))
            leaves = [t for t in results if t.requires_grad and t.is_leaf]
            whole = sum((t * t).sum() for t in results if t.requires_grad and not t.is_leaf)
            if isinstance(whole, cr.Tensor):
                whole.backward()
            seen.append((history(results), bits(t.grad for t in [w, *leaves])))
        assert seen[0] == seen[1]
    assert fast.stats["replays"] == 3


def turned_on(x):
    return (x.requires_grad_() * 2).sum(), x


def turned_on_and_run_backward(x):
    x.requires_grad_()
    (x * x).sum().backward()
    return (x.grad.sign(),)


def turned_on_and_off(x):
    x.requires_grad_()
    (x * x).sum().backward()
    x.requires_grad_(False)
    return (x * 2,)


def turned_off(x):
    y = (x * 2).sum()
    x.requires_grad_(False)
    return y, x * 3


def detached_in_place(x):
    x.detach_()
    return ((x * leaf_of_all).sum(), x * 3)


leaf_of_all = cr.ones(3).requires_grad_()


@pytest.mark.parametrize("outside", ["plain", "leaf", "with history"])
@pytest.mark.parametrize(
    "body",
    [turned_on, turned_on_and_run_backward, turned_on_and_off, turned_off, detached_in_place],
)
def test_an_argument_that_begins_or_stops_to_require_a_gradient(body, outside):
    fast = cr.compile(body)
    for call in range(6):
        seen = []
        for fn in (body, fast):
            first = cr.arange(3.0) + call
            x = first = first if outside == "plain" else first.requires_grad_()
            x = x * 2 if outside == "with history" else x
            try:
                results = fn(x)
            except cr.CaptureError as error:
                assert outside == "with history" and "to stay inside" in str(error)
                return
            except (cr.StateError, AttributeError) as error:
                seen.append(str(error))
                continue
            if results[0].requires_grad:
                results[0].backward()
            grads = [t.grad for t in (first, x, leaf_of_all) if t.is_leaf]
            leaf_of_all.grad = None
            seen.append((history([*results, x]), bits([*grads, *(t.detach() for t in results)])))
        assert seen[0] == seen[1]
    assert fast.stats["replays"] == 4 or isinstance(seen[0], str)


def test_history_that_was_used_is_not_detached_in_place():
    def body(x):
        y = x * 2
        x.detach_()
        return y

    with pytest.raises(cr.CaptureError, match=r"got detach_\(\) after that"):
        cr.compile(body)(leaf(3) * 2)
    made = cr.compile(body)(leaf(3))  # it had none
    assert made.requires_grad
