"""Drawing all parameters of a model anew."""

from __future__ import annotations

from .. import _core
from .._checks import type_name
from ._members import PARAMETER
from ._module import Module


def reset_parameters(module: Module) -> Module:
    """Draw the parameters of a whole model anew: calls `reset_parameters()` of each module that has
    it, in the order in which layers are made. Returns the module.

    With the seed that it was made with the model has the same bits again, where its layers were
    made in the order of their registration. Every module is reset once, shared ones where they stand
    first. The memory of the parameters stays, and so do gradients and the state of optimizers.

    TypeError, and nothing is changed, where a module has parameters of its own and no
    `reset_parameters`.

    Example:
        >>> _ = chainrule.manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> first = net[2].weight.tolist()
        >>> _ = nn.init.constant_(net[2].weight, 0)
        >>> _ = chainrule.manual_seed(0)
        >>> nn.init.reset_parameters(net)[2].weight.tolist() == first
        True
    """
    if not isinstance(module, Module):
        raise TypeError(f"[reset_parameters] expected a Module; got {type_name(module)}.")
    found = _children_first(module)
    for path, each in found:
        if not hasattr(each, "reset_parameters") and any(each._own(PARAMETER)):
            where = f" at {path!r}" if path else ""
            raise TypeError(
                "[reset_parameters] expected a reset_parameters method where a module has parameters "
                f"of its own; got {type(each).__name__}{where}, which has none."
            )
    with _core.no_grad():
        for _, each in found:
            if hasattr(each, "reset_parameters"):
                each.reset_parameters()
    return module


def _children_first(module):
    """(path, module) of all modules, each once, after those below it; without recursion, as modules
    may be nested deeply."""
    found, seen = [], {id(module)}
    way = [("", module, module.named_children())]
    while way:
        path, above, children = way[-1]
        for name, child in children:
            if id(child) not in seen:
                seen.add(id(child))
                way.append((f"{path}.{name}" if path else name, child, child.named_children()))
                break
        else:
            found.append((path, above))
            way.pop()
    return found
