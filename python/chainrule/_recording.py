"""Recording one call of a compiled function, and the rule by which what was recorded is adopted."""

from . import _core
from ._nested import held, no_end
from ._plans import NEVER, Recorded

_MADE_STATE = (
    "optimizer state that every call puts in the place of the one before, which no replay would do; "
    "keep it in a tensor and write into that"
)
_CHANGED_OBJECT = (
    "an object among the arguments with other attributes at its end than at its beginning, and no "
    "replay would change them; keep what changes in a tensor and write into that"
)
_AUDITED = (
    "[compile] expected a call to do what is replayed in its place; got, in a call that "
    "CHAINRULE_AUDIT recorded again, {}."
)


def record(function, plan, tensors, args, kwargs, fallback, audited):
    """Calls the function, once, with the recorder on: a recording for the plan, or one to
    compare with `audited`, which would have been replayed.

    With `fallback` a call that cannot be captured runs to its end all the same, eagerly from
    there on, and the plan knows why.
    """
    gives_up = fallback and audited is None
    like = audited or plan.like(tensors)
    before = like or plan.recorded
    comparable = before and before.comparable(tensors)
    events = _core._plans_events()
    recording = _core._Recording(tensors, gives_up)
    try:
        arguments, attributes = held(args, kwargs), held(args, kwargs, attributes=True)
        result = function(*args, **kwargs)
        if recording.refusal:
            return result
        try:
            recorded = _finish(recording, arguments, held(args, kwargs), result)
        except _core.CaptureError as error:
            if not gives_up:
                raise
            plan.refuse(str(error))
            return result
    finally:
        recording.abort()
        if recording.refusal:
            plan.refuse(recording.refusal)
            if recording.made_state:  # which is announced where nobody records
                _core._invalidate_plans()
    plan.recordings += 1
    if _core._plans_events() != events:  # another thread has made a change meanwhile
        recorded = recorded._replace(generation=NEVER)
    effect = _MADE_STATE if recording.made_state else ""
    if held(args, kwargs, attributes=True) != attributes:
        effect = _CHANGED_OBJECT
    difference = _difference(before, recorded, effect)
    if audited and difference == "":
        return result  # and what has been replayed so far will be
    # Else something announced a change, or arguments share other memory (a new plan starts).
    unlike = comparable and difference and (audited or not before.adopted)
    if audited and not audited.program._places_equal(recorded.program):
        unlike = False  # arguments that are only read may share what they like in a replay
    tries = before.tries + 1 if unlike else 1
    adopted = difference == "" and not effect
    plan.put(recorded._replace(adopted=adopted, tries=tries % _core._MAX_TRIES), like)
    if audited and unlike:
        raise _core.CaptureError(_AUDITED.format(difference))
    if tries >= _core._MAX_TRIES:
        problem = _core._unlike(str(difference))
        if not gives_up:
            raise _core.CaptureError(problem)
        plan.refuse(problem)
    return result


def _difference(before, recorded, effect):
    """What a recording does otherwise than the one before; "" for nothing, None without one."""
    from ._results import changed

    if before is None:
        return None
    difference = before.program._difference(recorded.program)
    return difference or changed(before.seen, recorded.seen) or effect


def _finish(recording, before, after, result):
    """What a recording has made of a call; CaptureError if the call has changed a list or a dict
    among its arguments."""
    from ._results import leaves  # needs modules that chainrule's import does not

    for old, new in zip(before, after, strict=True):
        if old != new:
            raise _core.CaptureError(
                "[compile] expected a function that leaves lists and dicts among its arguments "
                f"as they are; got one that changes argument {old[0]!r}. Return what is new."
            )
    outputs, seen = [], []
    try:
        rebuild = leaves(result, outputs, seen)
    except RecursionError:
        raise no_end("a result") from None
    if type(result) in (tuple, list) and len(outputs) == len(result) == len(seen) - 1:
        rebuild = type(result)  # of tensors alone
    program = recording.finish(outputs)
    program._verify()
    return Recorded(
        program=program,
        adopted=False,
        rebuild=rebuild,
        seen=tuple(seen),
        refreshers=tuple(recording.refreshers),
        generation=_core._plans_generation(),
        changes=_core._plans_changes(),
        tries=1,
    )
