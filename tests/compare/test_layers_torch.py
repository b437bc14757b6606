"""Layers beside PyTorch's: text, keys, values, gradients."""

import numpy as np
import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both, close, compare_modules, same_weights


def text_of(lib, module):
    return repr(module).replace(f"{lib.__name__}.", "")


def zoo(lib):
    nn = lib.nn
    return [
        nn.ModuleDict({"b": nn.Linear(2, 3), "a": nn.ReLU()}),
        nn.ModuleDict(),
        nn.ModuleDict([("one", nn.ModuleDict({"two": nn.Linear(1, 1)}))]),
        nn.ParameterList([lib.ones(2, 3), lib.zeros(4, dtype=lib.float64), 5]),
        nn.ParameterList([lib.ones(2)]),
        nn.ParameterList(),
        nn.ParameterDict({"z": lib.ones(2, 3), "a": lib.zeros(()), "text": "b"}),
        nn.ParameterDict([("z", lib.ones(2)), ("a", lib.ones(3))]),
        nn.ParameterDict(),
        nn.Unflatten(1, (2, -1)),
        nn.Unflatten(-1, [3, 4]),
        nn.Bilinear(2, 3, 4),
        nn.Bilinear(2, 3, 4, bias=False),
        nn.Embedding(5, 3),
        nn.Embedding(5, 3, -1, 2.0, 1.0, True),
        nn.Embedding.from_pretrained(lib.ones(3, 2), padding_idx=0),
        nn.EmbeddingBag(5, 3),
        nn.EmbeddingBag(5, 3, 2.0, 1.0, True, "sum", padding_idx=2),
        nn.EmbeddingBag.from_pretrained(lib.ones(3, 2), mode="max", padding_idx=0),
        *(
            getattr(nn, name)(*settings)
            for name in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout")
            for settings in ((), (0.25,), (1, True))
        ),
        nn.FeatureAlphaDropout(0.3),
        nn.LazyLinear(3),
        nn.LazyLinear(3, bias=False),
    ]


def test_repr_and_keys():
    for ours, theirs in zip(*both(zoo), strict=True):
        assert text_of(cr, ours) == text_of(torch, theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert [p.requires_grad for p in ours.parameters()] == [
            p.requires_grad for p in theirs.parameters()
        ]


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_bilinear(shape, bias):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(*shape, 4)), rng.normal(size=(*shape, 3))
    compare_modules(lambda nn: nn.Bilinear(4, 3, 2, bias=bias), inputs)


@pytest.mark.parametrize(("dim", "sizes"), [(1, (2, 6)), (-1, [3, -1]), (1, (12,)), (0, (1, 5))])
def test_unflatten(dim, sizes):
    x = np.random.default_rng(2).normal(size=(5, 12))
    compare_modules(lambda nn: nn.Unflatten(dim, sizes), [x])


def test_containers_edit_alike():
    def edit(lib):
        nn = lib.nn
        modules = nn.ModuleDict({"a": nn.Linear(1, 2), "b": nn.ReLU()})
        modules["c"] = nn.Tanh()
        modules["a"] = nn.Identity()
        popped = modules.pop("b")
        modules.update({"z": nn.ReLU(), "y": nn.Sigmoid()})
        rows = nn.ParameterList([lib.ones(2), lib.ones(3)])
        rows += [lib.zeros(1)]
        rows[1] = lib.ones(7)
        named = nn.ParameterDict({"q": lib.ones(1), "p": lib.ones(2)})
        named["a"] = lib.ones(3)
        named = named | nn.ParameterDict({"r": lib.ones(4)})
        last = named.popitem()[0]
        return [
            *(text_of(lib, m) for m in (modules, popped, rows, rows[1:], rows[::-1], named)),
            *(list(m.state_dict()) for m in (modules, rows, named)),
            list(modules.keys()),
            last,
        ]

    ours, theirs = both(edit)
    assert ours == theirs


SHAPES = {
    "Dropout1d": [(4, 3, 5), (3, 5)],
    "Dropout2d": [(4, 3, 5, 2), (4, 3, 5), (4, 3)],
    "Dropout3d": [(4, 3, 5, 2, 2), (3, 5, 2, 2), (4, 3, 5)],
    "AlphaDropout": [(4, 3), ()],
    "FeatureAlphaDropout": [(4, 3, 5), (4, 3)],
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("name", SHAPES)
def test_dropout_beside_pytorchs(name, p):
    """Masks differ, so what is compared is which values there are, and what lies together."""
    cr.manual_seed(0)
    torch.manual_seed(0)
    for shape in SHAPES[name]:
        x = np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)

        def act(lib, x=x, shape=shape):
            module = getattr(lib.nn, name)(p).double()
            given = lib.tensor(x)
            values = np.stack([module(given).numpy() for _ in range(200)])
            close(module.eval()(given), given, rtol=0)
            found = [np.unique(values[(slice(None), *place)]) for place in np.ndindex(*shape)]
            return found, values

        (ours, drawn), (theirs, others) = both(act)
        for own, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(own, other, rtol=1e-13, atol=1e-15)
        if 0 < p < 1:
            assert (groups(drawn) == groups(others)).all()


