"""nn.Module: registration, walks, modes, hooks, text, copies, containers, and where errors come from."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


class Net(nn.Module):
    """Two layers, a buffer, a transient buffer and a plain attribute."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        self.scale = nn.Parameter(cr.ones(3))
        self.register_buffer("mean", cr.zeros(4))
        self.register_buffer("cache", cr.zeros(2), persistent=False)
        self.note = "plain"

    def forward(self, x):
        return self.layers(x - self.mean) * self.scale


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


# ---- the call


def test_the_call_passes_everything_on():
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Echo()(1, 2, key=3) == ((1, 2), {"key": 3})
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_hooks_run_in_order_and_may_replace():
    layer = nn.Identity()
    seen = []
    first = layer.register_forward_pre_hook(lambda m, args: seen.append(("pre", args)))
    layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
    layer.register_forward_hook(lambda m, args, out: out * 10)
    last = layer.register_forward_hook(lambda m, args, out: seen.append(("post", args, out)))
    assert layer(1) == 20
    assert seen == [("pre", (1,)), ("post", (2,), 20)]
    first.remove()
    first.remove()
    with last:
        layer(1)
    layer.register_forward_hook(lambda m, args, out: out + 1, prepend=True)
    assert layer(1) == 30
    assert len(seen) == 3


def test_hooks_with_keywords():
    class Scale(nn.Module):
        def forward(self, x, by=1):
            return x * by

    layer = Scale()
    layer.register_forward_pre_hook(lambda m, a, k: (a, {**k, "by": k["by"] + 1}), with_kwargs=True)
    layer.register_forward_hook(lambda m, a, k, out: (out, k["by"]), with_kwargs=True)
    assert layer(5, by=2) == (15, 3)
    layer.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="args, kwargs"):
        layer(5, by=2)


# ---- where an error comes from


def outer(inner):
    net = nn.Module()
    net.body = nn.Sequential(nn.Identity(), inner)
    net.forward = lambda x: net.body(x)
    return net


