"""Docstrings: the examples run and print what they say, and every public name has one."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import chainrule
from chainrule import _core, nn, optim

PRIVATE = {"chainrule.__main__"}
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(chainrule.__path__, "chainrule.")
    if name not in PRIVATE
]
SPACES = [
    chainrule,
    nn,
    nn.functional,
    nn.init,
    nn.regularization,
    nn.utils,
    nn.utils.parametrizations,
    nn.utils.parametrize,
    optim,
    chainrule.activations,
    optim.lr_scheduler,
    optim.schedules,
    optim.swa_utils,
    chainrule.autograd,
    chainrule.linalg,
    chainrule.config,
    chainrule.cuda,
    chainrule.datasets,
    chainrule.func,
    chainrule.utils.data,
]
NAMES = {"chainrule": chainrule, "nn": nn}


def examples(module):
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [t for t in finder.find(module, extraglobs=NAMES) if t.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name == "chainrule._plots":
        pytest.importorskip("matplotlib", reason="pip install matplotlib")
    module = importlib.import_module(name)
    if name == "chainrule._core":
        return  # below: its functions know no module of Python's
    assert doctest.testmod(module, extraglobs=NAMES).failed == 0


def native():
    spaces = [_core, _core._functional, _core._linalg, _core.Tensor, _core.Generator]
    for space in spaces:
        for value in vars(space).values():
            if callable(value) and ">>>" in (value.__doc__ or ""):
                yield value.__name__, value.__doc__


@pytest.mark.parametrize(("name", "doc"), list(native()))
def test_examples_of_native_names(name, doc):
    test = doctest.DocTestParser().get_doctest(doc, dict(NAMES), name, None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test).failed == 0


def test_what_programs_are_copied_from_has_an_example():
    have = {t.name for name in MODULES for t in examples(importlib.import_module(name))}
    have = {name.rpartition(".")[2] for name in have} | {name for name, _ in native()}
    assert have >= {"Trainer", "compile", "Function", "gradcheck", "DataLoader", "TensorDataset"}
    assert have >= {"save", "clip_grad_norm_", "Linear", "Adam", "grad", "backward", "no_grad"}


def public_names():
    """Public callables, and the public members of classes."""
    for space in SPACES:
        for name in getattr(space, "__all__", None) or dir(space):
            value = getattr(space, name)
            own = (getattr(value, "__module__", None) or "chainrule").startswith("chainrule")
            if name.startswith("_") or not callable(value) or not own:
                continue
            yield f"{space.__name__}.{name}", value.__doc__
            if not inspect.isclass(value):
                continue
            for member, attribute in vars(value).items():
                known = callable(attribute) or inspect.isdatadescriptor(attribute)
                if isinstance(attribute, (staticmethod, classmethod)):
                    attribute, known = attribute.__func__, True
                if known and not member.startswith("_"):
                    inherited = inspect.getdoc(getattr(value, member))
                    yield f"{space.__name__}.{name}.{member}", attribute.__doc__ or inherited


def words(doc):
    """Without the lines of signatures that a native docstring begins with."""
    lines = (doc or "").strip().split("\n")
    return " ".join(line for line in lines if not re.match(r"\w+\(.*\)( -> .*)?$", line)).strip()


def test_every_public_name_is_described():
    assert [name for name, doc in public_names() if not words(doc)] == []


def test_no_docstring_shows_the_insides():
    inside = re.compile(
        r"chainrule::|Tensor\[\]|Operand|\bint\[\]|Tensor\?|dtype\?|Sequence\[Tensor\]\?"
    )
    assert [name for name, doc in public_names() if inside.search(doc or "")] == []


@pytest.mark.parametrize(
    ("function", "first"),
    [
        (chainrule.relu, "relu(input: Tensor) -> Tensor"),
        (chainrule.Tensor.relu_, "relu_() -> Tensor"),
        (chainrule.div, "div(input: Tensor | float, other: Tensor | float) -> Tensor"),
        (
            nn.functional.gelu,
            "gelu(input: Tensor, *, approximate: str = 'none') -> Tensor",
        ),
        (
            chainrule.rand,
            (
                "rand(*size: int, generator: Generator | None = None, dtype: dtype | None = None, "
                "device: device | str | None = None, requires_grad: bool = False) -> Tensor"
            ),
        ),
        (
            chainrule.zeros_like,
            (
                "zeros_like(input: Tensor, *, dtype: dtype | None = None, "
                "device: device | str | None = None, requires_grad: bool = False) -> Tensor"
            ),
        ),
        (chainrule.Tensor.view, "view(*size: int) -> Tensor"),
        (chainrule.cat, "cat(tensors: list[Tensor] | tuple[Tensor, ...], dim: int = 0) -> Tensor"),
        (chainrule.autograd.grad, "grad(outputs, inputs, grad_outputs=None, retain_graph=None, "),
    ],
)
def test_signatures_are_pythons(function, first):
    assert function.__doc__.split("\n")[0].startswith(first)


def test_each_form_has_its_own_text():
    doc = chainrule.max.__doc__
    parts = [part for part in doc.split("\n\n") if part.startswith("max(")]
    assert len(parts) == 3
    texts = doc.split("max(")[1:]
    assert all(len(words("max(" + text)) > 20 for text in texts)
    assert "gradient" in chainrule.argmax.__doc__ and "broadcast" in chainrule.add.__doc__
    assert "The dtype is bool, uint8" in chainrule.amax.__doc__
    assert chainrule.div.__doc__.count("broadcast") == 1  # not again where the text has it


def test_history_names_its_columns():
    model = nn.Linear(1, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = chainrule.Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"])
    data = chainrule.ones(2, 1), chainrule.tensor([0, 1])
    doc = chainrule.History.__doc__ or ""
    for name in trainer.fit(data, data, epochs=1).columns():
        assert f"`{name}`" in doc or f"`{name.partition('_')[0]}_NAME`" in doc
