"""What backward reads again: wherever PyTorch allows a tensor to be changed in place after a call,
or a second backward, so do we."""

import pytest
import torch

import chainrule as cr
import gradients
import harness
from both_libraries import NO_GRADIENT, refused, theirs_of
from cases import all_cases

CASES = [c for c in all_cases() if "float64" in c.dtypes and c.id not in NO_GRADIENT]
SAMPLES = 3

# Where backward reads more than PyTorch's: docs/divergences.md says why.
READS_MORE = {
    ("nn.functional.cross_entropy", "input 0"),
    ("nn.functional.cross_entropy-smoothing", "input 0"),
    ("nn.functional.margin_ranking_loss", "input 2"),
    ("nn.functional.scaled_dot_product_attention", "input 1"),
    ("nn.functional.scaled_dot_product_attention", "input 2"),
    ("nn.functional.tanhshrink", "input 0"),
    ("nn.functional.tanhshrink-special", "input 0"),
    ("take_along_dim", "input 1"),
    ("lerp", "twice"),  # with a number as weight
    ("round-decimals", "twice"),
}


def results(library, case, index, values):
    if library is torch:
        found = theirs_of(case, index, values)
    else:
        args, kwargs = case.samples[index].fill(values)
        found = harness.outputs_of(harness.resolve(case.name)(*args, **kwargs))
    return [t for t in found if isinstance(t, library.Tensor) and t.requires_grad]


def works(library, case, index, what):
    """Whether backward runs, after inputs or outputs were changed, or a second time. None where
    there is nothing to run or to change."""
    point = gradients.Point(case, index)
    leaves = point.leaves() if library is cr else [torch.tensor(a) for a in point.arrays]
    for place in point.places:
        leaves[place].requires_grad_()
    # The addition saves nothing.
    values = [t + 0.0 if t.requires_grad else t for t in leaves]
    outputs = results(library, case, index, values)
    if not outputs:
        return None
    named = {"outputs": outputs, "twice": []}
    changed = named[what] if what in named else [values[int(what.split()[1])]]
    try:
        with library.no_grad():
            for t in changed:
                t.logical_not_() if t.dtype == library.bool else t.add_(1)
    except RuntimeError:
        return None  # an expanded tensor, or one of several views
    try:
        for _ in range(2 if what == "twice" else 1):
            library.autograd.grad(
                outputs,
                [leaves[place] for place in point.places],
                [library.ones_like(t) for t in outputs],
                allow_unused=True,
            )
    except RuntimeError:
        return False
    return True


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of deprecated calls
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_backward_reads_no_more_than_pytorchs(case):
    reads_more = set()
    for index in range(min(SAMPLES, len(case.samples))):
        point = gradients.Point(case, index)
        if refused(case, index) or not point.places:
            continue
        for what in ["outputs", "twice", *(f"input {i}" for i in range(len(point.arrays)))]:
            if works(torch, case, index, what) and works(cr, case, index, what) is False:
                reads_more.add((case.id, what))
    assert reads_more == {(name, what) for name, what in READS_MORE if name == case.id}
