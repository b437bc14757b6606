"""The examples in the docstrings of nn and optim run and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import chainrule
from chainrule import nn, optim

MODULES = [
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
