"""Which results are views, as PyTorch's; every other one is dense, in memory of its own. Inputs are
dense, transposed and with gaps."""

import pytest
import torch

import chainrule as cr
import gradients
import harness
from both_libraries import NO_GRADIENT, refused, theirs_of
from cases import all_cases

CASES = [c for c in all_cases() if "float64" in c.dtypes and c.id not in NO_GRADIENT]
SAMPLES = 4

LAYOUTS = {
    "dense": lambda t: t,
    "transposed": lambda t: t.transpose(0, -1).contiguous().transpose(0, -1) if t.ndim else t,
    "with gaps": lambda t: t.unsqueeze(-1).repeat(*[1] * t.ndim, 2)[..., 0],
}
# PyTorch's results of these are views of memory that nobody else has: here they are no views.
HIDDEN_BASES = {"inner", "ravel", "nn.functional.linear", "nn.functional.cross_entropy"}
HIDDEN_BASES |= {"nn.functional.embedding"}  # here, and no view in PyTorch
# Lines are planes of height 1 in PyTorch, of which it returns a view.
LINES = ("conv1d", "avg_pool1d", "max_pool1d_with_indices")
LINES += ("adaptive_avg_pool1d", "adaptive_max_pool1d_with_indices")
HIDDEN_BASES |= {f"nn.functional.{name}" for name in LINES}


def results(library, case, index, arrays, layout):
    values = [LAYOUTS[layout](library.tensor(a)) for a in arrays]
    if library is torch:
        found = theirs_of(case, index, values)
    else:
        args, kwargs = case.samples[index].fill(values)
        found = harness.outputs_of(harness.resolve(case.name)(*args, **kwargs))
    return values, [t for t in found if isinstance(t, library.Tensor)]


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of deprecated calls
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_results_are_views_where_pytorchs_are_and_dense_elsewhere(case, layout):
    for index in range(min(SAMPLES, len(case.samples))):
        if refused(case, index):
            continue
        arrays = gradients.Point(case, index).arrays
        try:
            _, theirs = results(torch, case, index, arrays, layout)
        except RuntimeError:
            continue  # view() of what is not dense
        inputs, ours = results(cr, case, index, arrays, layout)
        for mine, other in zip(ours, theirs, strict=True):
            passed = any(mine is x for x in inputs)
            if not passed and mine._base is None:
                assert mine.is_contiguous()
            if case.id.partition("-")[0] not in HIDDEN_BASES and not passed:
                assert (mine._base is None) == (other._base is None)
