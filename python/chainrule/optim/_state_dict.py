"""An optimizer's state as a plain dict in PyTorch's layout, and back.

Loading checks and converts everything first and then swaps both containers, so a state dict that
does not fit changes nothing.
"""

import math

from .. import _core
from .._checks import type_name
from .._core import Tensor
from . import _rate
from ._state import ParamGroups, new_state


def state_dict(optimizer):
    """See Optimizer.state_dict."""
    numbers, groups = {}, []
    for group in optimizer.param_groups:
        for param in group["params"]:
            numbers[id(param)] = len(numbers)
        packed = {key: value for key, value in group.items() if key != "params"}
        if optimizer._hyper_names:
            _rate.pack(type(optimizer).__name__, group, packed)
        packed["params"] = [numbers[id(param)] for param in group["params"]]
        groups.append(packed)
    state = {numbers.get(id(key), key): value for key, value in optimizer.state.items()}
    return {"state": state, "param_groups": groups}


def load(optimizer, saved):
    """See Optimizer.load_state_dict."""
    name = type(optimizer).__name__
    if not isinstance(saved, dict) or not {"state", "param_groups"} <= saved.keys():
        raise ValueError(
            f'[{name}] expected a dict with "state" and "param_groups"; got {_brief(saved)}.'
        )
    _check_containers(name, saved["state"], saved["param_groups"])
    params = _params_by_number(name, optimizer.param_groups, saved["param_groups"])
    state = new_state()
    for number, entries in saved["state"].items():
        if number not in params:
            raise ValueError(
                f"[{name}] expected state for parameters of the groups; got it for {number!r:.60}."
            )
        entries = {key: value for key, value in entries.items() if value is not None}
        if entries:
            state[params[number]] = _entries(name, optimizer, params[number], entries)
    groups = ParamGroups(
        _merged(optimizer, group, saved_group)
        for group, saved_group in zip(optimizer.param_groups, saved["param_groups"], strict=True)
    )
    for group in groups:
        optimizer._check_settings(group)
    optimizer.state = state
    optimizer.param_groups = groups


def _check_containers(name, state, groups):
    lists = isinstance(groups, list | tuple) and all(
        isinstance(group, dict) and isinstance(group.get("params"), list | tuple)
        for group in groups
    )
    if not lists or not all(isinstance(number, int) for g in groups for number in g["params"]):
        raise ValueError(
            f'[{name}] expected "param_groups" as a list of dicts with a list "params" of '
            f"parameters' numbers; got {groups!r:.60}."
        )
    if not isinstance(state, dict) or not all(isinstance(e, dict) for e in state.values()):
        raise ValueError(
            f'[{name}] expected "state" as a dict of dicts by parameter; got {state!r:.60}.'
        )


def _params_by_number(name, groups, saved_groups):
    if len(groups) != len(saved_groups):
        raise ValueError(
            f"[{name}] expected {len(groups)} parameter groups; got {len(saved_groups)}."
        )
    params = {}
    for index, (group, saved) in enumerate(zip(groups, saved_groups, strict=True)):
        if len(group["params"]) != len(saved["params"]):
            raise ValueError(
                f"[{name}] expected {len(group['params'])} parameters in group {index}; "
                f"got {len(saved['params'])}."
            )
        params.update(zip(saved["params"], group["params"], strict=True))
    if len(params) != sum(len(group["params"]) for group in groups):
        raise ValueError(f"[{name}] expected every parameter's number once; got one twice.")
    return params


def _entries(name, optimizer, param, entries):
    """The state of one parameter, on its device and in its dtype; copies of the tensors."""
    states, scalars = optimizer._states_of(param), optimizer._scalars
    if states is None:  # of a user's optimizer, which alone knows what it keeps
        shape = tuple(param.shape)
        return {key: _entry(name, param, key, value, shape) for key, value in entries.items()}
    needed = {key for key, required in states.items() if required}
    if not needed <= entries.keys() or not entries.keys() <= states.keys():
        raise ValueError(
            f"[{name}] expected the states {', '.join(states)}; got {', '.join(entries)}. "
            "Is the file of another optimizer?"
        )
    return {
        key: _scalar(name, key, value, scalars[key][0])
        if key in scalars
        else _like_param(name, param, key, value, optimizer._shape_of(key, param))
        for key, value in entries.items()
    }


def _scalar(name, key, value, dtype):
    """How many steps there were, or the like, as a tensor; PyTorch's files may hold a number."""
    try:
        number = math.nan if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"[{name}] expected {key} as a number >= 0; got {value!r:.60}.")
    return _core.tensor(number, dtype=dtype)


def _like_param(name, param, key, value, shape):
    """A state that the update reads element by element beside its parameter."""
    if not isinstance(value, Tensor):
        raise _no_tensor(name, key, value, _core._tensor_code(value, "v"))
    if value.dim() == 0 and param.dim() > 0:
        raise _wrong_shape(name, key, value, shape)
    return _entry(name, param, key, value, shape)


def _entry(name, param, key, value, shape):
    if not isinstance(value, Tensor):
        # Another library's tensor, which no update of ours reads; NumPy's arrays may be a user's.
        if hasattr(type(value), "__dlpack__") and not hasattr(value, "__array_interface__"):
            raise _no_tensor(name, key, value, _core._tensor_code(value, "v"))
        return value
    if value.dim() > 0 and tuple(value.shape) != shape:
        raise _wrong_shape(name, key, value, shape)
    value = value.detach().to(param.device)
    if param.is_floating_point():
        value = value.to(param.dtype)
    return value.clone()


def _no_tensor(name, key, value, code):
    hint = (
        f" Pass {{**state_dict, 'state': {{n: {{k: {code} for k, v in s.items()}} for n, s in "
        "state_dict['state'].items()}}."
    )
    return TypeError(
        f"[{name}] expected {key} as a Tensor; got {type_name(value)}.{hint if code else ''}"
    )


def _wrong_shape(name, key, value, shape):
    return _core.ShapeError(f"[{name}] expected {key} of shape {shape}; got {tuple(value.shape)}.")


def _merged(optimizer, group, saved):
    """The saved settings on the present parameters; one that the file lacks stays as it is."""
    read = dict.fromkeys(name.partition("[")[0] for name in optimizer._hyper_names)
    lacking = [key for key in read if key not in saved]
    foreign = [key for key in saved if key not in group]  # schedulers add some, and so do users
    if lacking and foreign:
        raise ValueError(
            f"[{type(optimizer).__name__}] expected the settings {', '.join(read)}; got "
            f"{', '.join(foreign)} and no {', '.join(lacking)}. Is the file of another optimizer?"
        )
    merged = type(group)(group)
    settings = {key: value for key, value in saved.items() if key != "params"}
    if optimizer._hyper_names:
        _rate.unpack(type(optimizer).__name__, group, settings)
    merged.update(settings)
    return merged


def _brief(value):
    if not isinstance(value, dict):
        return type_name(value)
    return f"a dict with {list(value) or 'no keys'}"
