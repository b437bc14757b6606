"""nn.Module: registration, walks, modes, text and copies."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from nets import Net, times_two

NET_PARAMETERS = [
    "scale",
    "layers.0.weight",
    "layers.0.bias",
    "layers.2.weight",
    "layers.2.bias",
]

# ---- registration


def test_walks_follow_the_order_of_registration():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NET_PARAMETERS
    assert [name for name, _ in net.named_buffers()] == ["mean", "cache"]
    assert [name for name, _ in net.named_children()] == ["layers"]
    assert [name for name, _ in net.named_modules()] == [
        "",
        "layers",
        "layers.0",
        "layers.1",
        "layers.2",
    ]
    assert [p is q for p, q in zip(net.parameters(), dict(net.named_parameters()).values())] == [
        True
    ] * 5
    assert [n for n, _ in net.named_parameters(prefix="net", recurse=False)] == ["net.scale"]
    assert sum(p.numel() for p in net.parameters()) == 3 + 4 * 8 + 8 + 8 * 3 + 3


def test_shared_parameters_and_modules_come_once():
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.b = net.a
    net.c = nn.Linear(2, 2)
    net.c.weight = net.a.weight
    assert [n for n, _ in net.named_parameters()] == ["a.weight", "a.bias", "c.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 6
    assert [n for n, _ in net.named_modules()] == ["", "a", "c"]
    assert len(list(net.modules())) == 3 < len(list(net.modules(remove_duplicate=False)))
    assert list(net.state_dict()) == [f"{m}.{n}" for m in "abc" for n in ("weight", "bias")]


def test_an_attribute_is_read_and_replaced_like_any_other():
    layer = nn.Linear(2, 3)
    weight = nn.Parameter(cr.zeros(3, 2))
    layer.weight = weight
    assert layer.weight is weight
    assert [n for n, _ in layer.named_parameters()] == ["weight", "bias"]
    layer.bias = None
    assert [n for n, _ in layer.named_parameters()] == ["weight"]
    assert layer(cr.ones(1, 2)).tolist() == [[0, 0, 0]]
    layer.bias = nn.Parameter(cr.ones(3))
    assert [n for n, _ in layer.named_parameters()] == ["weight", "bias"]
    del layer.bias
    assert not hasattr(layer, "bias")
    assert list(layer.state_dict()) == ["weight"]


def test_a_name_can_change_its_kind():
    net = nn.Module()
    net.x = 3
    assert not list(net.parameters())
    net.x = nn.Parameter(cr.ones(1))
    net.y = nn.ReLU()
    assert [n for n, _ in net.named_parameters()] == ["x"]
    net.x = nn.ReLU()
    assert [n for n, _ in net.named_children()] == ["y", "x"]
    assert not list(net.parameters())


def test_tables_can_be_read_and_not_written():
    net = Net()
    assert list(net._modules) == ["layers"]
    assert list(net._parameters) == ["scale"]
    assert list(net._buffers) == ["mean", "cache"]
    with pytest.raises(TypeError):
        net._parameters["scale"] = None


@pytest.mark.parametrize(
    ("error", "words", "act"),
    [
        (TypeError, "weight", lambda m: setattr(m, "weight", cr.ones(3, 2))),
        (TypeError, "nn.Module", lambda m: setattr(m, "child", 3)),
        (TypeError, "Tensor", lambda m: setattr(m, "stat", 3)),
        (TypeError, "Parameter", lambda m: m.register_parameter("p", cr.ones(1))),
        (TypeError, "Tensor", lambda m: m.register_buffer("p", [1.0])),
        (TypeError, "Module", lambda m: m.register_module("p", cr.ones(1))),
        (TypeError, "string", lambda m: m.add_module(3, nn.ReLU())),
        (KeyError, r"got .*a\.b", lambda m: m.register_buffer("a.b", None)),
        (KeyError, "not empty", lambda m: m.add_module("", None)),
        (KeyError, "exists", lambda m: m.register_buffer("weight", None)),
        (KeyError, "exists", lambda m: m.register_parameter("forward", None)),
        (AttributeError, "nothing", lambda m: m.nothing),
        (AttributeError, "nothing", lambda m: delattr(m, "nothing")),
        (AttributeError, "'y'", lambda m: m.get_submodule("child.y")),
        (AttributeError, "'stat'", lambda m: m.get_parameter("stat")),
        (AttributeError, "'weight'", lambda m: m.get_buffer("weight")),
        (ValueError, "mode", lambda m: m.train("yes")),
        (TypeError, "floating", lambda m: m.to(cr.int64)),
    ],
)
def test_misuse_is_an_error_that_changes_nothing(error, words, act):
    module = nn.Linear(2, 3)
    module.child = nn.ReLU()
    module.register_buffer("stat", cr.zeros(1))
    before = repr(module), list(module.state_dict()), dict(vars(module))
    with pytest.raises(error, match=words):
        act(module)
    assert (repr(module), list(module.state_dict()), dict(vars(module))) == before


def test_registering_before_init_says_what_is_missing():
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"super\(\).__init__\(\)"):
        Early()


def test_lookups_by_path():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("layers.2") is net.layers[2]
    assert net.get_parameter("layers.0.bias") is net.layers[0].bias
    assert net.get_buffer("mean") is net.mean


# ---- modes, dtype, gradients


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())
    frozen = nn.Module()
    frozen.child = net
    net.train = lambda mode=True: net  # a subclass that refuses
    frozen.eval()
    assert net.training


def test_dropout_by_mode():
    cr.manual_seed(0)
    layer = nn.Dropout(0.25)
    x = cr.ones(4000)
    kept = layer(x)
    values = set(kept.tolist())
    assert values == {0.0, float(np.float32(1 / 0.75))}
    assert 0.7 < float((kept > 0).to(cr.float32).mean()) < 0.8
    assert not layer(x).equal(kept)
    assert layer.eval()(x).equal(x)
    assert nn.Dropout(1.0)(x).tolist() == [0.0] * 4000
    for p in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="p <= 1"):
            nn.Dropout(p)


def test_apply_and_requires_grad():
    net = Net()
    seen = []
    net.apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Net"]
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    assert net.requires_grad_() is net
    assert all(p.requires_grad for p in net.parameters())


def test_zero_grad():
    net = Net()
    net(cr.ones(2, 4)).sum().backward()
    grad = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad.tolist() == [0, 0, 0]
    assert grad.tolist() == [0, 0, 0]
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_to_keeps_the_parameter_objects():
    net = Net()
    net.register_buffer("count", cr.tensor([3]))
    shared = nn.Linear(4, 4)
    shared.register_buffer("mean", net.mean)
    net.shared = shared
    net(cr.ones(2, 4)).sum().backward()
    before = list(net.parameters())
    assert net.double() is net
    assert all(p is q for p, q in zip(before, net.parameters()))
    assert {p.dtype for p in net.parameters()} == {cr.float64}
    assert net.scale.grad.dtype == cr.float64
    assert net.scale.is_leaf
    assert net.scale.requires_grad
    assert net.mean.dtype == cr.float64
    assert net.shared.mean is net.mean
    assert net.count.dtype == cr.int64
    assert net(cr.ones(2, 4, dtype=cr.float64)).dtype == cr.float64
    assert net.float().scale.dtype == cr.float32
    assert net.bfloat16() is net
    assert {p.dtype for p in net.parameters()} == {net.mean.dtype} == {cr.bfloat16}
    assert net.scale.grad.dtype == cr.bfloat16 and net.count.dtype == cr.int64
    assert net(cr.ones(2, 4, dtype=cr.bfloat16)).dtype == cr.bfloat16
    assert net.to("cpu").to(cr.device("cpu"), cr.float64).scale.dtype == cr.float64
    assert net.to(cr.ones(1)).scale.dtype == cr.float32
    with pytest.raises((RuntimeError, ValueError)):
        net.to("nowhere")


# ---- text


def test_repr_is_pytorchs():
    net = Net()
    net.stack = nn.ModuleList([nn.Linear(2, 2, bias=False) for _ in range(3)])
    net.stack.append(nn.Softmax(dim=1))
    net.empty = nn.Sequential()
    assert (
        repr(net)
        == """Net(
  (layers): Sequential(
    (0): Linear(in_features=4, out_features=8, bias=True)
    (1): ReLU()
    (2): Linear(in_features=8, out_features=3, bias=True)
  )
  (stack): ModuleList(
    (0-2): 3 x Linear(in_features=2, out_features=2, bias=False)
    (3): Softmax(dim=1)
  )
  (empty): Sequential()
)"""
    )


def test_extra_repr_of_several_lines():
    class Wide(nn.Module):
        def extra_repr(self):
            return "one\ntwo"

    assert repr(Wide()) == "Wide(\n  one\n  two\n)"


# ---- copies


def test_pickle_and_deepcopy():
    net = Net()
    net.register_forward_hook(times_two)
    net.tied = nn.Linear(8, 4)
    net.tied.weight = nn.Parameter(cr.ones(4, 8))
    net.layers[0].weight.requires_grad_(False)
    net.eval()
    x = cr.randn(5, 4)
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert type(again) is Net
        assert again(x).equal(net(x))
        assert not again.training
        assert not again.layers[0].weight.requires_grad
        assert list(again.state_dict()) == list(net.state_dict())
        assert isinstance(again.scale, nn.Parameter)
        with cr.no_grad():
            again.scale.fill_(0.0)
        assert net.scale.tolist() == [1, 1, 1]


def test_copies_keep_what_is_shared():
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.b = nn.Linear(2, 2)
    net.b.weight = net.a.weight
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert again.a.weight is again.b.weight
        assert again.a.weight is not net.a.weight


def test_a_shallow_copy_registers_for_itself():
    net = Net()
    again = copy.copy(net)
    again.extra = nn.Linear(1, 1)
    assert again.scale is net.scale
    assert "extra" not in dict(net.named_children())
    assert repr(net) == repr(Net())


def test_a_module_that_contains_itself():
    def loop():
        net = nn.Sequential(nn.Linear(2, 2))
        net.append(nn.ModuleList([net]))
        return net

    # As in PyTorch: each module once.
    assert len(list(loop().modules())) == 3 and len(list(loop().parameters())) == 2
    for call in (
        lambda net: net.double(),
        lambda net: net.zero_grad(),
        copy.deepcopy,
        lambda net: pickle.loads(pickle.dumps(net)),
    ):
        call(loop())
    for name, call in {
        "train": lambda net: net.eval(),
        "apply": lambda net: net.apply(lambda module: None),
        "state_dict": lambda net: net.state_dict(),
        "repr": repr,
    }.items():
        with pytest.raises(cr.StateError) as caught:
            call(loop())
        assert str(caught.value).startswith(f"[{name}] expected modules that do not contain")
        assert "whose '1.0' is that module itself" in str(caught.value) or (
            "whose '0.1' is that module itself" in str(caught.value)
        )
    deep = nn.Linear(1, 1)
    for _ in range(3000):  # no cycle: Python's own error
        deep = nn.Sequential(deep)
    with pytest.raises(RecursionError):
        deep.train()
