"""What the decks show of learning rates, on w²: 004_207294fe22f678c8.txt for constant ones,
000_4bfdbb0e825250a6.txt for those that fall after every step."""

import pytest

import chainrule as cr
from chainrule.optim import lr_scheduler, schedules


def descend(lr, steps=200, schedule=None):
    """|w| after each step from w = 1, captured."""
    w = cr.nn.Parameter(cr.ones(1, dtype=cr.float64))
    optimizer = cr.optim.SGD([w], lr=lr)
    scheduler = None if schedule is None else schedule(optimizer)

    @cr.compile
    def step():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    path = []
    for _ in range(steps):
        step()
        if scheduler is not None:
            scheduler.step()
        path.append(abs(w.item()))
    return path


def test_a_large_rate_oscillates_or_diverges_and_a_small_one_barely_moves():
    assert descend(1.1)[-1] > 1e15
    assert {*descend(1.0)} == {1.0}  # from 1 to -1 and back
    assert descend(0.0001)[-1] > 0.95
    assert descend(0.3)[-1] < 1e-50


@pytest.mark.parametrize("first", [1.0, 1.5])
def test_decay_after_every_step_lets_a_larger_first_rate_converge(first):
    assert descend(first)[-1] >= 1.0
    falling = descend(first, schedule=lambda o: lr_scheduler.ExponentialLR(o, 0.95))
    assert falling[-1] < 1e-6
    assert falling == pytest.approx(descend(schedules.exponential(first, 0.95)), rel=1e-9)
