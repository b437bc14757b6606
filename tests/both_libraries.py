"""What the comparisons with PyTorch share."""

import numpy as np
import torch

import chainrule as cr

LIBRARIES = (cr, torch)


def both(act):
    """act(library) for chainrule and for torch."""
    return act(cr), act(torch)


def same_weights(ours, theirs):
    ours.load_state_dict({k: cr.tensor(v.numpy()) for k, v in theirs.state_dict().items()})


def close(got, want, rtol=1e-12):
    got, want = got.detach().numpy(), want.detach().numpy()
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)
