"""MNIST with 784-512-512-10 ReLU units, dropout and RMSprop.

Keras' example mnist_mlp.py (2.x): "Gets to 98.40% test accuracy after 20 epochs". Its settings:
Glorot's weights, biases of zero, a rate of 0.001, and for the mean of squares 0.9.
"""

import pytest

import chainrule as cr
from chainrule import nn, optim

pytestmark = pytest.mark.slow


def accuracy(mnist, seed):
    cr.manual_seed(seed)
    net = nn.MLP(784, [512, 512], 10, dropout=0.2)
    for name, parameter in net.named_parameters():
        if name.endswith("weight"):
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    optimizer = optim.RMSprop(net.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
    trainer = cr.Trainer(net, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], scale=1 / 255)
    trainer.fit(mnist.train, epochs=20, batch_size=128)
    return trainer.evaluate(mnist.test)["accuracy"]


def test_about_98_4_percent(mnist, right):
    mean = right("784-512-512-10, dropout", [accuracy(mnist, seed) for seed in range(3)])
    assert mean > 0.982
