"""The examples in the docstrings of nn, optim and the Trainer run and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import chainrule
from chainrule import nn, optim

MODULES = ["chainrule._trainer"] + [
    name
    for package in (nn, optim)
    for _, name, _ in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs={"chainrule": chainrule, "nn": nn})
    assert result.failed == 0


def test_there_are_examples():
    assert "chainrule.nn._linear" in MODULES
    finder = doctest.DocTestFinder()
    found = [
        t for name in MODULES for t in finder.find(importlib.import_module(name)) if t.examples
    ]
    assert len(found) >= 15
    assert chainrule.Trainer.__name__ in [t.name.rpartition(".")[2] for t in found]


def test_history_names_its_columns():
    model = nn.Linear(1, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trainer = chainrule.Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"])
    data = chainrule.ones(2, 1), chainrule.tensor([0, 1])
    doc = chainrule.History.__doc__ or ""
    for name in trainer.fit(data, data, epochs=1).columns():
        assert f"`{name}`" in doc or f"`{name.partition('_')[0]}_NAME`" in doc
