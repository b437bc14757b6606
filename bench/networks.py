"""The training steps every peer runs: sizes, batch, optimiser, and random data for them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """Hidden ReLU; cross-entropy, or squared error where `regression`."""

    sizes: tuple
    batch: int
    optimizer: str  # "sgd" (momentum 0.9, lr 0.01) or "adam" (lr 0.001)
    regression: bool = False

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
        """[(W (out, in), b (out,)), ...] float32, the same for every peer."""
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


SMALL = (
    Network((4, 10, 3), 150, "sgd"),
    Network((2, 64, 64, 2), 32, "sgd"),
    Network((64, 128, 128, 10), 64, "sgd"),
)
LARGE = (
    Network((784, 128, 10), 64, "adam"),
    Network((784, 512, 512, 10), 128, "adam"),
    Network((1024, 1024, 1024, 1024), 512, "adam", regression=True),
)
