"""What a compiled function knows of its signatures: recordings, plans and the table of plans."""

from __future__ import annotations

import os
from _thread import RLock
from collections import OrderedDict, namedtuple

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NEVER = -1  # a generation that has not been and will not be
_assigned = (NEVER, "")  # how many changes there had been with it, and "Net.attribute"


# Of all tables, held for a moment; not a plain one, as a collection inside may end in a user's code.
_lock = RLock()


def _renew_lock():
    """In a forked child, where the thread that held it may not exist."""
    global _lock
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def note_assignment(owner, name):
    """An attribute of a module was assigned; a warning may name it."""
    global _assigned
    _assigned = (_core._plans_changes(), f"{owner}.{name}")


def last_change(recorded):
    """What has ended the plan of that recording, in words; the last, where it was more than one."""
    changes, name = _assigned
    if recorded.changes == _core._plans_changes():
        return "a switch between train() and eval()"
    if changes == _core._plans_changes():
        return f"an assignment to {name}"
    return "one of a module or an optimizer"


_RECORDED = (
    "program",
    "adopted",  # whether it is equal to the recording before
    "rebuild",
    "seen",  # what the result is made of, tensors apart
    "refreshers",
    "generation",  # which comes back where modules are in the modes again that they were in
    "changes",  # other than of modes until then
    "tries",  # recordings since the last two that agreed
)


class Recorded(namedtuple("Recorded", _RECORDED)):
    """What one recording left; it never changes, so another thread sees all of it or nothing."""

    __slots__ = ()

    def ready(self):
        """Whether the program may be replayed, as far as its own guards hold too.

        Hyper-parameters are brought up to date first: one that is part of the program announces its
        change and so makes the plan stale.
        """
        if not self.adopted:
            return False
        for refresh in self.refreshers:
            refresh()
        return self.generation == _core._plans_generation()

    def watched(self):
        """(dict, key) of all that the refreshers read, in which a change is another object; None where
        it may not be."""
        entries = []
        for refresh in self.refreshers:
            of_one = refresh.watched()
            if of_one is None:
                return None
            entries += of_one
        return entries

    def comparable(self, tensors):
        """Whether a recording from now on should do the same: nothing announced a change since, and
        the arguments share memory as they did."""
        still = self.generation == _core._plans_generation()
        return still and self.program._same_places(tensors)

    def waits_beside(self, other):
        """Whether nothing but modes of modules keeps it from being replayed where the other is."""
        return self.changes == other.changes and self.generation != other.generation

    def outdated(self):
        """Whether the program would be replayed but for a change that was announced."""
        return self.adopted and self.generation != _core._plans_generation()


