"""Compiled training steps have the bits of eager ones, whatever changes between calls."""

import functools
import operator

import pytest

import chainrule as cr
from optim_family import ANY_SHAPE
from optim_problem import Problem


def weight():
    return cr.nn.Parameter(cr.ones(2))


OPTIMIZERS = {
    "sgd": lambda p: cr.optim.SGD(p, lr=0.1),
    "momentum": lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: cr.optim.Adam(p, lr=0.1, weight_decay=0.1),
    "adamw": lambda p: cr.optim.AdamW(p, lr=0.1, amsgrad=True),
    **{
        name: functools.partial(getattr(cr.optim, name), lr=0.1, **flags)
        for name, flags in ANY_SHAPE.items()
    },
    "Muon": lambda p: cr.optim.Muon([w for w in p if w.dim() == 2], lr=0.1),
}
SWITCHES = {
    "momentum": "lr_in_velocity",
    "adam": "constant_bias_correction",
    "RMSprop": "eps_in_root",
    "Adagrad": "eps_in_root",
}


def run(make, compiled, change):
    problem = Problem(cr.float32)
    optimizer = make(problem.params)
    optimizer.param_groups[0]["optimizer"] = optimizer

    def step():
        optimizer.zero_grad()
        loss = sum(((w - 1) ** 2).sum() for w in problem.params)
        loss.backward()
        optimizer.step()
        return loss

    call = cr.compile(step) if compiled else step
    for i in range(12):
        change(optimizer.param_groups[0], i)
        call()
    states = [v.tolist() for s in optimizer.state.values() for v in s.values()]
    return [w.tolist() for w in problem.params], states, call


def schedule(group, i):
    group["lr"] = 0.1 * 0.9**i


def every_number(group, i):
    group["lr"] = 0.1 / (i + 1)
    group["weight_decay"] = 0.01 * (i + 1)
    changes = {
        "betas": (0.9 - 0.01 * i, 0.999),
        "nus": (0.7 + 0.01 * i, 0.8),
        "etas": (0.5 - 0.01 * i, 1.2),
        "step_sizes": (1e-6, 50 - i),
        "eps": 1e-8 * (i + 1) if type(group.get("eps")) is float else (1e-8 * (i + 1), 0.1),
        "momentum_decay": 0.004 * (i + 1),
        **{name: 0.9 - 0.01 * i for name in ("rho", "alpha", "lr_decay", "lambd")},
        "t0": 4 + i / 2,
        "beta2_decay": -0.8 + 0.01 * i,
        "d": 1 + 0.01 * i,
        "norm_bounds": (0.1 * i, 10.0 + i),
        "ns_coefficients": (3.4445, -4.775 + 0.01 * i, 2.0315),
    }
    group.update({name: value for name, value in changes.items() if name in group})
    if group.get("momentum"):
        group["momentum"] = 0.9 - 0.01 * i


def flags_in_flight(group, i):
    if i == 6:
        group["maximize"] = True
    if i == 9 and "nesterov" in group:
        group.update(momentum=0.5, nesterov=False)
    elif i == 9:
        flags = "amsgrad", "centered", "decoupled_weight_decay", "bias_correction"
        group.update({name: not group[name] for name in flags if name in group})


def state_dropped(group, i):
    if i == 7:
        group["optimizer"].state.clear()


@pytest.mark.parametrize("change", [schedule, every_number, flags_in_flight, state_dropped])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_compiled_step_has_the_bits_of_an_eager_one(name, change):
    *eager, _ = run(OPTIMIZERS[name], False, change)
    *compiled, step = run(OPTIMIZERS[name], True, change)
    assert eager == compiled
    if change is schedule:
        assert step.stats["replays"] >= 8  # a new number needs no new recording


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_that_comes_between_calls(name):
    """A plan of a group without it hears of it all the same."""

    def stay(group, i):
        if "eps" in group:
            group["eps"] = 0.1  # large enough to be seen

    def turn(group, i):
        stay(group, i)
        if i == 7:
            group[SWITCHES[name]] = True
        if i == 10:
            del group[SWITCHES[name]]

    *eager, _ = run(OPTIMIZERS[name], False, turn)
    *compiled, _ = run(OPTIMIZERS[name], True, turn)
    *without, _ = run(OPTIMIZERS[name], True, stay)
    assert eager == compiled != without


@pytest.mark.parametrize("name", ANY_SHAPE)
def test_a_learning_rate_in_a_tensor_may_start_a_state(name):
    """As Rprop's sizes and ASGD's eta do."""

    def run(compiled):
        w, lr = weight(), cr.tensor(0.5)
        optimizer = getattr(cr.optim, name)([w], lr=lr, **ANY_SHAPE[name])

        def step():
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

        call, seen = cr.compile(step) if compiled else step, []
        for i in range(8):
            lr.fill_(0.5 / (i + 1))
            call()
            seen.append(w.tolist())
        return seen

    assert run(False) == run(True)


