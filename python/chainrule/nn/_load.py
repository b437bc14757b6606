"""Loading a state dict: everything is checked before the first byte is written."""

from collections import namedtuple

from .. import _core
from .._checks import type_name
from .._core import Parameter, Tensor
from ._members import BUFFER, PARAMETER
from ._uninitialized import UninitializedParameter


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns: the keys that found no partner."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


def load(module, state_dict, strict, assign):
    """Copy `state_dict` into `module`, all of it or nothing; see Module.load_state_dict."""
    if not hasattr(state_dict, "items"):
        raise TypeError(
            f"[load_state_dict] expected a dict of names and tensors; got {type_name(state_dict)}."
        )
    state = dict(state_dict.items())
    slots = _slots(module)
    missing = [key for key in slots if key not in state]
    unexpected = [key for key in state if key not in slots]
    problems = []
    if strict and missing:
        problems.append("missing: " + _quoted(missing))
    if strict and unexpected:
        problems.append("unexpected: " + _quoted(unexpected))
    for key, (owner, name) in slots.items():
        if key in state:
            problems += _mismatch(key, getattr(owner, name), state[key])
    if problems:
        raise _core.StateError(
            f"[load_state_dict] expected the keys and shapes of {type(module).__name__}; got a "
            "state dict that differs, and nothing was loaded:\n    "
            + "\n    ".join(problems + _conversion(state))
        )
    found = {key: slot for key, slot in slots.items() if _is_value(state.get(key))}
    _core._invalidate_plans("load_state_dict")
    with _core.no_grad():
        if not assign:
            state = _copyable(found, state)
        for key, (owner, name) in found.items():
            _put(owner, name, state[key], assign)
    return IncompatibleKeys(missing, unexpected)


def _slots(module):
    """{key: (owner, attribute)} for all that `state_dict` holds, shared ones under each name."""
    slots = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for name, _ in owner._own(PARAMETER, BUFFER):
            slots[f"{path}.{name}" if path else name] = (owner, name)
    return slots


def _is_value(value):
    """Whether there is something to copy: a state dict may hold what waits for its shape, too."""
    return value is not None and not isinstance(value, UninitializedParameter)


def _mismatch(key, own, value):
    if not isinstance(value, Tensor):
        return [f'"{key}": a tensor expected, {type_name(value)} in the state dict']
    waits = isinstance(own, UninitializedParameter)
    if isinstance(value, UninitializedParameter):
        return [] if waits else [f'"{key}": a shape expected, none yet in the state dict']
    wanted = own.sizes if waits else tuple(own.shape)  # (3, None): 3 rows of any length
    if tuple(value.shape) != wanted and not (waits and own.fits(tuple(value.shape))):
        return [f'"{key}": shape {wanted} expected, {tuple(value.shape)} in the state dict']
    return []


def _conversion(state):
    """How a dict of arrays or of another library's tensors alone becomes one of tensors."""
    codes = {_core._tensor_code(value, "v") for value in state.values()}
    if len(codes) != 1 or any(isinstance(value, Tensor) for value in state.values()):
        return []
    return [f"Pass {{k: {code} for k, v in state_dict.items()}}." for code in codes if code]


def _copyable(slots, state):
    """The values in their parameters' dtypes, so that copying them needs no memory, and every
    parameter looked at: what can fail fails here."""
    cast = {}
    for key, (owner, name) in slots.items():
        own = getattr(owner, name)
        try:
            _core._check_writable(own, "load_state_dict")
        except _core.StateError as error:
            error.add_note(f'at "{key}"; nothing was loaded')
            raise
        cast[key] = state[key].to(own.dtype)
    return cast


def _put(owner, name, value, assign):
    own = getattr(owner, name)
    if isinstance(own, UninitializedParameter) and not assign:
        own.materialize(value.shape)
    if not assign:
        own.copy_(value)
    elif isinstance(own, Parameter):
        setattr(owner, name, Parameter(value.detach(), requires_grad=own.requires_grad))
    else:
        setattr(owner, name, value)


def _quoted(keys):
    return ", ".join(f'"{key}"' for key in keys)
