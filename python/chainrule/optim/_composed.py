"""What the optimizers share whose step is arithmetic on tensors, by operations that exist anyway.

As the native ones they read the settings from `hyper`, so a compiled step follows a change without
being recorded again, and keep all that changes in tensors. Every new value is computed before the
first one is written: a step that fails has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .. import _core
from .._autocast import autocast
from .._core import Tensor
from ._native import NativeOptimizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ComposedOptimizer(NativeOptimizer):
    """A subclass says how one parameter and its states are updated."""

    # (param, grad, states, hyper, dtype, *flags) -> the new values of the parameter and its states.
    # `hyper` has the settings as 0-d float64 tensors. What is of bfloat16 comes as float32; `dtype`
    # is the parameter's own.
    _updated: Callable[..., Sequence[Tensor]]

    def _gather(self, group, hyper, calls, fresh):
        self._check_flags(group)
        settings, flags = None, self._flags(group)
        for param in group["params"]:
            if param.grad is None:
                continue
            names = self._states_of(param)
            state = self.state.get(param)
            if not state or not any(name in state for name in names):
                new = {name: self._new_state(name, param, group) for name in names}
                fresh.append((param, new))
                state = {**(state or {}), **new}
            if settings is None:
                settings = hyper.unbind()
            calls.append((param, [state[name] for name in names], settings, flags))

    def _new_state(self, name, param, group):
        if name in self._scalars:
            return super()._new_state(name, param, group)
        return _core.zeros(self._shape_of(name, param), dtype=param.dtype, device=param.device)

    def _run_all(self, *calls):
        op = f"{type(self).__name__.lower()}_update"
        targets, values = [], []
        with _core.no_grad(), autocast(enabled=False):
            for param, states, settings, flags in calls:
                self._check_places(op, param, states)
                targets += (param, *states)
                grad, *wide = (_wide(t) for t in (param.grad, param, *states))
                values += self._updated(wide[0], grad, wide[1:], settings, param.dtype, *flags)
            _check_apart(op, targets)
            for target, value in zip(targets, values, strict=True):
                target.copy_(value)

    def _check_places(self, op, param, states):
        """Raise unless all can be written, and a step could have left the states."""
        if not param.is_floating_point():
            raise _core.DtypeError(f"[{op}] expected floating params; got {param.dtype}.")
        _core._check_writable(param, op)
        for name, state in zip(self._states_of(param), states, strict=True):
            _core._check_writable(state, op)
            scalar = name in self._scalars
            dtype = self._scalars[name][0] if scalar else param.dtype
            shape = () if scalar else self._shape_of(name, param)
            if state.dtype != dtype:
                raise _core.DtypeError(f"[{op}] expected {name} of {dtype}; got {state.dtype}.")
            if tuple(state.shape) != shape:
                raise _core.ShapeError(
                    f"[{op}] expected {name} of shape {shape}; got {tuple(state.shape)}."
                )


def _wide(tensor: Any) -> Any:
    return tensor.float() if tensor.dtype == _core.bfloat16 else tensor


def _check_apart(op: str, targets: Iterable[Tensor]) -> None:
    """Raise where two that are written share memory; of windows with gaps the beginnings count."""
    with _core._PauseRecording():  # the program knows by itself what shares memory
        windows = [
            (t.data_ptr(), t.numel() * t.element_size() if t.is_contiguous() else 1)
            for t in targets
            if t.numel() > 0
        ]
    end = 0
    for begin, size in sorted(windows):
        if begin < end:
            raise _core.StateError(
                f"[{op}] expected what is written in memory of its own; got tensors that share it."
            )
        end = begin + size
