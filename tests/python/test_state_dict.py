"""State dicts of modules and optimizers, loading all or nothing, and copies of optimizers."""

import copy
import functools
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from optim_family import ANY_SHAPE


def make_net(width=8):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))


def values(module):
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


# ---- modules


def test_layout():
    net = nn.Module()
    net.child = make_net()
    net.register_buffer("seen", cr.tensor(3))
    net.scale = nn.Parameter(cr.ones(1))
    net.register_buffer("cache", cr.zeros(1), persistent=False)
    net.register_parameter("none", None)
    state = net.state_dict()
    assert type(state) is dict
    assert list(state) == ["scale", "seen"] + [
        f"child.{i}.{n}" for i in (0, 2) for n in ("weight", "bias")
    ]
    assert not any(t.requires_grad for t in state.values())
    assert all(p.requires_grad for n, p in net.state_dict(keep_vars=True).items() if n != "seen")
    target = {"other": 1}
    assert net.child.state_dict(destination=target, prefix="p.") is target
    assert list(target)[:2] == ["other", "p.0.weight"]


def test_state_shares_memory():
    net = make_net()
    net.state_dict()["0.bias"].fill_(7.0)
    assert set(net[0].bias.tolist()) == {7.0}


def test_loading_copies_into_the_same_parameters():
    source, net = make_net(), make_net()
    before = list(net.parameters())
    result = net.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert values(net) == values(source)
    assert all(p is q for p, q in zip(before, net.parameters(), strict=True))
    with cr.no_grad():
        source[0].weight.zero_()
    assert values(net) != values(source)


def test_loading_casts_to_the_parameters_dtype():
    net = make_net()
    net.load_state_dict(make_net().double().state_dict())
    assert {p.dtype for p in net.parameters()} == {cr.float32}


def test_every_difference_is_listed_and_nothing_is_loaded():
    net = make_net()
    before = values(net)
    state = make_net().state_dict()
    state["0.weight"] = cr.zeros(8, 5)
    state["2.bias"] = [1.0, 2.0, 3.0]
    del state["2.weight"]
    state["head.weight"] = state["head.bias"] = cr.zeros(1)
    with pytest.raises(cr.StateError) as info:
        net.load_state_dict(state)
    first, *rest = str(info.value).splitlines()
    assert first.startswith("[load_state_dict] expected the keys and shapes of Sequential; got ")
    assert first.endswith("nothing was loaded:")
    assert rest == [
        '    missing: "2.weight"',
        '    unexpected: "head.weight", "head.bias"',
        '    "0.weight": shape (8, 4) expected, (8, 5) in the state dict',
        '    "2.bias": a tensor expected, list in the state dict',
    ]
    assert values(net) == before
    with pytest.raises(RuntimeError, match="shape"):
        net.load_state_dict(state, strict=False)
    assert values(net) == before


def test_a_state_dict_of_another_architecture():
    net = make_net()
    before = values(net)
    for other in (make_net(9), nn.Linear(4, 8), nn.Sequential(nn.ReLU())):
        with pytest.raises(RuntimeError, match="nothing was loaded"):
            net.load_state_dict(other.state_dict())
    for bad in ([1], None, 3, "file"):
        with pytest.raises(TypeError, match="dict"):
            net.load_state_dict(bad)
    assert values(net) == before


def read_only(shape):
    array = np.zeros(shape, np.float32)
    array.setflags(write=False)
    return cr.from_numpy(array)


@pytest.mark.parametrize(
    ("words", "make"),
    [("read-only", read_only), ("expanded", lambda shape: cr.zeros(1).expand(shape))],
)
def test_a_parameter_that_cannot_be_written_leaves_the_others_as_they_were(words, make):
    net, other = make_net(), make_net()
    net[2].bias = nn.Parameter(make((3,)))
    before, version = values(net), net[0].weight._version
    with pytest.raises(cr.StateError, match=rf"^\[load_state_dict\] .*{words}") as info:
        net.load_state_dict(other.state_dict())
    assert info.value.__notes__ == ['at "2.bias"; nothing was loaded']
    assert values(net) == before
    assert net[0].weight._version == version
    net.load_state_dict(other.state_dict(), assign=True)  # which writes into nothing
    assert values(net) == values(other)


