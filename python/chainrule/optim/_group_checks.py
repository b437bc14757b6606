"""What an optimizer checks of the parameters and groups that it is given."""

from __future__ import annotations

from .._checks import parameters_hint, type_name
from .._core import Tensor


def check_iterable(optimizer, params):
    """TypeError unless they are an iterable of parameters or groups."""
    try:
        if isinstance(params, Tensor | dict | str):
            raise TypeError
        iter(params)
    except TypeError:
        raise TypeError(
            f"[{optimizer}] expected an iterable of tensors or dicts as params; "
            f"got {type_name(params)}.{parameters_hint(params)}"
        ) from None


# What other libraries and other texts call a setting.
_ALIASES = {
    "learning_rate": "lr",
    "wd": "weight_decay",
    "decay": "weight_decay",
    "beta1": "betas",
    "beta2": "betas",
}


def refuse_misspelt(optimizer, group, known):
    """ValueError for a key that is all but a setting's name: it would have no effect. Keys like none
    are those of schedulers and the user's own."""
    foreign = [key for key in group if key not in known and key != "params"]
    for key in foreign:
        import difflib

        near = [_ALIASES[key]] if _ALIASES.get(key) in known else []
        near = near or difflib.get_close_matches(str(key).lower(), known, n=1, cutoff=0.85)
        if near:
            raise ValueError(
                f"[{optimizer}] expected settings of a group by their names; got {key!r}. Did you mean "
                f"{near[0]!r}?"
            )


def refuse_others(optimizer, group, known):
    """ValueError for a key that is a setting of other optimizers alone."""
    foreign = [key for key in group if key not in known and key != "params"]
    if not foreign:
        return
    from .. import optim

    kinds = [getattr(optim, name) for name in dir(optim)]
    names = {name.partition("[")[0] for kind in kinds for name in getattr(kind, "_hyper_names", ())}
    for key in foreign:
        if key in names:
            raise ValueError(
                f"[{optimizer}] expected settings that {optimizer} has in a group; got {key!r}, a "
                "setting of other optimizers."
            )


def split_names(optimizer, params):
    """(tensors, names) of a tensor, an ordered iterable of tensors, or one of (name, tensor)."""
    if isinstance(params, Tensor):
        return [params], []
    if isinstance(params, set):
        raise TypeError(
            f"[{optimizer}] expected parameters in an order; got a set, which has none."
        )
    check_iterable(optimizer, params)
    params = list(params)
    pairs = [param for param in params if isinstance(param, tuple)]
    if not all(len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        raise TypeError(f"[{optimizer}] expected (name, tensor) pairs; got other tuples.")
    names = [pair[0] for pair in pairs]
    if names and len(names) != len(params):
        raise ValueError(
            f"[{optimizer}] expected all parameters with names or all without; got both."
        )
    return ([param[1] for param in params] if names else params), names