def test_a_compiled_step_with_a_tensor_as_lr():
    w = cr.nn.Parameter(cr.zeros(1))
    lr = cr.tensor(1.0)
    optimizer = cr.optim.SGD([w], lr=lr)

    @cr.compile
    def step():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    total = 0.0
    for i in range(8):
        lr.fill_(2.0**-i)
        total += 2.0**-i
        step()
    assert step.plans == 1
    assert w.item() == -total
    for value in (cr.tensor(0.5), 0.25, 0.0, cr.tensor(8.0)):  # another tensor, or none
        optimizer.param_groups[0]["lr"] = value
        total += float(value)
        step()
        assert w.item() == -total


@pytest.mark.parametrize("loaded", [False, True])
def test_writing_settings_while_recording_is_an_error(loaded):
    w = weight()
    optimizer = cr.optim.SGD([w], lr=0.1)
    state = optimizer.state_dict()
    if loaded:
        optimizer.load_state_dict(state)
    groups, group = optimizer.param_groups, optimizer.param_groups[0]
    before = dict(group)
    acts = [
        lambda: group.__setitem__("lr", 0.2),
        lambda: group.__delitem__("lr"),
        lambda: operator.ior(group, {"lr": 0.2}),
        lambda: group.update(lr=0.2),
        lambda: group.setdefault("lr_scale", 0.2),
        lambda: group.pop("lr"),
        lambda: group.popitem(),
        lambda: group.clear(),
        lambda: groups.append({"params": [weight()], "lr": 0.1}),
        lambda: groups.extend([]),
        lambda: operator.iadd(groups, groups),
        lambda: groups.insert(0, group),
        lambda: groups.pop(),
        lambda: groups.remove(group),
        lambda: groups.__setitem__(0, group),
        lambda: groups.__delitem__(0),
        lambda: groups.reverse(),
        lambda: groups.clear(),
        lambda: group["params"].append(weight()),
        lambda: optimizer.add_param_group({"params": [weight()]}),
        lambda: optimizer.load_state_dict(state),
    ]
    for act in acts:
        step = cr.compile(act)
        with pytest.raises(cr.CaptureError, match="outside"):
            step()
    assert optimizer.param_groups is groups and groups == [group] and group == before


def test_dropping_state_and_writing_defaults_while_recording_are_errors():
    w = weight()
    optimizer = cr.optim.SGD([w], lr=0.1, momentum=0.9)
    w.sum().backward()
    optimizer.step()
    state, defaults = optimizer.state, optimizer.defaults
    acts = [
        lambda: state.clear(),
        lambda: state.pop(w),
        lambda: state.popitem(),
        lambda: state.__delitem__(w),
        lambda: state[w].clear(),
        lambda: state[w].pop("momentum_buffer"),
        lambda: state[w].__delitem__("momentum_buffer"),
        lambda: defaults.update(lr=0.2),
        lambda: defaults.__setitem__("lr", 0.2),
        lambda: defaults.clear(),
    ]
    for act in acts:
        with pytest.raises(cr.CaptureError, match="change of an optimizer's .* outside"):
            cr.compile(act)()
    assert list(state[w]) == ["momentum_buffer"] and defaults["lr"] == 0.1
    defaults["lr"] = 0.2
    optimizer.add_param_group({"params": [weight()]})
    assert optimizer.param_groups[1]["lr"] == 0.2


def test_a_list_among_the_settings_may_change_by_itself():
    """In the place of a tuple that a plan was adopted with, unheard or not."""

    def run(compiled):
        w = cr.nn.Parameter(cr.tensor([1.0, -2.0]))
        optimizer = cr.optim.Adam([w], lr=0.1)
        group = optimizer.param_groups[0]

        def step(x):
            optimizer.zero_grad()
            (w * x).square().sum().backward()
            optimizer.step()

        call, seen = cr.compile(step) if compiled else step, []
        for i in range(16):
            if i == 6:
                dict.__setitem__(group, "betas", [0.5, 0.9])
            if i in (8, 12):
                group["betas"][0] = 1 / i
            if i == 14:
                group["betas"] = (0.9, 0.99)
            call(cr.tensor([1.0, i]))
            seen.append(w.tolist())
        return seen, call

    (eager, _), (replayed, call) = run(False), run(True)
    assert eager == replayed
    assert call.stats["replays"] >= 12


class Descent(cr.optim.Optimizer):
    """An optimizer of a user's own."""

    @cr.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"])


@pytest.mark.parametrize("loaded", [False, True])
def test_settings_of_ones_own_optimizer_count_from_the_next_step_on(loaded):
    w = weight()
    optimizer = Descent([w], {"lr": 0.5})
    if loaded:
        optimizer.load_state_dict(optimizer.state_dict())
    step, total = cr.compile(lambda: optimizer.step()), 0.0
    for lr in (0.5, 2.0, 0.25):
        optimizer.param_groups[0]["lr"] = lr
        for _ in range(4):
            step()
            total += lr
            assert w.tolist() == [1 - total] * 2
    assert step.stats["replays"] >= 6


