"""What layers are made with is checked when they are made: flags are bools, sizes are integers, and
a tensor in their place is the input of a layer that is yet to be made."""

import inspect
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import lr_scheduler

X = cr.ones(2, 3)

# The least that these are made with.
ARGUMENTS = {
    "Bilinear": (1, 1, 1),
    "Conv1d": (1, 1, 1),
    "Conv2d": (1, 1, 1),
    "Embedding": (1, 1),
    "EmbeddingBag": (1, 1),
    "GRU": (1, 1),
    "GRUCell": (1, 1),
    "GroupNorm": (1, 1),
    "LSTM": (1, 1),
    "LSTMCell": (1, 1),
    "LayerNorm": (1,),
    "LazyLinear": (1,),
    "Linear": (1, 1),
    "MLP": (1, 1, 1),
    "Autoencoder": ([1, 1],),
    "MultiheadAttention": (1, 1),
    "RMSNorm": (1,),
    "RNN": (1, 1),
    "RNNCell": (1, 1),
    "Threshold": (0, 0),
    "TransformerEncoder": (nn.ReLU(), 1),
    "TransformerEncoderLayer": (1, 1),
}
ARGUMENTS |= {f"{kind}Norm{d}d": (1,) for kind in ("Batch", "Instance") for d in (1, 2, 3)}
ARGUMENTS |= {f"{kind}Pool{d}d": (1,) for kind in ("Max", "Avg", "AdaptiveMax") for d in (1, 2)}


def flags():
    for name in sorted(nn.__all__):
        layer = getattr(nn, name)
        if not (inspect.isclass(layer) and issubclass(layer, nn.Module)):
            continue
        for parameter in inspect.signature(layer).parameters.values():
            if parameter.annotation == "bool" and not parameter.name.startswith("_"):
                yield name, parameter.name


FLAGS = list(flags())


def test_the_flags_are_found():
    assert ("Conv2d", "bias") in FLAGS and ("MultiheadAttention", "add_bias_kv") in FLAGS
    assert ("TransformerEncoderLayer", "norm_first") in FLAGS and len(FLAGS) > 70


@pytest.mark.parametrize(("layer", "flag"), FLAGS)
@pytest.mark.parametrize("value", ["no", 0.5])
def test_flags_are_bools(layer, flag, value):
    make, arguments = getattr(nn, layer), ARGUMENTS.get(layer, ())
    make(*arguments, **{flag: False})  # the arguments are not what is refused
    with pytest.raises((TypeError, ValueError)) as caught:
        make(*arguments, **{flag: value})
    owner = {"Autoencoder": "MLP"}.get(layer, layer)
    forms = ("{} to be True or False", "{}=False")  # sparse has one value
    text = str(caught.value)
    assert text.startswith(
        tuple(f"[{owner}] expected {f.format(flag)}; got {value!r}." for f in forms)
    ), text


SIZES = [
    ("Linear", "in_features", 3, 1),
    ("Linear", "out_features", 3, 1),
    ("LazyLinear", "out_features", 3),
    ("Bilinear", "in1_features", 3, 1, 1),
    ("Conv1d", "in_channels", 2, 1, 1),
    ("Conv2d", "out_channels", 2, 1, 1),
    ("Conv2d", "kernel_size", 2, 1, 1),
    ("Embedding", "num_embeddings", 3, 1),
    ("EmbeddingBag", "embedding_dim", 3, 1),
    ("MultiheadAttention", "embed_dim", 4, 1),
    ("MultiheadAttention", "num_heads", 1, 4),
    ("TransformerEncoderLayer", "d_model", 4, 1),
    ("TransformerEncoderLayer", "nhead", 1, 4),
    ("LayerNorm", "normalized_shape", 3),
    ("GroupNorm", "num_groups", 1, 2),
    ("GroupNorm", "num_channels", 2, 1),
    ("BatchNorm2d", "num_features", 3),
    ("LSTM", "input_size", 3, 1),
    ("GRUCell", "hidden_size", 3, 1),
    ("MaxPool2d", "kernel_size", 2),
    ("AvgPool1d", "kernel_size", 2),
    ("AdaptiveAvgPool2d", "output_size", 2),
    ("Unfold", "kernel_size", 2),
    ("MLP", "in_features", 3, 1, 1),
    ("MLP", "hidden_features", 3, 1, 1),
]


def with_size(layer, name, value, *others):
    """The layer with `value` for `name` and the others in the order of its parameters."""
    names = list(inspect.signature(getattr(nn, layer)).parameters)
    rest = iter(others)
    needed = names[: len(others) + 1]
    return getattr(nn, layer)(*(value if n == name else next(rest) for n in needed))


@pytest.mark.parametrize(("layer", "name", "size", "others"), [(*s[:3], s[3:]) for s in SIZES])
def test_sizes_are_integers(layer, name, size, others):
    made = with_size(layer, name, np.int64(size), *others)
    assert str(made) == str(with_size(layer, name, size, *others))
    for value in (True, 2.0, "3"):
        with pytest.raises(TypeError) as caught:
            with_size(layer, name, value, *others)
        text = str(caught.value)
        assert text.startswith(f"[{layer}] expected {name} to be "), text
        assert text.endswith(f"got {value!r}."), text


