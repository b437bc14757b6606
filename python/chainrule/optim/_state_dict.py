"""An optimizer's state as a plain dict in PyTorch's layout, and back.

Loading checks and converts everything first and then swaps both containers, so a state dict that
does not fit changes nothing.
"""

from collections import defaultdict

from .. import _core
from .._core import Tensor


def state_dict(optimizer):
    """See Optimizer.state_dict."""
    numbers, groups = {}, []
    for group in optimizer.param_groups:
        for param in group["params"]:
            numbers[id(param)] = len(numbers)
        packed = {key: value for key, value in group.items() if key != "params"}
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
    params = _params_by_number(name, optimizer.param_groups, saved["param_groups"])
    state = defaultdict(dict)
    for number, entries in saved["state"].items():
        if number not in params:
            raise ValueError(
                f"[{name}] expected state for parameters of the groups; got it for {number!r}."
            )
        entries = {key: value for key, value in entries.items() if value is not None}
        if entries:
            _check_names(name, optimizer._states, entries)
            state[params[number]] = {
                key: _entry(name, params[number], key, value) for key, value in entries.items()
            }
    groups = [
        _merged(group, saved_group)
        for group, saved_group in zip(optimizer.param_groups, saved["param_groups"], strict=True)
    ]
    for group in groups:
        optimizer._check_settings(group)
    optimizer.state = state
    optimizer.param_groups = groups


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
    return params


def _check_names(name, states, entries):
    if states is None:
        return
    needed = {key for key, required in states.items() if required}
    if not needed <= entries.keys() or not entries.keys() <= states.keys():
        raise ValueError(
            f"[{name}] expected the states {', '.join(states)}; got {', '.join(entries)}. "
            "Is the file of another optimizer?"
        )


def _entry(name, param, key, value):
    if key == "step":  # older files hold a number
        return _core.tensor(float(value), dtype=_core.float32)
    if not isinstance(value, Tensor):
        return value
    if value.dim() > 0 and tuple(value.shape) != tuple(param.shape):
        raise _core.ShapeError(
            f"[{name}] expected {key} of shape {tuple(param.shape)}; got {tuple(value.shape)}."
        )
    value = value.detach().to(param.device)
    if param.is_floating_point():
        value = value.to(param.dtype)
    return value.clone()


def _merged(group, saved):
    """The saved settings on the present parameters; one that the file lacks stays as it is."""
    merged = type(group)(group)
    settings = {key: value for key, value in saved.items() if key != "params"}
    merged.update(settings)
    return merged


def _brief(value):
    return list(value) if isinstance(value, dict) else type(value).__name__