def test_a_group_appended_to_those_of_ones_own_optimizer_counts_in_a_compiled_step():
    first, second = weight(), weight()
    optimizer = Descent([first], {"lr": 0.5})
    step = cr.compile(lambda: optimizer.step())
    for _ in range(4):
        step()
    optimizer.param_groups.append({"params": [second], "lr": 0.5})
    for i in range(1, 5):
        step()
        assert second.tolist() == [1 - 0.5 * i] * 2


def replaced_entry(state, param):
    state[param]["exp_avg"] = cr.full_like(param, 2.0)


def replaced_by_update(state, param):
    state[param].update(exp_avg_sq=cr.full_like(param, 3.0))


def replaced_states(state, param):
    state[param] = {name: value.clone() for name, value in state[param].items()}
    state[param]["step"].fill_(7.0)


def forgotten(state, param):
    del state[param]


@pytest.mark.parametrize(
    "change",
    [replaced_entry, replaced_by_update, replaced_states, forgotten],
    ids=lambda f: f.__name__,
)
def test_replaced_state_counts_from_the_next_step_on(change):
    def trained(compiled):
        w = weight()
        optimizer = cr.optim.Adam([w], lr=0.1)

        def step():
            optimizer.zero_grad()
            loss = ((w - 3) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        call = cr.compile(step) if compiled else step
        for i in range(12):
            if i == 6:
                change(optimizer.state, w)
            call()
        states = {name: value.tolist() for name, value in optimizer.state[w].items()}
        return w.tolist(), states, call

    eager, fast = trained(False), trained(True)
    assert fast[:2] == eager[:2]
    assert fast[2].stats["replays"] >= 4


def test_other_parameters_in_a_group_are_another_program():
    v, w = cr.ones(2, requires_grad=True), cr.ones(2, requires_grad=True)
    optimizer = cr.optim.SGD([v], lr=1.0)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        (x * v + x * w).sum().backward()
        optimizer.step()

    def run():
        for _ in range(4):
            step(cr.ones(2))
        return v.tolist()[0], w.tolist()[0]

    group = optimizer.param_groups[0]
    assert run() == (-3.0, 1.0)
    group["params"] = [w]
    assert run() == (-3.0, -3.0)
    group["params"][0] = v
    assert run() == (-7.0, -3.0)
    group["params"].append(w)
    assert run() == (-11.0, -7.0)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_step_that_cannot_be_captured_changes_nothing(kind):
    window = cr.ones(4)[1:].detach().requires_grad_()
    params = [cr.ones(3, requires_grad=True), window]
    make = {"SGD": lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9), "Adam": cr.optim.Adam}[kind]
    optimizer = make([{"params": [p]} for p in params])
    for p in params:
        p.grad = cr.ones(3)
    with pytest.raises(cr.CaptureError, match="expected tensors that own their memory"):
        cr.compile(optimizer.step)()
    assert [p.tolist() for p in params] == [[1.0, 1.0, 1.0]] * 2
    optimizer.step()
    assert all((p < 1).all() for p in params)


@pytest.mark.parametrize(
    ("key", "values", "words"),
    [
        (
            "momentum",
            (0, 0.9),
            "other inputs of sgd_update at {}; leave the optimizer's settings as",
        ),
        (
            "nesterov",
            (True, False),
            "nesterov=True, then False at {}; leave the optimizer's settings",
        ),
        (
            "lr",
            (cr.tensor(0.1), cr.tensor(0.2)),
            r"sizes \(\), then another at {}; pass it as an argument, or write into the one that is",
        ),
    ],
)
def test_a_setting_that_makes_another_program_of_every_call(key, values, words):
    w = weight()
    optimizer = cr.optim.SGD([w], lr=0.1, momentum=0.9)

    @cr.compile
    def step():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    with pytest.raises(cr.CaptureError, match=words.format(r"test_compiled_optim\.py:\d+")):
        for turn in range(8):
            optimizer.param_groups[0][key] = values[turn % 2]
            step()


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        (
            [(0,), (0, 1)],
            "other inputs of sgd_update at {}; the same parameters must have gradients",
        ),
        ([(0,), (1,)], r"\(3,\), then another at {}; the same parameters must have gradients"),
    ],
)
def test_other_parameters_with_gradients_in_every_call(turns, words):
    params = [cr.ones(3, requires_grad=True) for _ in range(2)]
    optimizer = cr.optim.SGD(params, lr=0.1)
    trained = turns[0]

    @cr.compile
    def step():
        optimizer.zero_grad()
        sum((p * 2).sum() for p in params).backward()
        for i, p in enumerate(params):
            if i not in trained:
                p.grad = None
        optimizer.step()

    with pytest.raises(cr.CaptureError, match=words.format(r"test_compiled_optim\.py:\d+")):
        for turn in range(8):
            trained = turns[turn % 2]
            step()
