"""Compiled steps whose optimizer gets other state or settings between calls end where eager ones
do."""

import copy
from collections import defaultdict

import pytest

import chainrule as cr


class Accumulator(cr.optim.Optimizer):
    """Makes its state inside of `step`."""

    def __init__(self, params):
        super().__init__(params, {})

    @cr.no_grad()
    def step(self):
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            if not state:
                state["sum"] = cr.zeros_like(p)
            state["sum"].add_(p.grad)
            p.sub_(0.1 * state["sum"])


MAKERS = {
    "momentum": lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: cr.optim.Adam(p, lr=0.1),
    "python": Accumulator,
}


def load_first(optimizer, param, first):
    optimizer.load_state_dict(copy.deepcopy(first))


RESETS = {
    "load": load_first,
    "clear": lambda optimizer, param, first: optimizer.state.clear(),
    "pop": lambda optimizer, param, first: optimizer.state.pop(param, None),
    "assign": lambda optimizer, param, first: setattr(optimizer, "state", defaultdict(dict)),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("reset", RESETS.values(), ids=RESETS)
@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_reset_starts_again(make, reset, after):
    def run(compiled):
        param = cr.ones(2, requires_grad=True)
        optimizer = make([param])
        first = copy.deepcopy(optimizer.state_dict())

        def step():
            optimizer.zero_grad()
            (param * param).sum().backward()
            optimizer.step()

        call = cr.compile(step) if compiled else step
        for _ in range(after):
            call()
        reset(optimizer, param, first)
        for _ in range(6):
            call()
        return param.tolist(), {k: v.tolist() for k, v in optimizer.state[param].items()}, call

    eager, compiled = run(False), run(True)
    assert compiled[:2] == eager[:2]
    assert compiled[2].stats["replays"] > 0


CHANGES = {
    "a tensor's place": lambda o: o.param_groups[0].update(lr=cr.tensor(0.01)),
    "a number for a tensor": lambda o: o.param_groups[0].update(lr=0.01),
    "a flag": lambda o: o.param_groups[0].update(maximize=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("function", ["same", "other"])
def test_another_recording_in_between_hides_no_change(change, function):
    """A plan knows the settings that it was recorded with, whatever was recorded since."""

    def run(compiled):
        param = cr.nn.Parameter(cr.ones(2))
        optimizer = cr.optim.SGD([param], lr=cr.tensor(0.1))

        def step(x):
            optimizer.zero_grad()
            loss = ((param * x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        wrap = cr.compile if compiled else (lambda f: f)
        call = wrap(step)
        other = call if function == "same" else wrap(step)
        for _ in range(4):
            call(cr.ones(8, 2))
        change(optimizer)
        other(cr.ones(3, 2))
        for _ in range(3):
            call(cr.ones(8, 2))
        return param.tolist()

    assert run(True) == run(False)


def test_containers_that_are_assigned_are_heard():
    def run(compiled):
        param, other = (cr.ones(2, requires_grad=True) for _ in range(2))
        optimizer = cr.optim.SGD([param], lr=0.1, momentum=0.9)

        def step():
            optimizer.zero_grad()
            for p in (param, other):
                (p * 3).sum().backward()
            optimizer.step()

        call = cr.compile(step) if compiled else step
        for _ in range(5):
            call()
        zeros = {k: {a: b * 0 for a, b in v.items()} for k, v in optimizer.state.items()}
        optimizer.state = defaultdict(dict, zeros)
        for _ in range(4):
            call()
        optimizer.state[param]["momentum_buffer"] = cr.ones(2)
        for _ in range(4):
            call()
        group = dict(optimizer.param_groups[0])
        group["params"] = [other]
        optimizer.param_groups = [group]
        for _ in range(4):
            call()
        return param.tolist(), other.tolist()

    assert run(True) == run(False)


def test_an_announced_change_is_no_call_that_does_not_repeat():
    param = cr.ones(2, requires_grad=True)
    optimizer = cr.optim.SGD([param], lr=0.1, momentum=0.9)

    @cr.compile
    def step():
        (param * param).sum().backward()
        optimizer.step()

    for _ in range(6):
        step()
        optimizer.zero_grad()
        step()
        optimizer.load_state_dict(optimizer.state_dict())
        optimizer.zero_grad()


def test_a_number_object_that_changes_is_read_again():
    import numpy as np

    rate, param = np.array(0.1), cr.ones(1, requires_grad=True)
    optimizer = cr.optim.SGD([param], lr=rate)
    param.sum().backward()
    optimizer.step()
    rate[...] = 0.5
    optimizer.step()
    assert param.item() == pytest.approx(0.4)


def test_a_setting_that_is_gone_is_told_before_a_replay_too():
    param = cr.ones(2, requires_grad=True)
    optimizer = cr.optim.SGD([param], lr=0.1)

    @cr.compile
    def step():
        optimizer.zero_grad()
        param.sum().backward()
        optimizer.step()

    for _ in range(4):
        step()
    del optimizer.param_groups[0]["lr"]
    with pytest.raises(cr.StateError, match="expected 'lr' in every group"):
        step()


def test_a_window_of_what_the_step_updates_is_no_argument():
    net = cr.nn.Linear(3, 4)
    optimizer = cr.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()

    with pytest.raises(cr.CaptureError, match="own their memory"):
        step(net.weight.detach()[:3])


def test_state_that_every_call_replaces_is_told():
    class Counter(cr.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {})

        @cr.no_grad()
        def step(self):
            for p in self.param_groups[0]["params"]:
                self.state[p]["calls"] = self.state[p].get("calls", 0) + 1
                p.sub_(0.1 * p.grad)

    param = cr.ones(2, requires_grad=True)
    optimizer = Counter([param])

    @cr.compile
    def step():
        optimizer.zero_grad()
        (param * param).sum().backward()
        optimizer.step()

    with pytest.raises(cr.CaptureError, match="optimizer state that every call puts in the place"):
        for _ in range(6):
            step()
    assert optimizer.state[param]["calls"] >= 4  # all were eager
