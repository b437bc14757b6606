"""bfloat16 beside PyTorch's on the CPU: every operation, gradients, networks under autocast."""

import numpy as np
import pytest
import torch

import chainrule as cr
import gradients
import harness
from both_libraries import NO_GRADIENT, refused, same_weights, theirs_of
from cases import all_cases

# PyTorch has none of these in bfloat16.
ABSENT = {"nn.functional.multi_margin_loss", "nn.functional.multilabel_margin_loss"}
CASES = [case for case in all_cases() if "float32" in case.dtypes and case.id not in ABSENT]
UNIT = 2.0**-8  # what a rounding to bfloat16 changes at most, relatively

# Rounding makes equals of different numbers, among which PyTorch takes any order.
ANY_ORDER = {"topk"}
# Gradients that add up what is rounded: a product per matrix of a batch, a quotient per column.
UNITS = {"matmul": 2, "atan2": 3}


def rounded(array):
    """As torch rounds: what both libraries start from."""
    return torch.tensor(array).bfloat16().float().numpy() if array.dtype == np.float32 else array


def wide(t):
    return np.asarray(t.detach().float().numpy() if "bfloat16" in str(t.dtype) else t.detach())


def compare(case, mine, other, exact, where, scale=0.0):
    """As near to the float64 result as one rounding leads, or as PyTorch's result is."""
    assert (tuple(mine.shape), str(mine.dtype).rpartition(".")[2]) == (
        tuple(other.shape),
        str(other.dtype).rpartition(".")[2],
    ), where
    ours, theirs, exact = wide(mine), wide(other), wide(exact)
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs, err_msg=where)
        return
    finite = np.isfinite(theirs)
    np.testing.assert_array_equal(ours[~finite], theirs[~finite], err_msg=where)
    error, their_error = (np.abs(x - exact)[finite].max(initial=0) for x in (ours, theirs))
    units = UNITS.get(case.id, 1) if scale else 1
    bound = max(units * UNIT * max(harness.magnitude(exact), scale), their_error)
    assert error <= bound, f"{where}: {error} from float64 where PyTorch is {their_error}"


def results(lib, case, index, leaves, wanted, seeds):
    """Outputs and the gradients of those that have one."""
    if lib is cr:
        args, kwargs = case.samples[index].fill(leaves)
        outputs = harness.outputs_of(harness.resolve(case.name)(*args, **kwargs))
    else:
        outputs = theirs_of(case, index, leaves)
    starts = [t for t in outputs if hasattr(t, "requires_grad") and t.requires_grad]
    if not starts or case.id in NO_GRADIENT:
        return outputs, [None] * len(wanted)
    seeds = [t.to(o.dtype) for t, o in zip(seeds, starts, strict=True)]
    return outputs, lib.autograd.grad(starts, wanted, seeds, allow_unused=True)


def check(case, index):
    point = gradients.Point(case, index, "float32")
    arrays = [rounded(a) for a in point.arrays]
    where = f"{case.id}[{index}] {case.samples[index]}"
    shapes = [tuple(o.shape) for o in point.results(point.leaves())]
    seeds = [rounded(point.random(shape).astype("float32")) for shape in shapes]
    runs = []
    for lib, dtype in ((cr, "bfloat16"), (torch, "bfloat16"), (torch, "float64")):
        leaves = [lib.tensor(a) for a in arrays]
        leaves = [
            t.to(getattr(lib, dtype)) if a.dtype == np.float32 else t
            for t, a in zip(leaves, arrays, strict=True)
        ]
        wanted = [leaves[p].requires_grad_(case.id not in NO_GRADIENT) for p in point.places]
        runs.append(results(lib, case, index, leaves, wanted, [lib.tensor(v) for v in seeds]))
    for mine, other, exact in zip(*(outputs for outputs, _ in runs), strict=True):
        if isinstance(other, torch.Tensor):
            compare(case, mine, other, exact, where)
        if case.id in ANY_ORDER:
            return
    size = harness.magnitude(*arrays)
    for mine, other, exact in zip(*(grads for _, grads in runs), strict=True):
        if mine is not None and other is not None:
            compare(case, mine, other, exact, f"gradient of {where}", size)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, of deprecated calls
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_results_and_gradients_are_pytorchs(case):
    for index in range(len(case.samples)):
        if not refused(case, index):
            check(case, index)


def steps_under_autocast(lib, net, x, y, steps):
    """Losses of training, and the dtypes that a program sees."""
    optimizer = lib.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        with lib.autocast("cpu", dtype=lib.bfloat16):
            out = net(x)
            loss = lib.nn.functional.cross_entropy(out, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    kinds = [out, loss, *net.parameters(), *(p.grad for p in net.parameters())]
    return losses, [str(t.dtype).rpartition(".")[2] for t in kinds]


def test_training_under_autocast():
    """The same dtypes, losses that part slowly, and both nets learn."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 64)
    x = (rng.normal(size=(64, 20)) + np.eye(4, 20)[y] * 2).astype("float32")
    ours, theirs = (
        lib.nn.Sequential(lib.nn.Linear(20, 33), lib.nn.ReLU(), lib.nn.Linear(33, 4))
        for lib in (cr, torch)
    )
    same_weights(ours, theirs)
    mine, kinds = steps_under_autocast(cr, ours, cr.tensor(x), cr.tensor(y), 40)
    other, their_kinds = steps_under_autocast(torch, theirs, torch.tensor(x), torch.tensor(y), 40)
    assert kinds == their_kinds
    np.testing.assert_allclose(mine[:10], other[:10], rtol=2e-2)
    assert mine[-1] < 0.2 * mine[0] and other[-1] < 0.2 * other[0]


@pytest.mark.parametrize("shape", [(64, 784, 512), (7, 33, 5), (128, 1500, 10), (1, 64, 1)])
@pytest.mark.parametrize("layout", ["forward", "dX", "dW"])
def test_products_beside_pytorchs(shape, layout):
    """One rounding from the sum of products in float64, as PyTorch's, and what float32 sums lose."""
    m, k, n = shape
    rng = np.random.default_rng(m + k + n)
    a, b = (rounded(rng.normal(size=s).astype("float32")) for s in ((m, k), (k, n)))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    magnitudes = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
    for lib in (cr, torch):
        x = lib.tensor(a).bfloat16() if layout != "dW" else lib.tensor(a.T.copy()).bfloat16().T
        y = lib.tensor(b.T.copy()).bfloat16().T if layout == "forward" else lib.tensor(b).bfloat16()
        error = np.abs(wide(x @ y) - exact)
        assert (error <= np.abs(exact) * UNIT + magnitudes * k * 2.0**-24).all(), lib.__name__
