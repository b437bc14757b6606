"""The step in PyTorch: eager, with the fused optimiser, and compiled. Data in memory, gradients set
to None."""

import logging

import torch
from torch import nn

from bench.networks import Model, bound_step

logging.getLogger("torch").setLevel(logging.ERROR)  # torch.compile's remarks on its own parts
KINDS = ("torch", "torch fused", "torch.compile")


def set_threads(n):
    torch.set_num_threads(n)


def make_net(network, seed=1):
    layers = []
    for w, b in network.weights(seed):
        linear = nn.Linear(w.shape[1], w.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.ReLU() if network.activation == "relu" else nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def model(network, kind="torch fused", seed=1):
    net = make_net(network, seed)
    fused = kind == "torch fused"
    if network.optimizer == "sgd":
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=fused)
    else:
        optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=fused)
    criterion = nn.MSELoss() if network.regression else nn.CrossEntropyLoss()

    def loss_of(x, y):
        return criterion(net(x), y)

    update = optimizer.step
    if kind == "torch.compile":
        # A program for each batch size: the one for all sizes is slower.
        loss_of = torch.compile(loss_of, dynamic=False)
        update = torch.compile(update)

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        update()
        return loss

    def outputs(x):
        with torch.no_grad():
            return net(x).numpy()

    return Model(step, outputs, torch.from_numpy)


def steps(network, kinds=KINDS):
    """{name: step}: the faster of the first two is what most users would run."""
    # What was compiled for another network counts against a limit of programs a function.
    torch.compiler.reset()
    return {kind: bound_step(model(network, kind), network) for kind in kinds}
