"""ModuleDict, ParameterList and ParameterDict."""

import copy
import pickle

import pytest

import chainrule as cr
from chainrule import nn


def test_a_module_dict_is_a_dict_of_registered_modules():
    relu, linear = nn.ReLU(), nn.Linear(2, 3)
    layers = nn.ModuleDict({"act": relu, "map": linear})
    assert list(layers) == list(layers.keys()) == ["act", "map"]
    assert list(layers.values()) == [relu, linear]
    assert dict(layers.items()) == {"act": relu, "map": linear}
    assert layers["map"] is linear is layers.map
    assert len(layers) == 2
    assert "act" in layers and "other" not in layers
    assert list(layers.state_dict()) == ["map.weight", "map.bias"]
    layers["act"] = tanh = nn.Tanh()
    layers.update([("more", relu)])
    layers.update(nn.ModuleDict({"last": relu}))
    assert list(layers) == ["act", "map", "more", "last"]
    assert layers.pop("act") is tanh
    del layers["last"]
    assert list(layers) == ["map", "more"]
    layers.clear()
    assert len(layers) == 0 and list(layers.parameters()) == []
    with pytest.raises(NotImplementedError):
        layers(1)


@pytest.mark.parametrize(
    ("error", "match", "act"),
    [
        (KeyError, "one of its names", lambda d: d["b"]),
        (KeyError, "one of its names", lambda d: d["training"]),
        (KeyError, "one of its names", lambda d: d.pop("b")),
        (KeyError, "one of its names", lambda d: d.__delitem__("b")),
        (KeyError, "one of its names", lambda d: d[0]),
        (KeyError, "an attribute that exists", lambda d: d.__setitem__("keys", nn.ReLU())),
        (KeyError, 'no "."', lambda d: d.__setitem__("a.b", nn.ReLU())),
        (TypeError, "string as name", lambda d: d.__setitem__(0, nn.ReLU())),
        (TypeError, "nn.Module", lambda d: d.__setitem__("b", 3)),
        (TypeError, "pairs of names", lambda d: d.update(3)),
        (TypeError, "got int at position 1", lambda d: d.update([("b", nn.ReLU()), 3])),
        (ValueError, "got 1 elements at position 0", lambda d: d.update([("b",)])),
        (TypeError, "got int for 'c'", lambda d: d.update({"b": nn.ReLU(), "c": 3})),
        (KeyError, "attribute", lambda d: d.update({"b": nn.ReLU(), "keys": nn.ReLU()})),
    ],
)
def test_misuse_of_a_module_dict_changes_nothing(error, match, act):
    layers = nn.ModuleDict({"a": nn.Linear(1, 1)})
    before = dict(layers.items())
    with pytest.raises(error, match=match):
        act(layers)
    assert dict(layers.items()) == before


def test_a_parameter_list_is_a_list_of_registered_parameters():
    given = nn.Parameter(cr.ones(2))
    values = nn.ParameterList([given, cr.zeros(3)])
    assert values[0] is given
    assert isinstance(values[-1], nn.Parameter)
    values.append(cr.ones(1)).extend([cr.ones(4), 5])
    values += [cr.ones(6)]
    assert [tuple(p.shape) for p in values.parameters()] == [(2,), (3,), (1,), (4,), (6,)]
    assert list(values.state_dict()) == ["0", "1", "2", "3", "5"]
    assert values[4] == 5 and len(values) == 6 and len(list(values)) == 6
    assert isinstance(values[1:3], nn.ParameterList) and values[1:3][0] is values[1]
    values[0] = cr.full((2,), 7.0)
    assert values.get_parameter("0").tolist() == [7.0, 7.0]
    values.extend(values)
    assert len(values) == 12
    with pytest.raises(IndexError, match="a list of 12; got 12"):
        values[12]
    with pytest.raises(TypeError, match="integer or a slice"):
        values["x"]
    for wrong in (3, cr.ones(2)):
        with pytest.raises(TypeError, match="iterable of parameters"):
            values.extend(wrong)
    with pytest.raises(RuntimeError, match="no forward"):
        values(1)