def test_arguments_are_kept_as_plain_integers():
    two = np.int64(2)
    conv, linear = nn.Conv2d(two, two, two, groups=two), nn.Linear(two, two)
    kept = [conv.in_channels, conv.out_channels, conv.groups, linear.in_features]
    kept += [linear.out_features, nn.Embedding(two, two).num_embeddings]
    kept += [nn.MultiheadAttention(two, two).embed_dim, nn.BatchNorm1d(two).num_features]
    assert all(type(size) is int for size in kept)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: nn.AdaptiveAvgPool2d((None,)),
            (
                "[AdaptiveAvgPool2d] expected output_size to be an int or 2 of them, None for the "
                "input's, as (None, None); got (None,)."
            ),
        ),
        (
            lambda: nn.AdaptiveMaxPool2d((None, 1, 1)),
            (
                "[AdaptiveMaxPool2d] expected output_size to be an int or 2 of them, None for the "
                "input's, as (None, None); got (None, 1, 1)."
            ),
        ),
        (
            lambda: nn.functional.adaptive_avg_pool2d(cr.ones(1, 4, 4), (None,)),
            (
                "[adaptive_avg_pool2d] expected output_size to be an int or 2 of them, None for the "
                "input's, as (None, None); got (None,)."
            ),
        ),
        (
            lambda: nn.functional.adaptive_max_pool2d(cr.ones(1, 4, 4), [None]),
            (
                "[adaptive_max_pool2d] expected output_size to be an int or 2 of them, None for the "
                "input's, as (None, None); got [None]."
            ),
        ),
        (
            lambda: nn.AdaptiveAvgPool1d(None),
            "[AdaptiveAvgPool1d] expected output_size to be an int; got None.",
        ),
        (
            lambda: nn.Conv2d(1, 2, (3, 3, 3)),
            "[Conv2d] expected kernel_size to be an int or 2 of them; got (3, 3, 3).",
        ),
        (
            lambda: nn.CrossEntropyLoss([1.0, 2.0]),
            (
                "[CrossEntropyLoss] expected weight to be a Tensor or None; got list. "
                "Pass chainrule.tensor(weight)."
            ),
        ),
        (
            lambda: nn.BCEWithLogitsLoss(pos_weight=3.0),
            "[BCEWithLogitsLoss] expected pos_weight to be a Tensor or None; got float.",
        ),
        (
            lambda: nn.Sequential([nn.ReLU()]),
            "[Sequential] expected nn.Module objects; got list. Use Sequential(*modules).",
        ),
        (
            lambda: nn.ModuleList([[nn.ReLU()]]),
            "[ModuleList] expected nn.Module objects; got list.",
        ),
    ],
)
def test_what_the_message_says(call, text):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("layer", "setting"),
    [
        ("ReLU", "inplace to be True or False"),
        ("Softmax", "dim to be an int"),
        ("LogSoftmax", "dim to be an int"),
        ("Flatten", "start_dim to be an int"),
        ("Dropout", "p to be a number"),
        ("LeakyReLU", "negative_slope to be a number"),
        ("MaxPool2d", "kernel_size to be an int"),
        ("BatchNorm1d", "num_features to be an int"),
    ],
)
def test_a_layer_called_before_it_is_made(layer, setting):
    with pytest.raises(TypeError) as caught:
        getattr(nn, layer)(X)
    assert str(caught.value) == (
        f"[{layer}] expected {setting}; got a Tensor of shape (2, 3). "
        f"Make the module, then call it: nn.{layer}(...)(...)."
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: optim.Adam([X], amsgrad=X), "[Adam] expected amsgrad to be True or False; got "),
        (
            lambda: lr_scheduler.ReduceLROnPlateau(optim.SGD([X], lr=0.1)).step(X),
            "[ReduceLROnPlateau.step] expected metrics to be a number; got ",
        ),
        (
            lambda: nn.functional.dropout2d(cr.ones(1, 1, 1, 1), X),
            "[dropout2d] expected p to be a number; got ",
        ),
    ],
)
def test_what_is_no_module_has_not_to_be_made_first(call, text):
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == text + "a Tensor of shape (2, 3)."


class Unprintable:
    def __repr__(self):
        raise KeyError


@pytest.mark.parametrize("value", [10**5000, Unprintable()], ids=["digits", "repr"])
def test_what_cannot_be_printed_is_refused_in_form(value):
    kind = type(value).__name__
    with pytest.raises(TypeError) as caught:
        nn.Linear(1, 1, bias=value)
    assert re.search(
        rf"True or False; got a [\w.]*{kind} that cannot be printed\.$", str(caught.value)
    )


@pytest.mark.parametrize(
    ("name", "flag", "call"),
    [
        ("dropout2d", "training", lambda f, x, no: f.dropout2d(x, 0.5, no)),
        ("dropout1d", "inplace", lambda f, x, no: f.dropout1d(x, 0.5, True, no)),
        ("alpha_dropout", "training", lambda f, x, no: f.alpha_dropout(x, 0.5, no)),
        ("feature_alpha_dropout", "training", lambda f, x, no: f.feature_alpha_dropout(x, 0.5, no)),
        ("dropout", "training", lambda f, x, no: f.dropout(x, 0.5, no, scale_at_test=True)),
        ("gaussian_noise", "training", lambda f, x, no: f.gaussian_noise(x, 0.5, no)),
        ("batch_norm", "training", lambda f, x, no: f.batch_norm(x, None, None, training=no)),
        (
            "instance_norm",
            "use_input_stats",
            lambda f, x, no: f.instance_norm(x, use_input_stats=no),
        ),
        (
            "triplet_margin_with_distance_loss",
            "swap",
            lambda f, x, no: f.triplet_margin_with_distance_loss(x, x, x, swap=no),
        ),
        (
            "get_total_norm",
            "error_if_nonfinite",
            lambda f, x, no: nn.utils.get_total_norm([x], error_if_nonfinite=no),
        ),
    ],
)
def test_flags_of_functions_are_bools(name, flag, call):
    for no in ("no", 1, None):
        with pytest.raises(TypeError) as caught:
            call(nn.functional, cr.ones(2, 3, 4), no)
        assert str(caught.value) == f"[{name}] expected {flag} to be True or False; got {no!r}."
