"""The step in PyTorch: eager, with the fused optimiser, and that under autocast of the large
networks. Data in memory, gradients set to None."""

import torch
from torch import nn

from bench.networks import LARGE


def set_threads(n):
    torch.set_num_threads(n)


def make_net(network):
    layers = []
    for i, (w, b) in enumerate(network.weights()):
        linear = nn.Linear(w.shape[1], w.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear] + ([nn.ReLU()] if i < len(network.sizes) - 2 else [])
    return nn.Sequential(*layers)


def make_step(network, fused, half=False):
    net = make_net(network)
    x, y = (torch.from_numpy(a) for a in network.data())
    if network.optimizer == "sgd":
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=fused)
    else:
        optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=fused)
    loss_of = nn.MSELoss() if network.regression else nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def half_step():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return half_step if half else step


def steps(network):
    """{name: step}: the faster of the first two is what a user would run."""
    found = {"torch": make_step(network, False), "torch fused": make_step(network, True)}
    if network in LARGE:
        found["torch autocast"] = make_step(network, True, half=True)
    return found
