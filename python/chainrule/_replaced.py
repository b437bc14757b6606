"""Other tensors in the place of a module's own, for as long as a block runs."""

from __future__ import annotations

from . import _core
from ._plans import note_assignment


class replaced:  # a context; contextlib takes a millisecond to import
    """Puts (owner, attribute, tensor) into place; the module has its own again behind the block.

    No other thread may use the module meanwhile. While nothing is recorded that ends all plans of
    compiled functions, and `why` is what a warning calls it.
    """

    def __init__(self, module, slots, why):
        self.module = module
        self.slots = slots
        self.why = why

    def __enter__(self):
        self.before = [owner.__dict__[name] for owner, name, _ in self.slots]
        self._put([tensor for _, _, tensor in self.slots])

    def __exit__(self, *exc_info):
        self._put(self.before)

    def _put(self, tensors):
        for (owner, name, _), tensor in zip(self.slots, tensors, strict=True):
            owner.__dict__[name] = tensor
        # a program that is replayed meanwhile, of a compiled method, would read other tensors
        if self.slots and _core._recording() is None:
            _core._invalidate_plans()
            note_assignment(type(self.module).__name__, self.why)