def test_without_strict_the_rest_is_loaded_and_told():
    net = make_net()
    state = {"0.bias": cr.full((8,), 2.0), "head": cr.zeros(1)}
    result = net.load_state_dict(state, strict=False)
    assert result.missing_keys == ["0.weight", "2.weight", "2.bias"]
    assert result.unexpected_keys == ["head"]
    assert set(net[0].bias.tolist()) == {2.0}


def test_assign_takes_the_tensors_themselves():
    net = make_net()
    net[0].bias.requires_grad_(False)
    state = make_net().double().state_dict()
    net.load_state_dict(state, assign=True)
    assert net[0].weight.dtype == cr.float64
    assert isinstance(net[0].weight, nn.Parameter)
    assert [p.requires_grad for p in net.parameters()] == [True, False, True, True]
    state["2.bias"].fill_(5.0)
    assert set(net[2].bias.tolist()) == {5.0}


def test_loading_leaves_no_history():
    net = make_net()
    state = {name: (p * 2).requires_grad_() for name, p in make_net().state_dict().items()}
    net.load_state_dict(state)
    assert all(p.is_leaf and p.grad_fn is None for p in net.parameters())


def test_saved_and_loaded_from_a_file(tmp_path):
    net, again = make_net(), make_net()
    cr.save(net.state_dict(), tmp_path / "net.safetensors")
    again.load_state_dict(cr.load(tmp_path / "net.safetensors"))
    assert values(again) == values(net)


# ---- optimizers


OPTIMIZERS = {
    "sgd": lambda p: cr.optim.SGD(p, lr=0.1),
    "momentum": lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: cr.optim.Adam(p, lr=0.1),
    "amsgrad": lambda p: cr.optim.AdamW(p, lr=0.1, amsgrad=True),
    **{
        name: functools.partial(getattr(cr.optim, name), lr=0.1, **flags)
        for name, flags in ANY_SHAPE.items()
    },
    "Muon": lambda p: cr.optim.Muon([w for w in p if w.dim() == 2], lr=0.1),
}


def quadratic(w):
    return ((w - cr.linspace(-1, 1, w.numel()).reshape(w.shape)) ** 2).sum()


def make_params():
    return [nn.Parameter(cr.ones(3)), nn.Parameter(cr.full((2, 2), 2.0))]


def train(params, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        sum(quadratic(w) for w in params).backward()
        optimizer.step()
    return [w.tolist() for w in params]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("way", ["dict", "file", "pickle", "deepcopy"])
def test_a_resumed_run_has_the_same_bits(name, way, tmp_path):
    params = make_params()
    optimizer = OPTIMIZERS[name](params)
    train(params, optimizer, 3)
    optimizer.param_groups[0]["lr"] = 0.05
    if way in ("dict", "file"):
        again = make_params()
        state = {"net": [w.detach() for w in params], "optimizer": optimizer.state_dict()}
        if way == "file":
            cr.save(state, tmp_path / "run.safetensors")
            state = cr.load(tmp_path / "run.safetensors")
        with cr.no_grad():
            for w, saved in zip(again, state["net"], strict=True):
                w.copy_(saved)
        resumed = OPTIMIZERS[name](again)
        resumed.load_state_dict(state["optimizer"])
    elif way == "pickle":
        again, resumed = pickle.loads(pickle.dumps((params, optimizer)))
    else:
        again, resumed = copy.deepcopy((params, optimizer))
    want = train(params, optimizer, 3)
    assert train(again, resumed, 3) == want
    assert again[-1] is not params[-1]
    assert resumed.param_groups[0]["params"][-1] is again[-1]


def test_optimizer_layout():
    params = make_params()
    optimizer = cr.optim.Adam([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}])
    assert optimizer.state_dict()["state"] == {}
    train(params, optimizer, 2)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert list(state["state"]) == [0, 1]
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    assert state["state"][1]["exp_avg"] is optimizer.state[params[1]]["exp_avg"]
    step = state["state"][0]["step"]
    assert (step.dtype, tuple(step.shape), step.item()) == (cr.float32, (), 2.0)
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert [g["lr"] for g in state["param_groups"]] == [1e-3, 0.5]
    assert type(state["param_groups"][0]) is dict
    momentum = cr.optim.SGD(params, momentum=0.9)
    momentum.step()
    assert list(momentum.state_dict()["state"][0]) == ["momentum_buffer"]


