"""Names of a package that are imported when they are first asked for.

The one list of them is the stub beside the package's __init__.py, which type checkers read too:

    from ._linear import Linear as Linear
    from . import functional as functional
"""

import sys


def attach(package, instead=None):
    """(`__getattr__`, `__dir__`, `__all__`) of the package of that name, after its stub.

    A program pays for the layers and optimizers it uses: a name's module is imported at its first
    use, and the name then stands in the package as if it had been imported there. `instead` is as
    in `absent`.
    """
    module = sys.modules[package]
    sources = _sources(f"{module.__path__[0]}/__init__.pyi")
    refuse = absent(package, instead or {})

    def __getattr__(name):
        if name not in sources:
            refuse(name)
        from importlib import import_module

        place, original = sources[name]
        if place.strip("."):
            value = getattr(import_module(place, package), original)
        else:  # from . import functional
            value = import_module(place + original, package)
        module.__dict__[name] = value
        return value

    def __dir__():
        return sorted(module.__dict__.keys() | sources.keys())

    return __getattr__, __dir__, [name for name in sources if not name.startswith("_")]


def absent(package, instead):
    """A `__getattr__` that refuses every name.

    `instead` says what to write for names that PyTorch has: {name: code}.
    """

    def refuse(name):
        hint = f". Write {instead[name]}" if name in instead else ""
        raise AttributeError(f"module '{package}' has no attribute '{name}'{hint}")

    return refuse


def _sources(stub):
    """{public name: (module it comes from, its name there)}."""
    with open(stub, encoding="utf-8") as file:
        lines = [line.split() for line in file]
    # from PLACE import ORIGINAL as NAME
    return {line[5]: (line[1], line[3]) for line in lines if len(line) == 6 and line[4] == "as"}
