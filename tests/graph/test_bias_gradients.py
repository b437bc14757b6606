"""The pass fuse_bias_gradients: small products and sums that are gradients of one linear layer are
one instruction, with the bits of an eager backward."""

import pytest

import chainrule as cr
import chainrule.nn.functional as F

INSTRUCTION = "product_and_sums"
# The reference rounds a product once, and a long sum after each block.
FUSED = cr.config.isa() != "reference"


def layer(rows, inputs, outputs, dtype):
    x, w = cr.randn(rows, inputs, dtype=dtype), cr.randn(outputs, inputs, dtype=dtype)
    return x, w.requires_grad_(), cr.randn(outputs, dtype=dtype).requires_grad_()


def gradients(step, leaves, *arguments):
    for leaf in leaves:
        leaf.grad = None
    step(*arguments)
    return [leaf.grad.tolist() for leaf in leaves]


def captured(step, leaves, *arguments):
    compiled = cr.compile(step)
    for _ in range(3):
        gradients(compiled, leaves, *arguments)
    return compiled, gradients(compiled, leaves, *arguments)


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
@pytest.mark.parametrize(
    ("rows", "inputs", "outputs"),
    [(2, 3, 2), (150, 4, 10), (150, 10, 3), (257, 64, 2), (600, 1, 30), (1030, 32, 32)],
)
def test_bits_are_those_of_eager(rows, inputs, outputs, dtype):
    x, w, b = layer(rows, inputs, outputs, dtype)
    target = cr.randn(rows, outputs, dtype=dtype)

    def step(x):
        F.mse_loss(F.linear(x, w, b).tanh(), target).backward()

    eager = gradients(step, (w, b), x)
    compiled, replayed = captured(step, (w, b), x)
    assert replayed == eager
    for word in (INSTRUCTION, "(fuse_bias_gradients)"):
        assert (word in str(compiled.program)) == FUSED


@pytest.mark.parametrize(
    ("rows", "inputs", "outputs"),
    # One bias is summed in another order, one row not at all; many are no gain.
    [(40, 3, 1), (1, 3, 2), (40, 64, 64)],
)
def test_others_stay_two(rows, inputs, outputs):
    x, w, b = layer(rows, inputs, outputs, cr.float32)

    def step(x):
        F.linear(x, w, b).square().sum().backward()

    eager = gradients(step, (w, b), x)
    compiled, replayed = captured(step, (w, b), x)
    assert replayed == eager
    assert INSTRUCTION not in str(compiled.program)


def test_other_sums_and_products_stay():
    x, w, b = layer(50, 4, 6, cr.float32)
    sums = []

    def step(x):
        y = F.linear(x, w, b).tanh()
        y.sum().backward()
        return y.sum(dim=0), y.sum(dim=(0,), keepdim=True), y.t() @ x

    eager = [t.tolist() for t in step(x)]
    compiled = cr.compile(step)
    for _ in range(4):
        sums = [t.tolist() for t in compiled(x)]
    assert sums == eager


def test_several_layers_share_a_gradient():
    """Two layers with one output: both products read it, and one of them makes the sum of each."""
    x, w, b = layer(30, 4, 6, cr.float32)
    z, v, c = layer(30, 5, 6, cr.float32)

    def step(x, z):
        (F.linear(x, w, b) + F.linear(z, v, c)).sigmoid().sum().backward()

    leaves = (w, b, v, c)
    eager = gradients(step, leaves, x, z)
    _, replayed = captured(step, leaves, x, z)
    assert replayed == eager


def test_profile_names_the_step():
    x, w, b = layer(150, 4, 10, cr.float32)

    def step(x):
        w.grad = b.grad = None
        F.linear(x, w, b).tanh().sum().backward()

    compiled = cr.compile(step)
    for _ in range(3):
        compiled(x)
    assert (INSTRUCTION in [name for name, _ in compiled.profile(x)]) == FUSED