def test_loaded_state_is_a_copy_in_the_parameters_dtype():
    params = make_params()
    optimizer = cr.optim.Adam(params)
    train(params, optimizer, 1)
    doubles = [nn.Parameter(p.detach().double()) for p in params]
    again = cr.optim.Adam(doubles)
    again.load_state_dict(optimizer.state_dict())
    own = again.state[doubles[0]]
    assert own["exp_avg"].dtype == cr.float64
    assert own["step"].dtype == cr.float32
    before = optimizer.state[params[0]]["exp_avg"].tolist()
    own["exp_avg"].fill_(9.0)
    own["step"].fill_(9.0)
    assert optimizer.state[params[0]]["exp_avg"].tolist() == before
    assert optimizer.state[params[0]]["step"].item() == 1


def test_settings_that_the_file_lacks_stay():
    params = make_params()
    optimizer = cr.optim.SGD(params, lr=0.5, momentum=0.9)
    optimizer.load_state_dict(
        {"state": {0: {"momentum_buffer": None}}, "param_groups": [{"lr": 0.25, "params": [0, 1]}]}
    )
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]) == (0.25, 0.9)
    assert optimizer.param_groups[0]["params"][0] is params[0]
    train(params, optimizer, 1)
    saved = optimizer.state_dict()
    saved["param_groups"][0]["initial_lr"] = 0.5  # as a scheduler writes it
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["initial_lr"] == 0.5


def broken_states():
    """(words, error, change of a good Adam state dict)."""
    return [
        (
            "1 parameter groups; got 2",
            ValueError,
            lambda s: s["param_groups"].append({"params": []}),
        ),
        ("2 parameters in group 0", ValueError, lambda s: s["param_groups"][0]["params"].pop()),
        ("parameters of the groups", ValueError, lambda s: s["state"].update({7: s["state"][0]})),
        ("exp_avg of shape", ValueError, lambda s: s["state"][1].update(exp_avg=cr.zeros(5))),
        ("another optimizer", ValueError, lambda s: s["state"][0].update(momentum_buffer=1)),
        ("another optimizer", ValueError, lambda s: s["state"][0].pop("step")),
        ("lr >= 0", ValueError, lambda s: s["param_groups"][0].update(lr=-1.0)),
        ('"param_groups"', ValueError, lambda s: s.pop("param_groups")),
    ]


@pytest.mark.parametrize(("words", "error", "change"), broken_states())
def test_a_state_dict_that_does_not_fit_changes_nothing(words, error, change):
    params = make_params()
    optimizer = cr.optim.Adam(params, lr=0.1)
    train(params, optimizer, 2)
    good = copy.deepcopy(optimizer.state_dict())
    bad = copy.deepcopy(good)
    change(bad)
    with pytest.raises(error, match=words):
        optimizer.load_state_dict(bad)
    assert str(optimizer.state_dict()) == str(good)
    train(params, optimizer, 1)


def test_the_state_of_another_optimizer_is_refused():
    params = make_params()
    adam, sgd = cr.optim.Adam(params), cr.optim.SGD(params, momentum=0.9)
    train(params, adam, 1)
    train(params, sgd, 1)
    with pytest.raises(ValueError, match="another optimizer"):
        sgd.load_state_dict(adam.state_dict())
    with pytest.raises(ValueError, match="another optimizer"):
        adam.load_state_dict(sgd.state_dict())


def test_a_compiled_step_sees_a_loaded_state():
    params = make_params()
    optimizer = OPTIMIZERS["adam"](params)

    @cr.compile
    def step():
        optimizer.zero_grad()
        sum(quadratic(w) for w in params).backward()
        optimizer.step()

    for _ in range(4):
        step()
    saved = [w.tolist() for w in params], copy.deepcopy(optimizer.state_dict())
    for _ in range(2):
        step()
    want = [w.tolist() for w in params]
    with cr.no_grad():
        for w, value in zip(params, saved[0], strict=True):
            w.copy_(cr.tensor(value))
    optimizer.load_state_dict(saved[1])
    for _ in range(2):
        step()
    assert [w.tolist() for w in params] == want
