"""What the comparisons with PyTorch share."""

import numpy as np
import torch

import chainrule as cr
import harness

LIBRARIES = (cr, torch)

# PyTorch has no gradient here, or takes no such arguments: results only, or nothing to compare.
NO_GRADIENT = {"floor_divide", "heaviside", "nn.functional.softsign-special"}
REFUSED = {
    *(  # a weight that broadcasts
        (f"nn.functional.{name}-weight", index)
        for name in ("mse_loss", "l1_loss", "huber_loss")
        for index in (3, 4, 5)
    ),
    ("nn.functional.binary_cross_entropy", 15),  # a weight that needs a gradient
    ("nn.functional.binary_cross_entropy_with_logits", 15),
    ("nn.functional.hinge_loss", None),  # not PyTorch's
    ("nn.functional.half_mse_loss", None),
    ("nn.functional.soft_margin_loss-large", None),  # overflows in PyTorch
    ("nn.functional.gaussian_nll_loss", 12),  # one variance as a 0-d tensor
    ("nn.functional.cosine_similarity", 3),  # a length below eps: its gradient is another's
    *(  # not in PyTorch
        (f"nn.functional.{name}", None)
        for name in ("step", "squareplus", "squareplus-b", "squareplus-special", "maxout")
    ),
    ("nn.functional.mish-special", None),  # nan at -inf, where chainrule has the limit
    ("broadcast_tensors", None),  # a list
    ("scatter", 1),  # gradient of a source larger than the index
    ("scatter_add", 1),
    ("nn.functional.linear", 7),  # a single row of weights
    ("nn.functional.bilinear", 5),  # inputs of no elements
}


def both(act):
    """act(library) for chainrule and for torch."""
    return act(cr), act(torch)


def same_weights(ours, theirs):
    ours.load_state_dict({k: cr.tensor(v.numpy()) for k, v in theirs.state_dict().items()})


def close(got, want, rtol=1e-12):
    got, want = got.detach().numpy(), want.detach().numpy()
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)


def compare_modules(make, inputs, differentiable=True):
    """Outputs, gradients of inputs and of parameters, and what is left of the parameters."""
    ours, theirs = make(cr.nn).double(), make(torch.nn).double()
    same_weights(ours, theirs)
    results = []
    for lib, module in zip(LIBRARIES, (ours, theirs), strict=True):
        given = [lib.tensor(x) for x in inputs]
        for x in given:
            if differentiable:
                x.requires_grad_()
        out = module(*given)
        seed = np.random.default_rng(7).normal(size=tuple(out.shape))
        if out.requires_grad:
            out.backward(lib.tensor(seed))
        leaves = [*given, *module.parameters()]
        results.append([out, *module.parameters(), *(p.grad for p in leaves)])
    for got, want in zip(*results, strict=True):
        assert (got is None) == (want is None)
        if got is not None:
            close(got, want)


def refused(case, index):
    return (case.id, None) in REFUSED or (case.id, index) in REFUSED


def theirs_of(case, index, leaves):
    """PyTorch's results of the same call."""
    function = torch
    for part in case.name.split("."):
        function = getattr(function, part)
    args, kwargs = case.samples[index].fill(leaves)

    def put(value):
        return getattr(torch, str(value).rpartition(".")[2]) if type(value) is cr.dtype else value

    return harness.outputs_of(function(*map(put, args), **{k: put(v) for k, v in kwargs.items()}))
