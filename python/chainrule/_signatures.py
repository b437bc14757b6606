"""What differs between two signatures of a compiled function, and what to do about it, in words."""


def unlike(before, now):
    """One or two sentences on the first difference; each signature as `CompiledFunction` makes it:
    the forms of the arguments, (dtype, shape, ...) of their tensors, and more."""
    for old, new in zip(before[:2], now[:2]):
        if old != new:
            return _of_forms(old, new)
    for old, new in zip(before[2], now[2]):
        if old[1] != new[1]:
            shapes = f"{tuple(old[1])}, then {tuple(new[1])}"
            return f"the shape of a tensor: {shapes}. Pad to a few shapes, or leave out an odd last batch."
    return "the layout of a tensor or a setting."


def _of_forms(old, new):
    kinds = isinstance(old, tuple) and isinstance(new, tuple) and old and new
    if kinds and old[0] == new[0] == "object":
        return _of_objects(old, new)
    if kinds and len(old) == len(new) == 2 and isinstance(old[0], type) and old[0] is new[0]:
        if not isinstance(old[1], tuple):
            return (
                f"an argument: {old[1]}, then {new[1]}. Pass a number that changes with every call "
                "as a 0-d tensor."
            )
        return _of_forms(old[1], new[1])
    if kinds and len(old) == len(new):
        return next(_of_forms(a, b) for a, b in zip(old, new) if a != b)
    return "the structure of the arguments."


def _of_objects(old, new):
    kind = new[1].__name__
    if old[1:3] != new[1:3]:
        return f"an argument: another object of class {kind}. Pass its tensors, or make it a dataclass."
    changed = [name for (name, *_), there in zip(new[3], old[3]) if there not in new[3]]
    name = repr(changed[0]) if changed else "another one"
    return (
        f"attribute {name} of an argument of class {kind}. Keep what changes with every call in a "
        "tensor that is an argument itself."
    )
