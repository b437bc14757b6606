"""Objects of other types where a tensor or a module is wanted: what messages call their type, and
hints, which are code that runs."""

import collections
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.nn import functional
from chainrule.optim import lr_scheduler
from chainrule.utils import data

X = cr.ones(2, 3)
ARRAY = np.ones((2, 3), np.float32)
LIST = [[1.0, 2.0, 3.0]]
SGD = optim.SGD([cr.ones(1)], lr=0.1)


class Exporter:
    """Another library's tensor."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Tensor(Exporter):
    """One that bears our name, and may have a history."""

    def detach(self):
        return self.array


def hint_of(call, kind=TypeError):
    """The text before the hint and the code in it."""
    with pytest.raises(kind) as caught:
        call()
    text, _, code = str(caught.value).partition(" Pass ")
    return text, code.partition(".\n")[0].removesuffix(".")


@pytest.mark.parametrize(
    ("call", "name", "value"),
    [
        (lambda: functional.relu(ARRAY), "input", ARRAY),
        (lambda: functional.relu(LIST), "input", LIST),
        (lambda: cr.mean(ARRAY), "input", ARRAY),  # which has several forms
        (lambda: nn.Linear(3, 2)(ARRAY), "input", ARRAY),
        (lambda: nn.Sequential(nn.Linear(3, 2))(LIST), "input", LIST),
        (lambda: nn.MSELoss()(X, ARRAY), "target", ARRAY),
        (lambda: nn.CrossEntropyLoss()(X, [1, 2]), "target", [1, 2]),
        (lambda: nn.BatchNorm1d(3)(ARRAY), "x", ARRAY),
        (lambda: nn.InstanceNorm1d(3)(ARRAY), "x", ARRAY),
        (lambda: nn.Conv1d(3, 1, 1)(ARRAY), "input", ARRAY),
        (lambda: nn.LSTM(3, 2)(ARRAY), "x", ARRAY),
        (lambda: nn.Embedding(3, 2)([0, 2]), "x", [0, 2]),
        (lambda: nn.ReLU().register_buffer("b", ARRAY), "x", ARRAY),
        (lambda: nn.Parameter(ARRAY), "data", ARRAY),
        (lambda: setattr(cr.ones(2, 3), "grad", ARRAY), "x", ARRAY),
        (lambda: cr.ones(2, requires_grad=True).backward(ARRAY), "x", ARRAY),
        (lambda: data.TensorDataset(ARRAY), "x", ARRAY),
        (lambda: cr.func.functional_call(nn.Linear(3, 2), {"weight": ARRAY}, X), "x", ARRAY),
        (lambda: functional.relu([X, X]), "input", [X, X]),
        (lambda: functional.relu(Exporter(ARRAY)), "input", Exporter(ARRAY)),
        (lambda: cr.from_numpy(Tensor(ARRAY)), "x", Tensor(ARRAY)),
    ],
)
def test_a_hint_makes_the_tensor(call, name, value):
    _, code = hint_of(call)
    assert re.fullmatch(rf"chainrule\.\w+\({name}(\.detach\(\))?\)", code)
    made = eval(code, {"chainrule": cr, name: value})
    assert isinstance(made, cr.Tensor)
    wanted = getattr(value, "array", value)
    assert made.tolist() == [
        v.tolist() if isinstance(v, cr.Tensor | np.ndarray) else v for v in wanted
    ]


def test_which_call_it_is():
    for value, code in (
        (ARRAY, "chainrule.from_numpy(input)"),
        (LIST, "chainrule.tensor(input)"),
        ((1, 2), "chainrule.tensor(input)"),
        ([X], "chainrule.stack(input)"),
        (Exporter(ARRAY), "chainrule.from_dlpack(input)"),
        (Tensor(ARRAY), "chainrule.from_dlpack(input.detach())"),
    ):
        assert hint_of(lambda value=value: functional.relu(value))[1] == code
    assert hint_of(lambda: cr.cat([X, ARRAY]))[1] == "chainrule.from_numpy(tensors[1])"
    endless = []
    endless.append(endless)
    for value in ("text", None, {}, [], ["a"], endless, 3, nn.ReLU):
        assert hint_of(lambda value=value: functional.relu(value))[1] == ""


def test_a_type_has_its_module_before_its_name():
    for value, name in (
        (ARRAY, "numpy.ndarray"),
        (collections.OrderedDict(), "collections.OrderedDict"),
        (Tensor(ARRAY), f"{__name__}.Tensor"),
        (nn.ReLU(), "ReLU"),
        (nn.Parameter(X), "Parameter"),
        (X, "Tensor"),
        (None, "None"),
        (3, "int"),
        (nn.ReLU, "the class ReLU"),
        (dict, "the class dict"),
    ):
        assert cr._core._type_name(value) == name
    with pytest.raises(TypeError, match=rf"got \({re.escape(__name__)}\.Tensor\): 'input' must be"):
        functional.relu(Tensor(ARRAY))
    odd = type("Odd", (), {"__module__": 3})
    assert cr._core._type_name(odd()) == "Odd"


@pytest.mark.parametrize("kind", [lambda a: a, np.ndarray.tolist, Tensor, Exporter])
def test_a_state_dict_of_other_values(kind):
    net = nn.Linear(3, 2)
    state = {name: kind(value.numpy() + 1) for name, value in net.state_dict().items()}
    wanted = [value.tolist() for value in cr.tensor(0) + net.weight + 1]
    with pytest.raises(cr.StateError) as caught:
        net.load_state_dict(state)
    *_, hint = str(caught.value).splitlines()
    assert '"weight": a tensor expected, ' + cr._core._type_name(state["weight"]) in str(
        caught.value
    )
    code = re.fullmatch(r"    Pass (\{k: .*\})\.", hint)[1]
    net.load_state_dict(eval(code, {"chainrule": cr, "state_dict": state}))
    assert net.weight.tolist() == wanted


def test_a_state_dict_with_some_tensors_has_no_hint():
    with pytest.raises(cr.StateError, match=r"numpy\.ndarray in the state dict$"):
        nn.Linear(3, 2).load_state_dict({"weight": cr.ones(2, 3), "bias": np.ones(2)})


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU), "Sequential"),
        (lambda: nn.Sequential({"a": nn.ReLU}), "Sequential"),
        (lambda: nn.ModuleList([nn.ReLU]), "ModuleList"),
        (lambda: nn.ModuleDict({"a": nn.ReLU}), "ModuleDict"),
        (lambda: nn.Module().register_module("a", nn.ReLU), "register_module"),
        (lambda: setattr(nn.Sequential(nn.Tanh()), "0", nn.ReLU), "Sequential"),
    ],
)
def test_a_class_in_place_of_a_module(call, text):
    with pytest.raises(TypeError) as caught:
        call()
    assert re.fullmatch(
        rf"\[{text}\] expected .*; got the class ReLU.*\. Make one: nn\.ReLU\(\)\.",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("call", "made"),
    [
        (lambda: nn.TransformerEncoderLayer(8, 2, activation=nn.GELU), "GELU()"),
        (
            lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer, 2),
            "TransformerEncoderLayer(...)",
        ),
        (
            lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 2, nn.LayerNorm),
            "LayerNorm(...)",
        ),
        (lambda: cr.compile(nn.Linear), "Linear(...)"),
        (lambda: cr.compile(nn.ReLU, fallback=True), "ReLU(...)"),
    ],
)
def test_a_class_in_place_of_a_module_or_a_function(call, made):
    with pytest.raises(TypeError) as caught:
        call()
    kind = made.partition("(")[0]
    assert str(caught.value).endswith(f"; got the class {kind}. Make one: nn.{made}.")


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        (functional.relu, "Use nn.ReLU()."),
        (cr.tanh, "Use nn.Tanh()."),
        (functional.log_softmax, "Use nn.LogSoftmax()."),
        (functional.max_pool2d, "Use nn.MaxPool2d(...)."),
        (cr.sin, "Use nn.Activation(f) for a function f of a tensor."),
        (lambda x: x, "Use nn.Activation(f) for a function f of a tensor."),
        (
            cr.compile(nn.Linear(2, 1)),
            "got CompiledFunction. A compiled function is no module: compile the whole.",
        ),
        (X, "got Tensor."),
    ],
)
def test_functions_in_place_of_modules(module, hint):
    for make in (nn.Sequential, lambda m: nn.ModuleList([m])):
        with pytest.raises(TypeError) as caught:
            make(module)
        assert str(caught.value).endswith(hint)


def test_tuples_of_tensors_are_the_results_of_recurrent_layers():
    gru, lstm, linear = nn.GRU(3, 4), nn.LSTM(3, 4), nn.Linear(4, 1)
    for net in (nn.Sequential(gru, linear), nn.Sequential(lstm, linear), nn.Sequential(lstm, lstm)):
        with pytest.raises(TypeError) as caught:
            net(cr.ones(2, 3))
        assert str(caught.value).endswith(" A recurrent layer returns (output, h_n): take [0].")
    with pytest.raises(TypeError, match="recurrent layer"):
        nn.BatchNorm1d(3)((X, (X, X)))
    with pytest.raises(TypeError) as caught:
        functional.relu(X.max(1))
    assert "recurrent" not in str(caught.value) and "stack" not in str(caught.value)
    for both in ((X, X), [X, X]):
        with pytest.raises(TypeError, match=r"one by one: TensorDataset\(x, y\)\.$"):
            data.TensorDataset(both)


@pytest.mark.parametrize(
    ("call", "end"),
    [
        (
            lambda: lr_scheduler.StepLR(optim.Adam, 3),
            "got the class Adam. Make one: Adam(net.parameters()).",
        ),
        (
            lambda: lr_scheduler.ChainedScheduler([lr_scheduler.StepLR]),
            "got the class StepLR at 0. Make one: StepLR(optimizer, ...).",
        ),
        (
            lambda: optim.Adam(nn.Linear(1, 1)),
            "got Linear. Pass net.parameters() of the module net.",
        ),
        (
            lambda: optim.Adam(nn.Linear(1, 1).parameters),
            "got method. Call it: net.parameters().",
        ),
    ],
)
def test_classes_and_modules_in_place_of_optimizers_and_parameters(call, end):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value).endswith(end)


NET = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


@pytest.mark.parametrize(
    "call",
    [
        lambda: optim.Adam(NET),
        lambda: optim.Adam([{"params": NET}]),
        lambda: optim.Adam([NET[0], NET[2]]),
        lambda: optim.SGD(NET.parameters, lr=0.1),
        lambda: optim.Adam(nn.Linear),
        lambda: nn.utils.clip_grad_norm_(NET, 1.0),
        lambda: nn.utils.clip_grad_norm_(NET[0], 1.0),
        lambda: nn.utils.clip_grad_norm_(NET.parameters, 1.0),
        lambda: nn.utils.clip_grad_value_([NET], 1.0),
        lambda: nn.utils.parameters_to_vector(NET),
    ],
)
def test_a_module_in_place_of_its_parameters(call):
    with pytest.raises(
        TypeError, match=r"; got .*\. (Pass|Call it:) net\.parameters\(\)( of the m.*)?\.$"
    ):
        call()


def test_containers_of_parameters_are_taken():
    parameters = nn.ParameterList([cr.ones(2)])
    assert len(optim.Adam(parameters).param_groups[0]["params"]) == 1
    assert nn.utils.clip_grad_norm_(parameters, 1.0).item() == 0


LOSSES = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HingeLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "TripletMarginLoss",
]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [X, ARRAY], ids=["tensor", "array"])
def test_tensors_handed_to_the_constructor_of_a_loss(name, value):
    with pytest.raises(TypeError) as caught:
        getattr(nn, name)(value, value)
    kind = cr._core._type_name(value)
    text = str(caught.value)
    first = r"(settings of the loss|margin to be a number|log_input to be True or False)"
    assert re.match(rf"\[{name}\] expected {first}; ", text)
    assert text.endswith(
        f"; got a {kind} of shape (2, 3). Make the module, then call it: nn.{name}(...)(...)."
    )


def test_a_weight_alone_is_a_setting():
    assert nn.CrossEntropyLoss(cr.ones(3)).weight.tolist() == [1, 1, 1]
    assert nn.HuberLoss(delta=cr.tensor(2.0)).delta.item() == 2


def test_numbers_beyond_all_floats():
    huge = 10**400
    w = [cr.ones(1)]
    for call, text in (
        (lambda: optim.SGD(w, lr=huge), "[SGD] expected lr to fit float64"),
        (lambda: optim.Adam(w, betas=(huge, 0.9)), "[Adam] expected betas[0] to fit float64"),
        (lambda: optim.SGD(w, lr=lambda t: huge), "[SGD] expected what lr returns to fit float64"),
        (lambda: lr_scheduler.StepLR(SGD, 3, huge), "[StepLR] expected gamma to fit float64"),
        (lambda: nn.Dropout(huge), "[Dropout] expected p to fit float64"),
        (lambda: nn.HuberLoss(delta=huge), "[HuberLoss] expected delta to fit float64"),
        (
            lambda: nn.utils.clip_grad_norm_(w, huge),
            "[clip_grad_norm_] expected max_norm to fit float64",
        ),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == f"{text}; got an integer of 1329 bits."
    late = optim.SGD([nn.Parameter(cr.ones(1))], lr=0.1)
    late.param_groups[0]["lr"] = huge
    with pytest.raises(ValueError, match=r"^\[SGD\] expected lr to fit float64; got an integer of"):
        late.step()


def test_a_misspelt_setting_of_a_group():
    w = [cr.ones(1)]
    for key, near in (
        ("weight_decy", "weight_decay"),
        ("weight-decay", "weight_decay"),
        ("beta", "betas"),
        ("LR", "lr"),
        ("learning_rate", "lr"),
        ("wd", "weight_decay"),
        ("decay", "weight_decay"),
        ("beta1", "betas"),
    ):
        with pytest.raises(ValueError) as caught:
            optim.Adam([{"params": w, key: 0.1}])
        assert str(caught.value) == (
            f"[Adam] expected settings of a group by their names; got {key!r}. "
            f"Did you mean {near!r}?"
        )
    adam = optim.Adam([cr.ones(1)])
    with pytest.raises(ValueError, match="Did you mean 'eps'"):
        adam.add_param_group({"params": w, "EPS": 0.1})
    assert len(adam.param_groups) == 1


@pytest.mark.parametrize(
    ("kind", "key"),
    [("Adam", "momentum"), ("SGD", "betas"), ("Lion", "eps"), ("Muon", "betas"), ("SGD", "rho")],
)
def test_settings_of_other_optimizers_in_a_group(kind, key):
    w = [cr.ones(2, 2)]
    with pytest.raises(ValueError) as caught:
        getattr(optim, kind)([{"params": w, key: 0.9}], lr=0.1)
    assert str(caught.value) == (
        f"[{kind}] expected settings that {kind} has in a group; got {key!r}, a setting of other "
        "optimizers."
    )


def test_an_optimizer_of_the_users_reads_what_it_likes():
    own = optim.Optimizer([{"params": [cr.ones(1)], "momentum": 0.9}], {"lr": 0.1})
    assert own.param_groups[0]["momentum"] == 0.9


def test_other_keys_of_a_group_are_kept():
    keys = {"name": "head", "initial_lr": 0.1, "lr_scale": 0.5, "max_momentum": 0.9, "lr_mult": 2}
    sgd = optim.SGD([{"params": [cr.ones(1)], **keys}], lr=0.1)
    assert {key: sgd.param_groups[0][key] for key in keys} == keys
    assert lr_scheduler.StepLR(sgd, 1, last_epoch=0).base_lrs == [0.1]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (X, "nn.Parameter(x)"),
        (X.long(), "nn.Parameter(x.float())"),
        (ARRAY, "nn.Parameter(chainrule.from_numpy(x))"),
        (LIST, "nn.Parameter(chainrule.tensor(x))"),
        ([X[0], X[1]], "nn.Parameter(chainrule.stack(x))"),
        (Exporter(ARRAY), "nn.Parameter(chainrule.from_dlpack(x))"),
    ],
)
def test_what_is_assigned_in_the_place_of_a_parameter(value, code):
    layer = nn.Linear(3, 2, bias=False)
    for call in (layer.__setattr__, layer.register_parameter):
        assert hint_of(lambda call=call: call("weight", value))[1] == code
        call("weight", eval(code, {"chainrule": cr, "nn": nn, "x": value}))
    assert isinstance(layer.weight, nn.Parameter) and layer(X).shape[0] == 2


def test_no_hint_where_no_code_makes_the_tensor():
    for value in ([[X, X], [X, X]], X, 3.0):
        assert cr._core._tensor_code(value, "x") == ""


def test_what_an_optimizer_of_the_users_own_may_keep():
    class Own(optim.Optimizer):
        def step(self, closure=None):
            """No step: its state alone is looked at."""

    own = Own([cr.ones(2, 3)], {"lr": 0.1})
    state = own.state_dict()
    own.load_state_dict({**state, "state": {0: {"seen": ARRAY}}})
    assert own.state_dict()["state"][0]["seen"] is ARRAY
    for kind in (Exporter, Tensor):
        with pytest.raises(
            TypeError, match=rf"seen as a Tensor; got {__name__}\.{kind.__name__}\. "
        ):
            own.load_state_dict({**state, "state": {0: {"seen": kind(ARRAY)}}})
    assert own.state_dict()["state"][0]["seen"] is ARRAY