class Failing(nn.Module):
    """Raises what it was given."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


def test_an_error_names_the_path_of_the_module():
    net = Net()
    net.layers[2] = nn.Linear(9, 3)
    where = r"^in Net\.layers\.2 \(Linear\): \[linear\] expected"
    with pytest.raises(ValueError, match=where) as info:
        net(cr.ones(2, 4))
    assert isinstance(info.value, cr.ShapeError)
    with pytest.raises(cr.ShapeError, match=r"^in Linear: \[linear\]"):
        nn.Linear(4, 3)(cr.ones(5))


def test_other_exceptions_keep_their_arguments_and_get_a_note():
    for error in (KeyError("k"), ValueError("no form"), StopIteration(3), OSError(2, "gone", "f")):
        args = error.args
        with pytest.raises(type(error)) as info:
            outer(Failing(error))(1)
        assert info.value is error
        assert error.args == args
        assert error.__notes__ == ["in Module.body.1 (Failing)"]


def test_a_module_that_is_not_registered_has_no_name():
    net = Net()
    hidden = [Failing(ValueError("[x] expected"))]
    net.forward = lambda x: hidden[0](x)
    with pytest.raises(ValueError, match=r"^in Net\.\? \(Failing\): \[x\] expected$"):
        net(1)


def test_a_grandchild_called_directly_is_named():
    net = outer(nn.Linear(2, 2))
    net.forward = lambda x: net.body[1](x)
    with pytest.raises(cr.ShapeError, match=r"^in Module\.body\.1 \(Linear\): "):
        net(cr.ones(3))


def test_a_marked_error_is_picklable_and_keeps_no_module():
    with pytest.raises(ValueError) as info:
        outer(Failing(ValueError("[x] expected y; got z.")))(1)
    again = pickle.loads(pickle.dumps(info.value))
    assert str(again) == "in Module.body.1 (Failing): [x] expected y; got z."
    assert not any(isinstance(v, nn.Module) for v in vars(info.value).values())


def test_an_error_that_forward_handles_leaves_no_trace():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Failing(ValueError("[x] expected"))

        def forward(self, x):
            try:
                return self.inner(x)
            except ValueError:
                return x

    assert Careful()(7) == 7


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


def times_two(module, args, output):
    return output * 2


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


# ---- containers


def test_sequential_is_a_list_of_calls():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b, c)
    x = cr.randn(4, 2)
    assert net(x).equal(c(b(a(x))))
    assert list(net) == [a, b, c]
    assert len(net) == 3
    assert net[0] is a
    assert net[-1] is c
    assert list(net[1:]) == [b, c]
    assert isinstance(net[1:], nn.Sequential)
    net[1] = nn.Tanh()
    del net[0]
    assert [n for n, _ in net.named_children()] == ["0", "1"]
    net.insert(0, a).append(b).extend([b, b])
    assert [type(m).__name__ for m in net] == ["Linear", "Tanh", "Linear", "ReLU", "ReLU", "ReLU"]
    assert net.pop(3) is b
    assert net.pop() is b
    assert list(net + nn.Sequential(b))[-1] is b
    assert len(nn.Sequential(a, b) * 3) == len(3 * nn.Sequential(a, b)) == 6
    net *= 2
    assert len(net) == 8
    net.extend(net)
    assert len(net) == 16


def test_sequential_with_names():
    net = nn.Sequential({"first": nn.Linear(2, 2), "act": nn.ReLU()})
    assert list(net.state_dict()) == ["first.weight", "first.bias"]
    assert net.act is net[1]
    assert [n for n, _ in net[:1].named_children()] == ["first"]
    net.act = None
    assert len(net) == 1
    assert net(cr.zeros(1, 2)).shape == (1, 2)


def test_modulelist():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert len(list(layers.parameters())) == 6
    assert isinstance(layers[:2], nn.ModuleList)
    layers += [nn.ReLU()]
    layers.insert(1, nn.Tanh())
    assert [n for n, _ in layers.named_children()] == ["0", "1", "2", "3", "4"]
    assert isinstance(layers[1], nn.Tanh)
    assert len(layers + [nn.ReLU()]) == 6
    with pytest.raises(NotImplementedError):
        layers(1)


@pytest.mark.parametrize(
    ("error", "act"),
    [
        (TypeError, lambda net: net.append(3)),
        (TypeError, lambda net: net.extend([nn.ReLU(), 3])),
        (TypeError, lambda net: net.insert(0, "x")),
        (TypeError, lambda net: net.__setitem__(0, None)),
        (IndexError, lambda net: net[2]),
        (IndexError, lambda net: net[-3]),
        (IndexError, lambda net: net.__setitem__(5, nn.ReLU())),
        (IndexError, lambda net: net.__delitem__(5)),
        (TypeError, lambda net: net["x"]),
        (ValueError, lambda net: net * 0),
    ],
)
def test_container_misuse_changes_nothing(error, act):
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    before = list(net)
    with pytest.raises(error):
        act(net)
    assert list(net) == before


# ---- layers and losses


def test_linear_shapes():
    layer = nn.Linear(4, 3)
    assert tuple(layer.weight.shape) == (3, 4)
    assert tuple(layer.bias.shape) == (3,)
    for shape in [(4,), (0, 4), (5, 4), (2, 5, 4)]:
        assert tuple(layer(cr.zeros(*shape)).shape) == (*shape[:-1], 3)
    assert nn.Linear(4, 3, bias=False).bias is None
    assert nn.Linear(4, 3, dtype=cr.float64).weight.dtype == cr.float64
    assert nn.Linear(0, 2)(cr.zeros(3, 0)).tolist() == [[0.0, 0.0]] * 3
    for sizes, error in [((-1, 2), ValueError), ((2, -1), ValueError), ((2.5, 2), TypeError)]:
        with pytest.raises(error, match="features"):
            nn.Linear(*sizes)


ACTIVATIONS = {
    "ReLU": lambda x: np.maximum(x, 0),
    "LeakyReLU": lambda x: np.where(x > 0, x, 0.01 * x),
    "SiLU": lambda x: x / (1 + np.exp(-x)),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Tanh": np.tanh,
    "Softplus": lambda x: np.log1p(np.exp(x)),
    "GELU": lambda x: x * np.vectorize(lambda v: 0.5 * (1 + __import__("math").erf(v / 2**0.5)))(x),
    "Identity": lambda x: x,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = np.linspace(-4, 4, 41)
    got = getattr(nn, name)()(cr.tensor(x)).numpy()
    np.testing.assert_allclose(got, ACTIVATIONS[name](x), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("make", [nn.ReLU, nn.LeakyReLU, nn.SiLU, nn.Dropout])
def test_inplace_changes_the_input_and_keeps_the_gradient(make):
    x = cr.linspace(-2, 2, 9, dtype=cr.float64, requires_grad=True)
    layer, plain = make(inplace=True).eval(), make().eval()
    y = x * 1.0
    out = layer(y)
    assert out is y
    assert out.detach().equal(plain(x.detach()))
    (grad,) = cr.autograd.grad(out.sum(), x)
    (want,) = cr.autograd.grad(plain(x).sum(), x)
    assert grad.equal(want)
    with pytest.raises(RuntimeError):
        layer(x)  # a leaf that requires grad


def test_softmax_without_dim_warns_and_chooses_as_pytorch():
    x = cr.randn(2, 3, dtype=cr.float64)
    for make in (nn.Softmax, nn.LogSoftmax):
        with pytest.warns(UserWarning, match="dim"):
            assert make()(x).equal(make(dim=1)(x))
        with pytest.warns(UserWarning, match="dim"):
            assert make()(x[0]).equal(make(dim=0)(x[0]))


def test_flatten():
    x = cr.zeros(2, 3, 4, 5)
    assert tuple(nn.Flatten()(x).shape) == (2, 60)
    assert tuple(nn.Flatten(0, 1)(x).shape) == (6, 4, 5)


def test_losses_check_their_settings():
    for make in (nn.MSELoss, nn.L1Loss, nn.CrossEntropyLoss, nn.NLLLoss, nn.BCELoss):
        with pytest.raises(ValueError, match="reduction"):
            make(reduction="median")
    with pytest.raises(ValueError, match="label_smoothing"):
        nn.CrossEntropyLoss(label_smoothing=1.5)
    with pytest.raises(ValueError, match="delta"):
        nn.HuberLoss(delta=0)
    with pytest.raises(ValueError, match="beta"):
        nn.SmoothL1Loss(beta=-1)


def test_losses_never_broadcast():
    for loss in (nn.MSELoss(), nn.L1Loss(), nn.BCEWithLogitsLoss(), nn.HuberLoss()):
        with pytest.raises(cr.ShapeError, match=r"\(4, 1\).*\(4,\)|\(4,\).*\(4, 1\)"):
            loss(cr.zeros(4, 1), cr.zeros(4))


def test_old_reduction_flags():
    x, y = cr.tensor([1.0, 3.0]), cr.tensor([0.0, 0.0])
    for flags, want in [((True, True), 5.0), ((False, None), 10.0), ((None, False), [1.0, 9.0])]:
        with pytest.warns(DeprecationWarning, match="reduction="):
            assert nn.MSELoss(*flags)(x, y).tolist() == want
        with pytest.warns(DeprecationWarning, match="reduction="):
            assert nn.functional.mse_loss(x, y, *flags).tolist() == want


def test_class_weights_are_buffers():
    loss = nn.CrossEntropyLoss(weight=cr.tensor([1.0, 3.0]))
    assert list(loss.state_dict()) == ["weight"]
    assert loss.double().weight.dtype == cr.float64
    assert not list(nn.CrossEntropyLoss().state_dict())
    x = cr.zeros(2, 2, dtype=cr.float64)
    assert float(loss(x, cr.tensor([0, 1]))) == pytest.approx(np.log(2))


def test_every_functional_operation_of_the_engine_has_its_name():
    native = {name for name in dir(cr._core._functional) if not name.startswith("_")}
    assert native <= set(nn.functional.__all__)


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
        assert cr._core._plans_generation() > before
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
