"""`Schedule`, and the formulas of `optim.schedules` as tensor arithmetic on the count of steps.

A formula reads no value: it is recorded with a compiled step, and computes the rate of each replay.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .. import _core
from .._checks import as_float, require_callable
from .._core import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload


class Schedule:
    """A learning rate as a function of the count of steps: of a number a number, of a 0-d tensor a
    tensor. The functions of `optim.schedules` make it, and `lr=` of an optimizer takes it.

    Example:
        >>> from chainrule.optim import schedules
        >>> schedule = schedules.step(0.5, step_size=10)
        >>> schedule
        step(lr=0.5, step_size=10, gamma=0.1)
        >>> schedule(9), schedule(10)
        (0.5, 0.05)
    """

    def __init__(self, formula: Callable, name: str = "", **settings):
        self._formula = formula
        self._name = name or formula.__name__
        self._settings = settings

    if TYPE_CHECKING:

        @overload
        def __call__(self, step: Tensor) -> Tensor: ...
        @overload
        def __call__(self, step: float) -> float: ...

    def __call__(self, step: Any) -> Any:
        if isinstance(step, Tensor):
            return self._formula(step.to(_core.float64), **self._settings)
        step = as_float(self._name, "step", step)
        return self._formula(_core.tensor(step, dtype=_core.float64), **self._settings).item()

    def __repr__(self):
        settings = ", ".join(f"{name}={value!r}" for name, value in self._settings.items())
        return f"{self._name}({settings})"


def functions(op, schedules):
    """The schedules as a tuple; TypeError unless they are functions, ValueError for none."""
    schedules = tuple(require_callable(op, schedule) for schedule in schedules)
    if not schedules:
        raise ValueError(f"[{op}] expected at least one schedule; got none.")
    return schedules


def exponential(t, lr, gamma):
    return lr * gamma**t


def step(t, lr, step_size, gamma):
    return lr * gamma ** (t // step_size)


def multi_step(t, lr, milestones, gamma):
    passed = t * 0
    for milestone in milestones:
        passed = passed + (t >= milestone)
    return lr * gamma**passed


def linear(t, lr, start_factor, end_factor, total_iters):
    share = t.clamp(max=total_iters) / total_iters
    return lr * (start_factor + (end_factor - start_factor) * share)


def polynomial(t, lr, total_iters, power):
    return lr * (1 - t.clamp(max=total_iters) / total_iters) ** power


def cosine_annealing(t, lr, T_max, eta_min):
    return eta_min + (lr - eta_min) * (1 + _core.cos(math.pi * t / T_max)) / 2


def warm_restarts(t, lr, T_0, T_mult, eta_min):
    if T_mult == 1:
        return cosine_annealing(t % T_0, lr, T_0, eta_min)

    def begin(restarts):
        return T_0 * (T_mult**restarts - 1) / (T_mult - 1)

    restarts = (_core.log(t / T_0 * (T_mult - 1) + 1) / math.log(T_mult)).floor()
    # The quotient of logarithms is rounded: at a restart it may be one off.
    restarts = restarts + (t >= begin(restarts + 1))
    restarts = restarts - (t < begin(restarts)).to(_core.float64)
    length = T_0 * T_mult**restarts
    return cosine_annealing(t - begin(restarts), lr, length, eta_min)


def cyclic(t, base_lr, max_lr, step_size_up, step_size_down, mode, gamma):
    total = step_size_up + step_size_down
    place = t % total
    rise, fall = place / step_size_up, (total - place) / step_size_down
    height = (max_lr - base_lr) * _core.where(place <= step_size_up, rise, fall)
    if mode == "triangular2":
        height = height * 0.5 ** (t // total)
    elif mode == "exp_range":
        height = height * gamma**t
    return base_lr + height


def one_cycle(
    t, max_lr, total_steps, pct_start, anneal_strategy, div_factor, final_div_factor, three_phase
):
    first, last = max_lr / div_factor, max_lr / div_factor / final_div_factor
    up, end = pct_start * total_steps - 1, total_steps - 1
    ends = [(0.0, first), (up, max_lr), (end, last)]
    if three_phase:
        ends.insert(2, (2 * up, first))
    rate = t * 0 + last
    for index in reversed(range(len(ends) - 1)):
        (begin, start), (stop, goal) = ends[index : index + 2]
        length = stop - begin
        share = (t - begin) / length if length else t * 0 + 1
        share = share.clamp(0, 1)
        if anneal_strategy == "cos":
            share = (1 - _core.cos(math.pi * share)) / 2
        rate = _core.where(t <= stop, start + (goal - start) * share, rate)
    return rate


def sequential(t, schedules, milestones):
    rate = t * 0 + schedules[0](t)  # a number is a tensor then, of this dtype
    for milestone, schedule in zip(milestones, schedules[1:], strict=True):
        later = t * 0 + schedule((t - milestone).clamp(min=0))
        rate = _core.where(t >= milestone, later, rate)
    return rate


def chained(t, schedules):
    rate = t * 0 + 1
    for schedule in schedules:
        rate = rate * schedule(t)
    return rate
