"""Input that a captured function cannot take gives the error of an eager call, and calls that were
interrupted leave nothing behind: the plan serves the next good call."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional as F


def net_and_step():
    cr.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    optimizer = cr.optim.Adam(net.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return net, step


def good(seed=0):
    generator = cr.Generator().manual_seed(seed)
    return cr.randn(6, 3, generator=generator), cr.tensor([0, 1, 1, 0, 1, 0])


BAD = {
    "dtype": lambda x, y: (x.double(), y),
    "integers": lambda x, y: (x.long(), y),
    "targets of another dtype": lambda x, y: (x, y.int().bool()),
    "features": lambda x, y: (x[:, :2], y),
    "rows": lambda x, y: (x[:4], y),
    "rank": lambda x, y: (x[0], y),
    "rank 0": lambda x, y: (x[0, 0], y),
    "rank 3": lambda x, y: (x.unsqueeze(0), y),
    "no rows": lambda x, y: (x[:0], y),
    "a class that is none": lambda x, y: (x, y + 5),
    "ragged list": lambda x, y: ([[1.0, 2.0], [3.0]], y),
    "list": lambda x, y: (x.tolist(), y),
    "string": lambda x, y: ("x", y),
    "None": lambda x, y: (None, y),
    "number": lambda x, y: (x, 3),
    "device": lambda x, y: (x.to("cuda"), y),
    "too few": lambda x, y: (x,),
    "too many": lambda x, y: (x, y, x),
}


def outcome(call, net, bad):
    """What a call with bad input says, and the parameters after it."""
    try:
        said = call(*bad(*good())).tolist()
    except Exception as error:  # noqa: BLE001  # compared
        said = (type(error).__name__, str(error))
    return said, [p.tolist() for p in net.parameters()]


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_the_eager_error(name):
    (net, step), (twin, eager) = net_and_step(), net_and_step()
    fast = cr.compile(step)
    for call in range(6):
        assert fast(*good(call)).item() == eager(*good(call)).item()
    for _ in range(4):  # as often as a program would be adopted, too
        assert outcome(fast, net, BAD[name]) == outcome(eager, twin, BAD[name])
    replays = fast.stats["replays"]
    for call in range(6):
        assert fast(*good(call)).item() == eager(*good(call)).item()
    assert fast.stats["replays"] >= replays + 4


@pytest.mark.parametrize("shape", [(2, 3), (6, 2), (6,)])
def test_arrays_of_another_shape_give_the_error_of_tensors(shape):
    net, _ = net_and_step()
    fast = cr.compile(net)
    for _ in range(4):
        fast(np.ones((6, 3), np.float32))
    bad = np.ones(shape, np.float32)
    said = []
    for call, value in ((fast, bad), (net, cr.tensor(bad))):
        try:
            said.append(call(value).tolist())
        except cr.ShapeError as error:
            said.append(str(error))
    assert said[0] == said[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError, GeneratorExit])
@pytest.mark.parametrize("when", [0, 1])
def test_an_interrupted_capture_leaves_no_recorder(error, when):
    net, step = net_and_step()
    _, eager = net_and_step()
    interrupted = []

    def body(x, y):
        if len(interrupted) < 3:
            net(x).sum()
            interrupted.append(x)
            raise error
        return step(x, y)

    fast = cr.compile(body)
    interrupted.extend([None] * 3)
    for call in range(when):
        assert fast(*good(call)).item() == eager(*good(call)).item()
    interrupted.clear()
    for _ in range(3):
        with pytest.raises(error):
            fast(*good())
        assert cr._core._recording() is None
        assert float(cr.ones(2).sum()) == 2  # a recorder would refuse to have it read
    for call in range(6):
        assert fast(*good(call)).item() == eager(*good(call)).item()
    assert fast.stats["replays"] >= 3


def test_a_backward_that_is_interrupted_while_recording():
    w = cr.ones(3).requires_grad_()
    stop = [True, True]

    def interrupt(gradient):
        if stop:
            stop.pop()
            raise KeyboardInterrupt

    fast = cr.compile(lambda x: (w * x).sum().backward(), fallback=True)
    handle = w.register_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        fast(cr.ones(3))
    assert cr._core._recording() is None and w.grad is None
    handle.remove()
    with pytest.warns(UserWarning, match="run eagerly"):
        fast(cr.ones(3))
    assert w.grad.tolist() == [1, 1, 1]
