"""Learning rates as functions of the count of steps, for `lr=` of an optimizer.

    optimizer = SGD(net.parameters(), lr=schedules.exponential(0.1, 0.999))

evaluates the schedule before each step, at 0 first, in eager and in captured steps alike; there is no
`scheduler.step()` to call. The formulas are those of the classes in `optim.lr_scheduler`. Steps are
those of the optimizer: `step(0.1, step_size=len(loader))` changes once an epoch.

Any function of yours will do: it is given the count as a 0-d float64 tensor and returns a number or
a tensor of one element, by tensor arithmetic alone: `lr=lambda t: 0.1 / (1 + 0.01 * t)`. One that reads
the value of its argument, as `math.cos(t)` does, is a CaptureError in a compiled step.

The count of a group is `param_groups[i]["lr_step"]`; state dicts have it, and `load_state_dict` goes on
there with the schedule that the optimizer was made with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import _schedule_formulas as formulas
from ._schedule_formulas import Schedule
from .lr_scheduler._checks import integer, number, one_of, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from .._core import Tensor

__all__ = [
    "Schedule",
    "chained",
    "cosine_annealing",
    "cosine_annealing_warm_restarts",
    "cyclic",
    "exponential",
    "linear",
    "multi_step",
    "one_cycle",
    "polynomial",
    "sequential",
    "step",
]


def __dir__():
    return __all__


def exponential(lr: float, gamma: float) -> Schedule:
    """lr * gamma^t after t steps.

    `lr` >= 0; `gamma` >= 0, mostly a little below 1. ValueError otherwise.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = chainrule.optim.SGD([w], lr=exponential(0.1, 0.5))
        >>> for _ in range(3):
        ...     optimizer.zero_grad()
        ...     w.sum().backward()
        ...     optimizer.step()
        >>> w  # 1 - 0.1 - 0.05 - 0.025
        Parameter containing:
        tensor([0.8250], requires_grad=True)

    Source: "multiply by λ in (0, 1) after every step", 000_4bfdbb0e825250a6.txt.
    """
    number("exponential", "lr", lr, 0)
    return Schedule(formulas.exponential, lr=lr, gamma=number("exponential", "gamma", gamma, 0))


def step(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """lr * gamma^(t // step_size): a fall every `step_size` >= 1 steps; `lr` and `gamma` >= 0."""
    number("step", "lr", lr, 0)
    integer("step", "step_size", step_size)
    return Schedule(
        formulas.step, lr=lr, step_size=step_size, gamma=number("step", "gamma", gamma, 0)
    )


def multi_step(lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """lr * gamma^(milestones that are <= t), integers >= 0; `lr` and `gamma` >= 0."""
    number("multi_step", "lr", lr, 0)
    milestones = tuple(integer("multi_step", "milestones", m, 0) for m in milestones)
    number("multi_step", "gamma", gamma, 0)
    return Schedule(formulas.multi_step, lr=lr, milestones=milestones, gamma=gamma)


def linear(
    lr: float, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
) -> Schedule:
    """From start_factor * lr to end_factor * lr in a straight line of `total_iters` >= 1 steps: a
    warm-up. Both factors are in [0, 1].

    Example:
        >>> warm_up = sequential([linear(0.5, 0.2, total_iters=2), exponential(0.5, 0.5)], [2])
        >>> [round(warm_up(t), 4) for t in range(5)]
        [0.1, 0.3, 0.5, 0.25, 0.125]
    """
    number("linear", "lr", lr, 0)
    number("linear", "start_factor", start_factor, 0, 1)
    number("linear", "end_factor", end_factor, 0, 1)
    integer("linear", "total_iters", total_iters)
    return Schedule(
        formulas.linear,
        lr=lr,
        start_factor=start_factor,
        end_factor=end_factor,
        total_iters=total_iters,
    )


def polynomial(lr: float, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """lr * (1 - t / total_iters)^power, 0 from `total_iters` >= 1 on; `power` >= 0."""
    number("polynomial", "lr", lr, 0)
    integer("polynomial", "total_iters", total_iters)
    number("polynomial", "power", power, 0)
    return Schedule(formulas.polynomial, lr=lr, total_iters=total_iters, power=power)


def cosine_annealing(lr: float, T_max: float, eta_min: float = 0.0) -> Schedule:
    """eta_min + (lr - eta_min) * (1 + cos(π t / T_max)) / 2, with `T_max` > 0; it comes up again after
    `T_max`.

    Source: Loshchilov and Hutter, "SGDR" (2016).
    """
    number("cosine_annealing", "lr", lr, 0)
    number("cosine_annealing", "eta_min", eta_min, 0)
    positive("cosine_annealing", "T_max", T_max)
    return Schedule(formulas.cosine_annealing, lr=lr, T_max=T_max, eta_min=eta_min)


def cosine_annealing_warm_restarts(
    lr: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0
) -> Schedule:
    """Falls as `cosine_annealing` within `T_0` >= 1 steps and begins anew, each time with `T_mult` >= 1
    times as many.

    Source: Loshchilov and Hutter, "SGDR" (2016).
    """
    name = "cosine_annealing_warm_restarts"
    number(name, "lr", lr, 0)
    integer(name, "T_0", T_0)
    integer(name, "T_mult", T_mult)
    number(name, "eta_min", eta_min, 0)
    return Schedule(formulas.warm_restarts, name, lr=lr, T_0=T_0, T_mult=T_mult, eta_min=eta_min)


def cyclic(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: float = 1.0,
) -> Schedule:
    """Up from `base_lr` to `max_lr` and down again in straight lines; arguments as CyclicLR's.

    Source: Smith, "Cyclical learning rates for training neural networks" (2015).
    """
    number("cyclic", "base_lr", base_lr, 0)
    number("cyclic", "max_lr", max_lr, 0)
    up = positive("cyclic", "step_size_up", step_size_up)
    down = up if step_size_down is None else positive("cyclic", "step_size_down", step_size_down)
    one_of("cyclic", "mode", mode, ("triangular", "triangular2", "exp_range"))
    number("cyclic", "gamma", gamma, 0)
    return Schedule(
        formulas.cyclic,
        base_lr=base_lr,
        max_lr=max_lr,
        step_size_up=up,
        step_size_down=down,
        mode=mode,
        gamma=gamma,
    )


def one_cycle(
    max_lr: float,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """Up from max_lr / div_factor to `max_lr`, then down to the first one / final_div_factor, where it
    stays; arguments as OneCycleLR's, of which this moves the learning rate alone.

    Source: Smith and Topin, "Super-convergence" (2017).
    """
    number("one_cycle", "max_lr", max_lr, 0)
    integer("one_cycle", "total_steps", total_steps)
    number("one_cycle", "pct_start", pct_start, 0, 1)
    one_of("one_cycle", "anneal_strategy", anneal_strategy, ("cos", "linear"))
    return Schedule(
        formulas.one_cycle,
        max_lr=max_lr,
        total_steps=total_steps,
        pct_start=pct_start,
        anneal_strategy=anneal_strategy,
        div_factor=positive("one_cycle", "div_factor", div_factor),
        final_div_factor=positive("one_cycle", "final_div_factor", final_div_factor),
        three_phase=three_phase,
    )


def sequential(
    schedules: Sequence[Callable[[Tensor], Tensor | float]], milestones: Sequence[int]
) -> Schedule:
    """Schedules, or functions, one after another: the one at i + 1 begins at milestones[i], with its
    own count 0. The milestones are rising integers >= 1, one fewer than schedules."""
    schedules = formulas.functions("sequential", schedules)
    milestones = tuple(integer("sequential", "milestones", m) for m in milestones)
    if len(milestones) != len(schedules) - 1 or list(milestones) != sorted({*milestones}):
        raise ValueError(
            f"[sequential] expected {len(schedules) - 1} rising milestones for {len(schedules)} "
            f"schedules; got {list(milestones)!r:.60}."
        )
    return Schedule(formulas.sequential, schedules=schedules, milestones=milestones)


def chained(schedules: Sequence[Callable[[Tensor], Tensor | float]]) -> Schedule:
    """The product of schedules, or functions: give the learning rate to one and 1 to the others."""
    return Schedule(formulas.chained, schedules=formulas.functions("chained", schedules))
