"""Gradients of k small batches add up to that of one large batch: eager, in one captured call, and
over captured calls."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

ROWS, PARTS, STEPS = 48, 4, 8


class Run:
    """Some steps of training, each on the whole data, in parts or not."""

    def __init__(self, make, clip):
        rng = np.random.default_rng(0)
        self.x = cr.tensor(rng.normal(size=(ROWS, 5)))
        self.y = cr.tensor(rng.integers(0, 3, ROWS))
        cr.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3)).double()
        self.optimizer = make(self.net.parameters())
        self.clip = clip

    def add(self, x, y, share):
        """Adds the gradient of a part, which is this share of the rows."""
        loss = nn.functional.cross_entropy(self.net(x), y) * share
        loss.backward()
        return loss.detach()

    def update(self):
        if self.clip:  # once, of the whole gradient
            nn.utils.clip_grad_norm_(self.net.parameters(), 0.1)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def large(self):
        loss = self.add(self.x, self.y, 1.0)
        self.update()
        return loss

    def parts(self):
        return zip(self.x.chunk(PARTS), self.y.chunk(PARTS), strict=True)

    def small(self):
        loss = sum(self.add(x, y, 1 / PARTS) for x, y in self.parts())
        self.update()
        return loss

    def train(self, step):
        losses = [step().item() for _ in range(STEPS)]
        return losses, [p.tolist() for p in self.net.parameters()]


OPTIMIZERS = {
    "sgd": lambda p: cr.optim.SGD(p, lr=0.5, momentum=0.9, weight_decay=0.01),
    "adam": lambda p: cr.optim.Adam(p, lr=0.05),
}


def flat(result):
    losses, weights = result
    return np.concatenate([np.ravel(values) for values in (losses, *weights)])


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_small_batches_make_a_large_one(name, clip):
    def run():
        return Run(OPTIMIZERS[name], clip)

    large = run()
    whole = large.train(large.large)
    eager = run()
    in_parts = eager.train(eager.small)
    np.testing.assert_allclose(flat(in_parts), flat(whole), rtol=1e-9, atol=1e-12)

    # The loop over the parts inside one captured call.
    inside = run()
    step = cr.compile(inside.small)
    assert inside.train(step) == in_parts
    assert step.plans == 1 and step.stats["replays"] >= 5

    # A captured call for each part, which adds to the gradients that the last has left, and one
    # for the update.
    outside = run()
    add = cr.compile(lambda x, y: outside.add(x, y, 1 / PARTS))
    update = cr.compile(outside.update)

    def step_of_calls():
        loss = sum(add(x, y) for x, y in outside.parts())
        update()
        return loss

    assert outside.train(step_of_calls) == in_parts
    assert add.stats["replays"] >= (STEPS - 3) * PARTS and update.stats["replays"] >= STEPS - 3


def test_without_zero_grad_between_steps_gradients_go_on_adding():
    run = Run(OPTIMIZERS["sgd"], False)
    add = cr.compile(lambda: run.add(run.x, run.y, 1.0))
    add()
    first = run.net[0].weight.grad.clone()
    for count in range(2, 9):
        add()
        np.testing.assert_allclose(
            run.net[0].weight.grad.numpy(), count * first.numpy(), rtol=1e-12
        )


def test_the_sum_over_samples_one_by_one():
    """J = 0; for each sample, J and the gradient are added to: 002_5fc2916072822600.txt."""
    run = Run(OPTIMIZERS["sgd"], False)
    total = run.add(run.x, run.y, float(ROWS)).item()
    whole = [p.grad.numpy().copy() for p in run.net.parameters()]
    run.optimizer.zero_grad()
    one = cr.compile(lambda x, y: run.add(x, y, 1.0))
    added = sum(one(run.x[i : i + 1], run.y[i : i + 1]).item() for i in range(ROWS))
    assert added == pytest.approx(total, rel=1e-12)
    for parameter, expected in zip(run.net.parameters(), whole, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), expected, rtol=1e-10, atol=1e-13)
    assert one.stats["replays"] > 40
