"""MNIST through 32 numbers: an autoencoder 784-128-32-128-784 against principal components."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

pytestmark = pytest.mark.slow
CODE = 32


def error_of_components(train, test):
    """Mean squared error per pixel of the test images, put back from their coordinates on the
    `CODE` first principal axes of the training images."""
    mean = train.mean(0)
    _, axes = np.linalg.eigh(np.cov(train, rowvar=False))  # ascending
    axes = axes[:, -CODE:]
    return np.mean(((test - mean) @ axes @ axes.T + mean - test) ** 2)


def error_of_autoencoder(train, test, seed):
    cr.manual_seed(seed)
    net = nn.Autoencoder(
        [784, 128, CODE], code_activation=nn.Identity, output_activation=nn.Sigmoid
    )
    trainer = cr.Trainer(net, nn.MSELoss(), optim.Adam(net.parameters(), lr=0.001))
    trainer.fit((train, train), epochs=20, batch_size=128)
    return trainer.evaluate((test, test))["loss"]


def test_below_the_error_of_as_many_components(mnist, measured):
    train, test = (images / 255 for images, _ in (mnist.train, mnist.test))
    components = error_of_components(train, test)
    errors = [error_of_autoencoder(train, test, seed) for seed in range(3)]
    each = ", ".join(f"{error:.5f}" for error in errors)
    measured(
        f"784-128-32-128-784: mean squared error {np.mean(errors):.5f} ({each}); "
        f"{CODE} principal components {components:.5f}"
    )
    assert max(errors) < components
