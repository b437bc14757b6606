"""What `profile` says of a call that has no plan: why, and what to do about it."""

import pytest

import chainrule as cr
from chainrule import nn

EXPECTED = "[profile] expected arguments of a call that has a plan; got "
AGAIN = "Call the function again first."
X = cr.ones(2, 3)


def text_of(compiled, *args):
    with pytest.raises(cr.StateError) as caught:
        compiled.profile(*args)
    assert not isinstance(caught.value, cr.CaptureError)
    return str(caught.value).removeprefix(EXPECTED)


def compiled_net(calls=3):
    net = nn.Linear(3, 2)
    compiled = cr.compile(net)
    with cr.no_grad():
        for _ in range(calls):
            compiled(X)
    return net, compiled


@cr.no_grad()
def test_arguments_that_are_not_known():
    _, compiled = compiled_net()
    assert text_of(compiled, cr.ones(5, 3)) == (
        "others. Call the function three times with them first."
    )


@cr.no_grad()
def test_a_call_that_was_recorded_once():
    _, compiled = compiled_net(calls=1)
    assert text_of(compiled, X) == f"those of a call not yet recorded twice alike. {AGAIN}"
    compiled(X)
    assert compiled.profile(X)


@cr.no_grad()
def test_a_plan_that_a_change_has_ended():
    net, compiled = compiled_net()
    net.note = "new"
    ended = "those of a plan that a change has ended; the last was"
    assert compiled.plans == 1
    assert text_of(compiled, X) == f"{ended} an assignment to Linear.note. {AGAIN}"
    compiled(X)
    assert compiled.profile(X)
    net.requires_grad_(True)
    assert text_of(compiled, X) == f"{ended} one of a module or an optimizer. {AGAIN}"


def test_a_call_that_finds_another_gradient():
    w = nn.Parameter(cr.ones(3))
    compiled = cr.compile(lambda x: (w * x).sum().backward())
    for _ in range(3):
        w.grad = None
        compiled(cr.ones(3))
    assert text_of(compiled, cr.ones(3)) == (
        f"those of a call that finds other gradients or memory. {AGAIN}"
    )
    w.grad = None
    assert compiled.profile(cr.ones(3))


def test_calls_that_run_eagerly():
    compiled = cr.compile(lambda x: x.sum().item(), fallback=True)
    with pytest.warns(UserWarning):
        compiled(X)
    assert text_of(compiled, X) == "those of calls that run eagerly, as fallback=True asks."
