"""What a recorded step does before each replay: the hyper-parameters are brought up to date."""

from __future__ import annotations

from .. import _core
from . import _rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Refresher:
    """Called before a replay of a step that was recorded: brings its hyper-parameters up to date."""

    def __init__(self, optimizer):
        self._optimizer = optimizer
        self._recorded = optimizer._baked()

    def __call__(self):
        self._optimizer._refresh()
        if self._optimizer._baked() != self._recorded:
            _core._invalidate_plans()

    def watched(self):
        """(dict, key) of all that a call reads, in which a change is another object or another
        length; None where a setting may change by itself, as a tensor does."""
        own: Any = vars(self._optimizer)
        entries: list[tuple[dict, str]] = [(own, "param_groups"), (own, "state")]
        for group in self._optimizer.param_groups:
            reads = _Reads(group)
            self._optimizer._settings(reads)
            self._optimizer._flags(reads)
            if not all(_is_constant(group[key]) for key in reads.keys_read):
                return None
            entries += [(group, key) for key in ("params", *sorted(reads.keys_read))]
            entries += _rate.watched(group)
            entries.append(({"all": group}, "all"))  # a switch that is there now
        return entries


class _Reads(dict):
    """Notes which settings are read."""

    def __init__(self, group):
        super().__init__(group)
        self.keys_read = set()

    def __getitem__(self, key):
        value = super().__getitem__(key)
        self.keys_read.add(key)
        return value

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default


def _is_constant(value):
    if type(value) is tuple:
        return all(_is_constant(v) for v in value)
    return type(value) in (float, int, bool, str, type(None)) or callable(value)
