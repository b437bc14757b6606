"""MNIST with 784-30-10 sigmoid units and the quadratic cost.

M. Nielsen, Neural Networks and Deep Learning (2015), chapter 1: "a classification rate of about 95
percent" after 30 epochs of 50,000 images, with weights and biases drawn from N(0, 1).
"""

import pytest

import chainrule as cr
from chainrule import nn, optim

pytestmark = pytest.mark.slow


def quadratic_cost(outputs, targets):
    wanted = nn.functional.one_hot(targets, 10).to(outputs.dtype)
    return nn.functional.half_mse_loss(outputs, wanted, reduction="sum") / len(targets)


def accuracy(mnist, seed):
    cr.manual_seed(seed)
    net = nn.MLP(784, 30, 10, nn.Sigmoid, output_activation=nn.Sigmoid)
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    optimizer = optim.SGD(net.parameters(), lr=3.0)
    trainer = cr.Trainer(net, quadratic_cost, optimizer, metrics=["accuracy"], scale=1 / 255)
    images, labels = mnist.train
    trainer.fit((images[:50_000], labels[:50_000]), epochs=30, batch_size=10)
    return trainer.evaluate(mnist.test)["accuracy"]


def test_about_95_percent(mnist, right):
    mean = right("784-30-10, sigmoid", [accuracy(mnist, seed) for seed in range(5)])
    assert round(100 * mean) >= 95