def groups(values):
    """For every pair of elements: are they always dropped together?"""
    low = values.reshape(len(values), -1)
    dropped = low == low.min(0)
    return (dropped[:, :, None] == dropped[:, None, :]).all(0)


def test_dropout_errors_beside_pytorchs():
    for act in (
        lambda lib: lib.nn.Dropout1d()(lib.ones(3)),
        lambda lib: lib.nn.Dropout1d()(lib.ones(1, 2, 3, 4)),
        lambda lib: lib.nn.FeatureAlphaDropout()(lib.ones(3)),
    ):
        for lib in LIBRARIES:
            with pytest.raises(RuntimeError):
                act(lib)
    for lib in LIBRARIES:
        for name in (*SHAPES, "Dropout"):
            with pytest.raises(ValueError):
                getattr(lib.nn, name)(1.5)


@pytest.mark.parametrize("bias", [True, False])
def test_lazy_linear(bias):
    state = torch.nn.Linear(5, 3, bias=bias).double().state_dict()
    x = np.random.default_rng(3).normal(size=(4, 5))

    def act(lib):
        layer = lib.nn.LazyLinear(3, bias=bias).double()
        parameters = list(layer.parameters())
        texts = [repr(layer), repr(layer.state_dict()["weight"])]
        layer.load_state_dict({k: lib.tensor(v.numpy()) for k, v in state.items()})
        texts += [repr(layer), layer.has_uninitialized_params()]
        out = layer(lib.tensor(x))
        texts += [
            repr(layer),
            [p is q for p, q in zip(parameters, layer.parameters(), strict=True)],
        ]
        out.sum().backward()
        return texts, [out, *(p.grad for p in layer.parameters())]

    (ours, mine), (theirs, others) = both(act)
    assert ours == theirs
    for own, other in zip(mine, others, strict=True):
        close(own, other)


NORMS = {
    "weight_norm": [{}, {"dim": 1}, {"dim": -2}, {"dim": None}, {"name": "bias"}],
    "spectral_norm": [{}, {"n_power_iterations": 3}, {"eps": 0.1}, {"dim": 1}, {"name": "bias"}],
}
NORMED = [(name, settings) for name, all_settings in NORMS.items() for settings in all_settings]


@pytest.mark.parametrize(("name", "settings"), NORMED, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_parametrized_weights(name, settings, training):
    x = np.random.default_rng(3).normal(size=(4, 5))
    modules = both(
        lambda lib: getattr(lib.nn.utils.parametrizations, name)(
            lib.nn.Linear(5, 3).double(), **settings
        ).train(training)
    )
    same_weights(*modules)
    results = []
    for lib, module in zip(LIBRARIES, modules, strict=True):
        out = module(lib.tensor(x))
        out.sin().sum().backward()
        texts = [repr(module), list(module.state_dict())]
        values = [out, *(p.grad for p in module.parameters()), *module.buffers()]
        tensor_name = settings.get("name", "weight")
        lib.nn.utils.parametrize.remove_parametrizations(module, tensor_name)
        texts += [repr(module), list(module.state_dict()), type(module) is lib.nn.Linear]
        results.append((texts, [*values, module(lib.tensor(x))]))
    (ours, mine), (theirs, others) = results
    assert ours == theirs
    for own, other in zip(mine, others, strict=True):
        close(own, other, rtol=1e-11)


def test_a_parametrization_of_ones_own():
    def act(lib):
        class Symmetric(lib.nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).T

        layer = lib.nn.Linear(3, 3)
        parametrize = lib.nn.utils.parametrize
        before = layer.weight
        parametrize.register_parametrization(layer, "weight", Symmetric())
        parametrize.register_parametrization(layer, "weight", Symmetric())
        texts = [repr(layer), list(layer.state_dict())]
        texts.append(parametrize.is_parametrized(layer, "weight"))
        texts.append(layer.parametrizations.weight.original is before)
        parametrize.remove_parametrizations(layer, "weight")
        return [*texts, layer.weight is before, repr(layer), list(layer.state_dict())]

    ours, theirs = both(act)
    assert ours == theirs
