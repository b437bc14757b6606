"""Forward hooks: user functions around a module's `forward`, as PyTorch's."""

import itertools

from .. import _core
from .._checks import type_name

_ids = itertools.count()


class Hooks:
    """The hooks of one module, in the order they run; a module without hooks has none of these."""

    def __init__(self):
        self.before = {}  # id -> (hook, with_kwargs)
        self.after = {}
        self.around = {}  # id -> (function of the module that gives a context to run in, False)


class RemovableHandle:
    """Takes its hook away again: `handle.remove()`, or leaving `with handle:`."""

    def __init__(self, table, hook, with_kwargs, prepend):
        self.id = next(_ids)
        self._table = table
        others = dict(table) if prepend else {}
        if prepend:
            table.clear()
        table[self.id] = (hook, with_kwargs)
        table.update(others)

    def remove(self):
        """Remove the hook; a second time does nothing."""
        _core._invalidate_plans("change of hooks")
        self._table.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.remove()


def run(module, hooks, args, kwargs):
    """module.forward(*args, **kwargs) with the hooks around it."""
    for hook, with_kwargs in tuple(hooks.before.values()):
        if with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                args, kwargs = _args_and_kwargs(changed)
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    output = _inside(tuple(hooks.around.values()), module, args, kwargs)
    for hook, with_kwargs in tuple(hooks.after.values()):
        changed = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        if changed is not None:
            output = changed
    return output


def _inside(around, module, args, kwargs):
    """module.forward(*args, **kwargs) in the contexts, the first one outermost."""
    if not around:
        return module.forward(*args, **kwargs)
    (context, _), *inner = around
    with context(module):
        return _inside(inner, module, args, kwargs)


def _args_and_kwargs(changed):
    if isinstance(changed, tuple) and len(changed) == 2:
        return changed
    raise RuntimeError(
        "[forward pre-hook] expected None or a tuple (args, kwargs) from a hook with "
        f"with_kwargs=True; got {type_name(changed)}."
    )
