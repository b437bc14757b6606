"""The decks' own programs, with only the import changed."""

import subprocess
import sys

import numpy as np
import pytest

import chainrule

AUTOGRAD = """
import chainrule as torch

x = torch.tensor([3., 2., 1.], requires_grad=False)
y = torch.tensor([0.7], requires_grad=False)

w = torch.tensor([1., 2., 3.], requires_grad=True)
b = torch.tensor([1.], requires_grad=True)
y_hat = torch.dot(w, x) + b
loss = 1/2 * (y_hat - y)**2
loss.backward()
print(w.grad)
print(b.grad)
"""


def test_autograd_program_prints_the_decks_output():
    run = subprocess.run(
        [sys.executable, "-c", AUTOGRAD], capture_output=True, text=True, check=True
    )
    assert run.stdout == "tensor([30.9000, 20.6000, 10.3000])\ntensor([10.3000])\n"


def iris_step(seed):
    from sklearn.datasets import load_iris

    import chainrule as torch
    from chainrule import nn

    torch.manual_seed(seed)
    X_raw, y_raw = load_iris(return_X_y=True)
    X = torch.tensor(X_raw, dtype=torch.float32)
    y = torch.tensor(y_raw, dtype=torch.long)
    loss_fn = nn.CrossEntropyLoss()
    linear1 = nn.Linear(in_features=X.shape[1], out_features=10)
    linear2 = nn.Linear(in_features=10, out_features=int(max(y_raw)) + 1)
    all_params = list(linear1.parameters()) + list(linear2.parameters())
    optimiser = torch.optim.SGD(all_params, lr=0.001)

    def loss_of():
        h = nn.functional.relu(linear1(X))
        return loss_fn(linear2(h), y)

    before = [p.detach().clone() for p in all_params]
    loss = loss_of()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return before, all_params, loss, loss_of()


def test_iris_program_makes_the_decks_step():
    pytest.importorskip("sklearn", reason="pip install scikit-learn")
    before, params, loss, after = iris_step(0)
    assert sum(p.numel() for p in params) == 83  # exercise 34: 4-10-3 with biases
    for old, p in zip(before, params, strict=True):
        np.testing.assert_allclose(
            p.detach().numpy(), old.numpy() - 0.001 * p.grad.numpy(), rtol=1e-6, atol=1e-7
        )
    assert after.item() < loss.item()


def test_derivative_of_the_sigmoid():
    import chainrule as torch

    def sigmoid(t):
        return 1.0 / (1.0 + torch.exp(-t))

    def derivative_of_sigmoid(t):
        return sigmoid(t) * (1 - sigmoid(t))

    x = torch.linspace(-10, 10, 100, requires_grad=True)
    dx = derivative_of_sigmoid(x)
    z = sigmoid(x)
    z_ = torch.sum(z)
    z_.backward()
    t = np.linspace(-10, 10, 100)
    s = 1 / (1 + np.exp(-t))
    np.testing.assert_allclose(z.detach().numpy(), s, rtol=2e-6)
    np.testing.assert_allclose(x.grad.detach().numpy(), s * (1 - s), rtol=2e-5, atol=1e-9)
    np.testing.assert_allclose(dx.detach().numpy(), s * (1 - s), rtol=2e-4, atol=1e-7)


def test_version_is_stated():
    assert chainrule.__version__.count(".") == 2
