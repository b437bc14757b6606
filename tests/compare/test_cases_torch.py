"""The operation cases against PyTorch, where it takes the same call: results and gradients."""

import numpy as np
import pytest
import torch

import chainrule as cr
import gradients
import harness
from both_libraries import NO_GRADIENT, refused, theirs_of
from cases import all_cases

CASES = [case for case in all_cases() if "float64" in case.dtypes]

# Whose 1/6 is a float32 in PyTorch.
RELATIVE = {"nn.functional.hardsigmoid": 1e-7, "nn.functional.hardsigmoid-special": 1e-7}


def compare(ours, theirs, where, relative=1e-9, absolute=1e-11):
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), where
    np.testing.assert_allclose(ours, theirs, rtol=relative, atol=absolute, err_msg=where)


def gradients_of(library, outputs, wanted, seeds):
    found = library.autograd.grad(outputs, wanted, seeds, allow_unused=True)
    return [
        np.zeros(tuple(w.shape)) if g is None else g.detach().numpy()
        for g, w in zip(found, wanted, strict=True)
    ]


def check(case, index):
    point = gradients.Point(case, index)
    where = f"{case.id}[{index}] {case.samples[index]}"
    leaves, theirs = point.leaves(), [torch.tensor(a) for a in point.arrays]
    for place in point.places:
        theirs[place].requires_grad_(case.id not in NO_GRADIENT)
    args, kwargs = case.samples[index].fill(leaves)
    ours_out = harness.outputs_of(harness.resolve(case.name)(*args, **kwargs))
    theirs_out = theirs_of(case, index, theirs)
    for mine, other in zip(ours_out, theirs_out, strict=True):
        if isinstance(other, torch.Tensor):
            compare(harness.to_numpy(mine), other.detach().numpy(), where)
        else:
            assert mine == other, where
    if case.id in NO_GRADIENT:
        return
    starts = [t for t in theirs_out if isinstance(t, torch.Tensor) and t.requires_grad]
    outputs = gradients.floating(ours_out)
    assert len(outputs) == len(starts), where
    if not outputs:
        return
    seeds = [point.random(tuple(o.shape)) for o in outputs]
    mine = gradients_of(cr, outputs, [leaves[p] for p in point.places], [*map(cr.tensor, seeds)])
    other = gradients_of(
        torch, starts, [theirs[p] for p in point.places], [*map(torch.tensor, seeds)]
    )
    for a, b in zip(mine, other, strict=True):
        compare(a, b, f"gradient of {where}", RELATIVE.get(case.id, 1e-8), 1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of deprecated calls
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_results_and_gradients_are_pytorchs(case):
    for index in range(len(case.samples)):
        if not refused(case, index):
            check(case, index)