def test_a_parameter_dict_is_a_dict_of_registered_parameters():
    given = nn.Parameter(cr.ones(2))
    values = nn.ParameterDict({"right": given, "left": cr.zeros(3)})
    assert list(values) == ["left", "right"]  # a plain dict is sorted
    assert values["right"] is given and isinstance(values["left"], nn.Parameter)
    values.update([("a", cr.ones(1)), ("note", "text")])
    assert list(values) == ["left", "right", "a", "note"]
    assert list(reversed(values)) == ["note", "a", "right", "left"]
    assert list(values.state_dict()) == ["left", "right", "a"]
    assert values.setdefault("a") is values["a"] and values.setdefault("none") is None
    assert values.get("b", 3) == 3 and values.get("note") == "text"
    assert values.popitem() == ("none", None) and values.pop("note") == "text"
    merged = values | nn.ParameterDict({"b": cr.ones(5)})
    assert list(merged) == ["left", "right", "a", "b"] and len(values) == 3
    assert list(nn.ParameterDict([("z", cr.ones(1))]) | values) == ["z", "left", "right", "a"]
    values |= {"c": cr.ones(1)}
    assert list(values.fromkeys(["x", "y"], 0).items()) == [("x", 0), ("y", 0)]
    del values["c"]
    values.clear()
    assert len(values) == 0 and list(values.parameters()) == []
    with pytest.raises(KeyError, match="empty dict"):
        values.popitem()
    with pytest.raises(RuntimeError, match="no forward"):
        values()


@pytest.mark.parametrize(
    ("error", "match", "act"),
    [
        (KeyError, "one of its names", lambda d: d["b"]),
        (KeyError, "one of its names", lambda d: d["training"]),
        (KeyError, "one of its names", lambda d: d.__delitem__("b")),
        (KeyError, "an attribute that exists", lambda d: d.update({"b": 3, "items": cr.ones(1)})),
        (KeyError, 'no "."', lambda d: d.__setitem__("a.b", cr.ones(1))),
        (TypeError, "string as name", lambda d: d.__setitem__(0, cr.ones(1))),
        (TypeError, "string as name", lambda d: d[0]),
        (TypeError, "pairs of names", lambda d: d.update(3)),
        (TypeError, "or None for parameter 'a'", lambda d: d.__setitem__("a", 3)),
        (TypeError, "or None for parameter 'a'", lambda d: d.update([("b", 2), ("a", 3)])),
    ],
)
def test_misuse_of_a_parameter_dict_changes_nothing(error, match, act):
    values = nn.ParameterDict({"a": cr.ones(1)})
    before = dict(values.items())
    with pytest.raises(error, match=match):
        act(values)
    assert dict(values.items()) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.ModuleDict({"a": nn.Linear(2, 2)}),
        lambda: nn.ParameterList([cr.ones(2), cr.ones(1)]),
        lambda: nn.ParameterDict({"a": cr.ones(2)}),
    ],
)
def test_copies_stand_alone(make):
    values = make()
    deep, read = copy.deepcopy(values), pickle.loads(pickle.dumps(values))
    for other in (deep, read):
        assert repr(other) == repr(values)
        assert list(other.state_dict()) == list(values.state_dict())
        for own, theirs in zip(values.parameters(), other.parameters(), strict=True):
            assert own is not theirs and own.equal(theirs)
    shallow = copy.copy(values)
    if isinstance(shallow, nn.ParameterList):
        shallow.append(cr.ones(3))
    else:
        shallow["b"] = nn.Linear(1, 1) if isinstance(shallow, nn.ModuleDict) else cr.ones(3)
    assert len(shallow) == len(values) + 1
    assert len(list(shallow.parameters())) > len(list(values.parameters()))


def test_they_work_captured_as_eager():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleDict({"in": nn.Linear(3, 4), "out": nn.Linear(4, 1)})
            self.shifts = nn.ParameterList([cr.ones(4), cr.full((1,), 0.5)])
            self.scales = nn.ParameterDict({"hidden": cr.full((4,), 2.0)})

        def forward(self, x):
            hidden = cr.tanh(self.layers["in"](x) + self.shifts[0]) * self.scales["hidden"]
            return self.layers["out"](hidden) + self.shifts[1]

    cr.manual_seed(0)
    net = Net()
    assert list(net.state_dict()) == [
        "layers.in.weight",
        "layers.in.bias",
        "layers.out.weight",
        "layers.out.bias",
        "shifts.0",
        "shifts.1",
        "scales.hidden",
    ]

    def step(x):
        net.zero_grad()
        loss = net(x).square().sum()
        loss.backward()
        return loss

    x = cr.randn(5, 3)
    wanted = step(x)
    gradients = [p.grad.clone() for p in net.parameters()]
    captured = cr.compile(step)
    for _ in range(4):
        assert captured(x).equal(wanted)
        assert all(p.grad.equal(g) for p, g in zip(net.parameters(), gradients, strict=True))
    assert captured.stats["replays"] >= 1
