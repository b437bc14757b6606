"""Other tensors in the place of a module's own, for as long as a block runs."""

from __future__ import annotations

import contextlib

from . import _core
from ._plans import note_assignment


@contextlib.contextmanager
def replaced(module, slots, why):
    """Puts (owner, attribute, tensor) into place; the module has its own again behind the block.

    No other thread may use the module meanwhile. While nothing is recorded that ends all plans of
    compiled functions, and `why` is what a warning calls it.
    """
    if not slots:
        yield
        return
    _announce(module, why)
    before = [owner.__dict__[name] for owner, name, _ in slots]
    try:
        for owner, name, tensor in slots:
            owner.__dict__[name] = tensor
        yield
    finally:
        for (owner, name, _), tensor in zip(slots, before, strict=True):
            owner.__dict__[name] = tensor
        _announce(module, why)


def _announce(module, why):
    """A program that is replayed meanwhile, of a compiled method, would read other tensors."""
    if _core._recording() is None:
        _core._invalidate_plans()
        note_assignment(type(module).__name__, why)