class Plan:
    """What is known of one signature: recordings until two agree, the last of them replayed.

    Where the guards of that do not hold, another may be the one: of the calls that find no `.grad`
    and of those that add to one.
    """

    audited = False

    def __init__(self, objects):
        self.objects = objects  # whose id is in the key: an id must not go to another object
        self.recorded: Any = None  # what was recorded or replayed last
        self._variants = ()  # it and the others, each with guards of its own; the latest at the end
        self.recordings = 0
        self._past_replays = 0  # of variants that are gone
        self.refusal = ""  # why calls run eagerly, with `fallback`
        self.changes = 0  # recordings in a row that are due to a change elsewhere
        self._replays_then = 0

    def replay(self, tensors) -> tuple[Any, Any]:
        """(the recording that was replayed, what its program returned), or (None, None).

        (None, a recording) where that would be replayed but for an audit."""
        latest = self.recorded
        if latest is not None and latest.ready():
            results = latest.program(tensors)
            if results is not None:  # None: a guard of the program does not hold
                return latest, results
        for other in self._variants:
            if other is latest or not other.ready():
                continue
            results = other.program(tensors)
            if results is not None:
                self.recorded = other
                return other, results
        return None, None

    def like(self, tensors) -> Any:
        """The latest recording of a call that found things as they are, or None; one of another
        generation where there is none of this."""
        alike = [v for v in reversed(self._variants) if v.program._holds(tensors)]
        now = _core._plans_generation()
        return max(alike, key=lambda v: v.generation == now, default=None)

    def put(self, recorded, before):
        """A recording in place of the one before it, or beside the others."""
        others = [v for v in self._variants if v is not before or v.waits_beside(recorded)]
        others.sort(
            key=lambda v: v.changes == recorded.changes
        )  # those that never come back, first
        self._keep((*others, recorded)[-_core._MAX_VARIANTS :])
        self.recorded = recorded

    def record_again(self):
        """What is known is out of date, so that the next call is recorded; where that does the same,
        it is replayed again."""
        self._variants = tuple(v._replace(generation=NEVER, changes=NEVER) for v in self._variants)
        self.recorded = self._variants[-1] if self._variants else None

    def _keep(self, variants):
        gone = [v for v in self._variants if not any(v is kept for kept in variants)]
        self._past_replays += sum(v.program._replays for v in gone)
        self._variants = variants

    @property
    def replays(self):
        return self._past_replays + sum(v.program._replays for v in self._variants)

    def refuse(self, why):
        """From now on calls run eagerly, unless an earlier recording still serves."""
        self.refusal = why
        self._keep(tuple(v for v in self._variants if v.adopted))
        self.recorded = self._variants[-1] if self._variants else None

    def count_change(self):
        """Before a recording: how many in a row, with no replay between them, were needed as a
        change has ended all plans; 0 where that is not why."""
        recorded = self.recorded
        if recorded is None or recorded.generation == _core._plans_generation():
            return 0
        self.changes = self.changes + 1 if self.replays == self._replays_then else 1
        self._replays_then = self.replays
        return self.changes

    @property
    def adopted(self):
        """The program that is replayed, or None."""
        known = (self.recorded, *reversed(self._variants))
        return next((r.program for r in known if r is not None and r.adopted), None)


class AuditedPlan(Plan):
    """Has every n-th replay recorded again, for CHAINRULE_AUDIT=n."""

    audited = True

    def __init__(self, objects, every):
        super().__init__(objects)
        self._every = every
        self._turns = 0

    def replay(self, tensors) -> tuple[Any, Any]:
        known = (self.recorded, *self._variants)
        due = next((v for v in known if v and v.ready() and v.program._holds(tensors)), None)
        self._turns += due is not None
        if due is None or self._turns % self._every:
            return super().replay(tensors)
        return None, due


def _audit_every():
    """n of CHAINRULE_AUDIT=n; 0, for none, where it is not set, or empty."""
    text = os.environ.get("CHAINRULE_AUDIT", "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(
            f"[compile] expected CHAINRULE_AUDIT to be an integer >= 0; got {text!r:.60}."
        )
    return int(text)


AUDIT_EVERY = _audit_every()


class Plans(OrderedDict):
    """The plans of one compiled function by signature, those used last at the end.

    Threads that call the function share it: what changes the order or the number of plans, or walks
    over them, goes through these methods. `get` needs no lock.
    """

    wasted = 0  # in a row, that were dropped before any replay

    def latest_key(self):
        """The signature that was used last, or None."""
        with _lock:
            return next(reversed(self), None)

    def add(self, key, objects):
        """A new plan, or the one that another thread has added meanwhile."""
        oldest = None
        with _lock:
            plan = self.get(key)
            if plan is None:
                plan = AuditedPlan(objects, AUDIT_EVERY) if AUDIT_EVERY else Plan(objects)
                self[key] = plan
                if len(self) > _core._MAX_PLANS:
                    oldest = self.popitem(last=False)
                    self.wasted = 0 if oldest[1].replays else self.wasted + 1
        del oldest  # without the lock, for its tensors end with it
        return plan

    def used(self, key):
        """The plan is not the first to go, if no other thread has dropped it already."""
        with _lock:
            if key in self:
                self.move_to_end(key)

    def all(self):
        """The plans there are now."""
        with _lock:
            return list(self.values())
