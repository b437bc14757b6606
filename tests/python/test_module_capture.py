"""What a module tells a recording, and what it may do in one."""

import pickle
import sys
import threading
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
        assert cr._core._plans_generation() != before
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


# ---- modes


def dropped(net):
    optimizer = cr.optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def test_plans_of_both_modes_are_kept_where_they_take_turns():
    def run(compile):
        cr.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
        step, value = dropped(net), lambda x: net(x).sum()
        if compile:
            step, value = cr.compile(step), cr.compile(value)
        x, seen = cr.randn(5, 3), []
        for _ in range(20):
            seen.append(step(net.train() and x).item())
            with cr.no_grad():
                seen += [value(net.eval() and x).item(), value(x).item(), value(x + 1).item()]
                seen.append(value(net.train() and x).item())
        return seen, [f.stats for f in (step, value)] if compile else None

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seen, (step, value) = run(True)
    assert seen == run(False)[0]
    # Both modes of `value` are recorded twice.
    assert step == {"recordings": 2, "replays": 18}
    assert value == {"recordings": 4, "replays": 76}


def test_only_the_modes_that_a_plan_was_made_in_bring_it_back():
    net = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5), nn.Dropout(0.5))
    step, x = cr.compile(net), cr.ones(1, 64)

    def is_dropped():
        return (step(x) == 0).any().item()

    for turn in range(4):
        for modes in ([0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2], []):
            net.eval()
            for i in modes:
                net[i].train()
            for _ in range(3):
                assert is_dropped() == bool(modes), (turn, modes)
    assert step.stats["replays"] > 0


def test_a_mode_that_comes_back_after_a_change_brings_no_plan_back():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = 1.0

        def forward(self, x):
            return x + self.shift

    net, x = Shifted(), cr.zeros(1)
    step = cr.compile(net)
    for shift in (1.0, 2.0, 3.0):
        net.shift = shift
        for mode in (True, False) * 3:
            net.train(mode)
            assert [step(x).item() for _ in range(3)] == [shift] * 3


def test_modules_that_are_copied_or_gone_leave_the_modes_of_others_alone():
    import copy

    net, x = nn.Sequential(nn.Dropout(0.5)), cr.ones(64)
    step = cr.compile(net)
    for turn in range(12):
        twin = copy.deepcopy(net.train(turn % 3 == 0))
        other = cr.compile(twin)
        twin.train(turn % 2 == 0)
        for _ in range(3):
            assert (step(x) == 0).any().item() == net.training == (turn % 3 == 0)
            assert (other(x) == 0).any().item() == twin.training == (turn % 2 == 0)
        del twin, other


@pytest.mark.parametrize(
    "past",
    [
        lambda net: net.__dict__.update(training=False),
        lambda net: object.__setattr__(net, "training", False),
        lambda net: net.__setstate__({**vars(net), "training": False}),
        lambda net: net.__init__(),
        lambda net: vars(net).update(vars(nn.Dropout(0.5).eval())),
    ],
)
def test_a_mode_that_was_set_by_the_way_ends_plans_at_the_next_switch(past):
    net, x = nn.Dropout(0.5), cr.ones(64)
    step = cr.compile(net)
    for _ in range(3):
        for mode in (True, False):
            net.train(mode)
            assert [bool((step(x) == 0).any()) for _ in range(4)] == [mode] * 4
        past(net)
        net.train()
        assert all((step(x) == 0).any() for _ in range(4))
        net.eval()
        assert not any((step(x) == 0).any() for _ in range(4))


def test_modes_that_many_threads_set_stay_right():
    net, x = nn.Dropout(0.5), cr.ones(64)
    step = cr.compile(net)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(300):
            net.train()
            step(x)
            threads = [threading.Thread(target=net.eval) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not (step(x) == 0).any()
    finally:
        sys.setswitchinterval(before)


def test_a_switch_by_another_thread_while_a_call_is_recorded():
    net, x = nn.Dropout(0.5), cr.ones(64)
    switches = [net.eval, net.eval, net.eval]

    def body(x):
        y = net(x)
        if switches:
            thread = threading.Thread(target=switches.pop())
            thread.start()
            thread.join()
        return y

    step = cr.compile(body)
    for _ in range(3):
        net.train()
        step(x)
    for _ in range(4):
        assert not (step(x) == 0).any()


def test_a_switch_to_and_fro_by_another_thread_while_a_call_is_recorded():
    class Net(nn.Module):
        def forward(self, x):
            return x * 2 if self.training else x * 5

    net, x, meanwhile = Net(), cr.ones(1), [True] * 3

    def body(x):
        for act in (net.eval, None, net.train) if meanwhile and meanwhile.pop() else (None,):
            if act is None:
                y = net(x)
            else:
                thread = threading.Thread(target=act)
                thread.start()
                thread.join()
        return y

    step = cr.compile(body)
    assert [step(x).item() for _ in range(8)] == [5.0] * 3 + [2.0] * 5


def test_switches_of_modes_are_named_where_they_keep_a_call_from_being_replayed():
    modules = [nn.Dropout(0.5) for _ in range(12)]
    step, x = cr.compile(lambda x: [m(x) for m in modules]), cr.ones(3)

    def turns():
        for i in range(100):
            for j, module in enumerate(modules):
                module.train(j != i % 12)
            step(x)

    with pytest.warns(UserWarning, match=r"the last was a switch between train\(\) and eval\(\)"):
        turns()


def test_evaluation_leaves_every_module_in_its_own_mode():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Dropout(0.5))
    net[1].eval()
    trainer = cr.Trainer(net, nn.MSELoss(), None)
    trainer.evaluate((cr.ones(4, 2), cr.ones(4, 2)))
    trainer.predict(cr.ones(4, 2))
    assert [m.training for m in net.modules()] == [True, True, False, True]


def test_copies_of_modules_end_plans():
    import copy

    net, x = nn.Linear(2, 2), cr.ones(1, 2)
    holder = [nn.Linear(2, 2)]
    step = cr.compile(lambda x: holder[0](x))
    with cr.no_grad():
        for copied in (copy.deepcopy, copy.copy, lambda net: pickle.loads(pickle.dumps(net))):
            [step(x) for _ in range(4)]
            holder[0] = copied(net)
            assert step(x).equal(net(x))
            holder[0] = nn.Linear(2, 2)
