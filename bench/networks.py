"""The training steps every library runs: sizes, batch, optimiser, and random data for them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class Network:
    """Dense layers; cross-entropy, or squared error where `regression`."""

    sizes: tuple
    batch: int
    optimizer: str  # "sgd" (momentum 0.9, lr 0.01) or "adam" (lr 0.001)
    regression: bool = False
    activation: str = "relu"  # or "tanh", between the layers

    @property
    def name(self):
        return f"{'-'.join(map(str, self.sizes))}, {self.batch}, {self.optimizer}"

    @property
    def flops(self):
        """Of the products: forward 2P, dW 2P, dX 2P without the first layer, per sample."""
        products = [a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False)]
        return self.batch * (6 * sum(products) - 2 * products[0])

    def data(self, seed=0):
        """x (batch, in) float32 and the targets: classes, or (batch, out) float32."""
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(self.batch, self.sizes[0])).astype("float32")
        if self.regression:
            return x, rng.normal(size=(self.batch, self.sizes[-1])).astype("float32")
        return x, rng.integers(0, self.sizes[-1], self.batch)

    def weights(self, seed=1):
        """[(W (out, in), b (out,)), ...] float32, the same for every library."""
        rng = np.random.default_rng(seed)
        layers = []
        for a, b in zip(self.sizes, self.sizes[1:], strict=False):
            bound = a**-0.5
            layers.append(
                (
                    rng.uniform(-bound, bound, (b, a)).astype("float32"),
                    rng.uniform(-bound, bound, b).astype("float32"),
                )
            )
        return layers


class Model(NamedTuple):
    """A network in one library."""

    step: Any  # (x, y) -> loss
    outputs: Any  # x -> array of NumPy, (batch, out)
    tensor: Any  # array of NumPy -> what step and outputs take


STEPS = (
    Network((4, 10, 3), 150, "sgd"),
    Network((2, 64, 64, 2), 32, "adam"),
    Network((64, 128, 128, 10), 64, "adam"),
    Network((784, 128, 10), 64, "adam"),
    Network((784, 256, 128, 10), 128, "adam"),
    Network((784, 512, 512, 10), 128, "adam"),
    Network((1024, 1024, 1024, 1024), 512, "sgd", regression=True),
)
TINY = Network((4, 32, 16, 4), 10_000, "adam", regression=True, activation="tanh")
MNIST = STEPS[3]


def bound_step(model, network):
    """The step on the network's own data, a function without arguments."""
    x, y = (model.tensor(a) for a in network.data())
    step = model.step
    return lambda: step(x, y)


def check(steps, reference="chainrule", exempt=("scikit-learn",), loose=(), first=3):
    """All candidates agree on the first losses: the same work, or no comparison.

    scikit-learn draws its own weights. Those that round the products' operands, `loose`, differ by
    up to 2 %.
    """
    losses = {name: [_number(step()) for _ in range(first)] for name, step in steps.items()}
    for name, values in losses.items():
        if name in exempt:
            continue
        for a, b in zip(losses[reference], values, strict=True):
            if not abs(a - b) <= (2e-2 if name in loose else 1e-3) * max(1.0, abs(a)):
                raise SystemExit(
                    f"{name} computes other losses: {values}, {reference} {losses[reference]}"
                )


def _number(loss):
    return loss.item() if hasattr(loss, "item") else float(loss)
