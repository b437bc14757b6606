"""A module that contains itself, directly or further down.

As in PyTorch, `parameters()`, `modules()`, `to()`, copies and pickles take every module once and
work. `train`, `apply`, `state_dict` and `repr` go down every path, and such a path has no end: they
say where it closes in place of a bare RecursionError.
"""

from .._core import StateError


def explain(op, module, error):
    """Inside `except RecursionError as error`: StateError where modules contain themselves, else
    nothing. The error passes every module on its way up; the first of them looks."""
    if getattr(error, "looked_for_cycle", False):
        return
    error.looked_for_cycle = True
    found = _find(module)
    if found is not None:
        below, above = found
        same = f"the same module as {above!r}" if above else "that module itself"
        raise StateError(
            f"[{op}] expected modules that do not contain themselves; got {type(module).__name__}, "
            f"whose {below!r} is {same}."
        ) from None


def _find(root):
    """The dotted names of a module met again below itself and of its first place; else None."""
    above = {id(root): ""}  # on the way from the root
    done = set()
    way = [("", root, root.named_children())]
    while way:
        path, module, children = way[-1]
        for name, child in children:
            below = f"{path}.{name}" if path else name
            if id(child) in above:
                return below, above[id(child)]
            if id(child) not in done:
                above[id(child)] = below
                way.append((below, child, child.named_children()))
                break
        else:
            done.add(id(module))
            del above[id(module)]
            way.pop()
    return None
