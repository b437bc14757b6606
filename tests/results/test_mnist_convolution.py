"""MNIST with a small convolutional network: 99 % in five epochs.

After LeNet-5, which had 99.05 % after 20 epochs (Y. LeCun et al., "Gradient-Based Learning Applied to
Document Recognition", 1998), with ReLU, maxima and dropout; the rate of Adam goes up and down once.
The settings were tried out on the last 10,000 training images alone.
"""

import pytest

import chainrule as cr
from chainrule import nn, optim

pytestmark = pytest.mark.slow
EPOCHS, BATCH = 5, 64


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 128),
        nn.ReLU(),
        nn.Dropout(0.25),
        nn.Linear(128, 10),
    )


def accuracy(mnist, seed):
    images, labels = mnist.train
    test_images, test_labels = mnist.test
    cr.manual_seed(seed)
    net = network()
    steps = EPOCHS * -(-len(images) // BATCH)
    optimizer = optim.Adam(net.parameters(), lr=optim.schedules.one_cycle(0.003, steps))
    trainer = cr.Trainer(net, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], scale=1 / 255)
    trainer.fit((images.reshape(-1, 1, 28, 28), labels), epochs=EPOCHS, batch_size=BATCH)
    return trainer.evaluate((test_images.reshape(-1, 1, 28, 28), test_labels))["accuracy"]


def test_99_percent_in_five_epochs(mnist, right):
    accuracies = [accuracy(mnist, seed) for seed in range(3)]
    right("convolutions of 16 and 32 maps, 5 epochs", accuracies)
    assert min(accuracies) >= 0.99
