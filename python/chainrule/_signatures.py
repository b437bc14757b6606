"""What differs between two signatures of a compiled function, and what to do about it, in words."""

_NUMBERS = (bool, int, float)


def unlike(before, now):
    """One or two sentences on the first difference; each signature as `CompiledFunction` makes it:
    the forms of the arguments, (dtype, shape, ...) of their tensors, and more."""
    try:
        return _first(before, now)
    except Exception:  # noqa: BLE001 - keys of dicts may refuse to be compared
        return "the arguments."


def _first(before, now):
    for old, new in zip(before[:2], now[:2]):
        if old != new:
            return _of_forms(old, new)
    for old, new in zip(before[2], now[2]):
        if old[1] != new[1]:
            return (
                f"the shape of a tensor: {tuple(old[1])}, then {tuple(new[1])}. Pad to a few shapes, "
                "or leave out an odd last batch."
            )
    return "the layout of a tensor or a setting."


def _of_forms(old, new):
    if not (isinstance(old, tuple) and isinstance(new, tuple) and old and new):
        return "the structure of the arguments."
    if old[0] == new[0] == "object":
        return _of_objects(old, new)
    if _is_constant(old) and _is_constant(new):
        return _of_constants(old, new)
    if len(old) == len(new):
        return next((_of_forms(a, b) for a, b in zip(old, new) if a != b), "the arguments.")
    return "the structure of the arguments."


def _is_constant(form):
    return len(form) == 2 and isinstance(form[0], type) and not isinstance(form[1], tuple)


def _of_constants(old, new):
    shown = f"an argument: {old[1]!s:.40}, then {new[1]!s:.40}."
    if issubclass(new[0], _NUMBERS):
        return (
            f"{shown} Pass a number that changes with every call as a 0-d tensor, to what takes one: "
            "x * k, not alpha=k."
        )
    return f"{shown} Every value has a plan of its own."


def _of_objects(old, new):
    kind = new[1].__name__
    if old[1:3] != new[1:3]:
        calls = "__call__" in vars(new[1])
        hint = "Make it once" if calls else "Pass its tensors, or make it a dataclass"
        return f"an argument: another object of class {kind}. {hint}."
    was = {name: rest for name, *rest in old[3]}
    changed = [name for name, *rest in new[3] if was.get(name) != rest]
    name = repr(changed[0]) if changed else "one that is gone"
    return (
        f"attribute {name} of an argument of class {kind}. Keep what changes with every call in a "
        "tensor that is an argument itself."
    )
