"""autocast: which operation runs in which dtype, that gradients come back in the dtypes of the
leaves, and that a compiled function has the bits of an eager one."""

import math
import threading

import numpy as np
import pytest

import chainrule as cr
import harness
from chainrule import nn
from chainrule.nn import functional

BF16, F32, F64 = cr.bfloat16, cr.float32, cr.float64
X = cr.tensor(np.random.default_rng(0).normal(size=(6, 6)).astype("float32"))
HALF = X.bfloat16()
CLASSES = cr.tensor([0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x @ x,
        lambda x: cr.matmul(x, x),
        lambda x: cr.mm(x, x),
        lambda x: cr.bmm(x[None], x[None]),
        lambda x: cr.mv(x, x[0]),
        lambda x: cr.inner(x, x),
        lambda x: cr.addmm(x, x, x),
        lambda x: cr.baddbmm(x[None], x[None], x[None]),
        lambda x: cr.addbmm(x, x[None], x[None]),
        lambda x: cr.einsum("ij,jk->ik", x, x),
        lambda x: functional.linear(x, x, x[0]),
        lambda x: nn.Linear(6, 3)(x),
    ],
)
def test_products_run_in_bfloat16(call):
    for x in (X, HALF):
        with cr.autocast():
            y = call(x)
        assert y.dtype == BF16
    with cr.autocast(enabled=False):
        assert call(X).dtype == F32
    with cr.autocast():
        y = X.double() @ X.double()
    assert y.dtype == F64


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.sum(),
        lambda x: x.sum(0),
        lambda x: x.mean(),
        lambda x: x.prod(1),
        lambda x: x.cumsum(0),
        lambda x: x.var(),
        lambda x: x.std(),
        lambda x: cr.var_mean(x)[1],
        lambda x: x.logsumexp(0),
        lambda x: x.norm(),
        lambda x: cr.linalg.vector_norm(x, 3),
        lambda x: x.softmax(0),
        lambda x: functional.log_softmax(x, 1),
        lambda x: functional.cross_entropy(x, CLASSES),
        lambda x: functional.nll_loss(x, CLASSES),
        lambda x: functional.mse_loss(x, HALF),
        lambda x: functional.l1_loss(x, x),
        lambda x: functional.smooth_l1_loss(x, x),
        lambda x: functional.huber_loss(x, x),
        lambda x: functional.binary_cross_entropy(x.sigmoid(), x.sigmoid()),
        lambda x: functional.binary_cross_entropy_with_logits(x, x),
        lambda x: functional.half_mse_loss(x, HALF),
        lambda x: functional.gaussian_nll_loss(x, x, 0.5),
        lambda x: functional.poisson_nll_loss(x, HALF),
        lambda x: functional.kl_div(x, x, reduction="sum", log_target=True),
        lambda x: functional.soft_margin_loss(x, HALF),
        lambda x: functional.hinge_loss(x, HALF),
        lambda x: functional.hinge_embedding_loss(x, HALF),
        lambda x: functional.margin_ranking_loss(x, x, HALF),
        lambda x: functional.multi_margin_loss(x, CLASSES),
        lambda x: functional.multilabel_margin_loss(x, cr.zeros(x.shape, dtype=cr.int64)),
        lambda x: functional.multilabel_soft_margin_loss(x, x),
        lambda x: functional.cosine_embedding_loss(x, x, CLASSES),
        lambda x: functional.triplet_margin_loss(x, x, x),
        lambda x: functional.cosine_similarity(x, x),
        lambda x: functional.pairwise_distance(x, x),
        lambda x: functional.normalize(x),
        lambda x: nn.MSELoss()(x, X),
    ],
)
def test_sums_and_losses_run_in_float32(call):
    want = call(HALF.float())
    with cr.autocast():
        got = call(HALF)
        assert got.dtype == call(X).dtype == F32
        assert call(X.double()).dtype == F64
    if call(HALF).dtype == BF16:  # as it is outside: one rounding behind
        np.testing.assert_allclose(got.numpy(), call(HALF).float().numpy(), rtol=2**-7, atol=1e-6)
    assert got.shape == want.shape


@pytest.mark.parametrize(
    "call", [lambda x: x.relu(), lambda x: x.exp(), lambda x: x + 1, lambda x: x.amax(0), cr.clone]
)
def test_the_rest_runs_in_the_dtypes_it_meets(call):
    with cr.autocast():
        assert (call(X).dtype, call(HALF).dtype) == (F32, BF16)
        assert (X + HALF).dtype == F32
        assert (cr.ones(2, dtype=cr.int64) @ cr.ones(2, dtype=cr.int64)).dtype == cr.int64


def test_gradients_have_the_dtypes_of_the_leaves_inside_and_after():
    def gradients(inside):
        w, b = X.clone().requires_grad_(), X[0].clone().requires_grad_()
        with cr.autocast("cpu", dtype=BF16):
            loss = functional.mse_loss(functional.linear(X, w, b).tanh(), X)
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        assert w.grad.dtype == b.grad.dtype == F32
        return w.grad.tolist(), b.grad.tolist()

    assert gradients(True) == gradients(False)


def test_backward_through_rules_that_autocast_has_a_policy_for():
    """Gradient rules of sums and products run as they would without autocast."""
    w = X.clone().requires_grad_()
    with cr.autocast():
        y = (w @ w).relu().sum(1)
        (g,) = cr.autograd.grad(y.sum(), w, create_graph=True)
        assert g.dtype == F32
        (second,) = cr.autograd.grad(g.square().sum(), w)
    assert second.dtype == F32 and bool(second.isfinite().all())


def test_gradients_are_those_of_float32_to_the_digits_of_bfloat16():
    net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 6))

    def gradients(enabled):
        net.zero_grad()
        with cr.autocast(enabled=enabled):
            functional.cross_entropy(net(X), CLASSES).backward()
        return [p.grad.numpy() for p in net.parameters()]

    for got, want in zip(gradients(True), gradients(False), strict=True):
        assert (
            np.abs(got - want).max() <= 2**-5 * np.abs(want).max()
        )  # sums that cancel lose digits
        assert (got != want).any()


def test_modes_nest_and_come_back_after_errors():
    assert not cr.is_autocast_enabled()
    with cr.autocast() as entered:
        assert isinstance(entered, cr.autocast) and cr.is_autocast_enabled()
        with cr.autocast(enabled=False):
            assert not cr.is_autocast_enabled() and (X @ X).dtype == F32
        with entered:
            assert cr.is_autocast_enabled()
        with pytest.raises(cr.ShapeError), cr.autocast(enabled=False):
            X @ cr.ones(5)
        assert cr.is_autocast_enabled()
        elsewhere = []
        thread = threading.Thread(target=lambda: elsewhere.append(cr.is_autocast_enabled()))
        thread.start()
        thread.join()
        assert elsewhere == [False]
    assert not cr.is_autocast_enabled() and not cr.is_autocast_enabled("cuda")
    assert cr.amp.autocast is cr.autocast


def test_decorates_functions_and_generators():
    @cr.autocast("cpu", BF16)
    def product(x):
        return x @ x

    @cr.autocast()
    def products(x):
        yield x @ x
        yield x @ x

    assert product(X).dtype == BF16 and product.__name__ == "product"
    for y in products(X):
        assert y.dtype == BF16 and not cr.is_autocast_enabled()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cr.autocast("cuda"), ValueError, "expected device_type 'cpu'; got 'cuda'"),
        (lambda: cr.autocast(lambda: 0), TypeError, "@autocast()"),
        (lambda: cr.autocast(dtype=F32), cr.DtypeError, "expected dtype bfloat16; got"),
        (lambda: cr.autocast(enabled=1), TypeError, "expected a bool for 'enabled'; got 1"),
        (lambda: cr.autocast()(3), TypeError, "expected a function; got int"),
        (lambda: cr.autocast(cache_enabled=False), TypeError, "cache_enabled"),
    ],
)
def test_arguments(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def test_in_place_results_keep_the_dtype_of_their_target():
    with cr.autocast():
        x = X.clone()
        x.add_(x @ x).cumsum_(0)
        assert x.dtype == F32


def trained(compiled, outside, steps=12):
    cr.manual_seed(3)
    net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 6))
    optimizer = cr.optim.Adam(net.parameters(), lr=0.02)

    def step(x, y):
        optimizer.zero_grad()
        with cr.autocast(enabled=not outside or cr.is_autocast_enabled()):
            loss = functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    run = cr.compile(step) if compiled else step
    losses = []
    for _ in range(steps):
        with cr.autocast(enabled=outside):
            losses.append(run(X, CLASSES).item())
    assert all(p.dtype == F32 for p in net.parameters())
    if compiled:
        assert run.stats["replays"] >= steps - 3
    return losses, [p.detach().numpy().tobytes() for p in net.parameters()]


@pytest.mark.parametrize("outside", [False, True])
def test_compiled_steps_have_the_bits_of_eager_ones(outside):
    eager = trained(False, outside)
    assert trained(True, outside) == eager
    assert eager == trained(False, not outside)
    assert math.isfinite(eager[0][-1]) and eager[0][-1] < 0.7 * eager[0][0]


def test_autocast_is_part_of_a_plans_signature():
    step = cr.compile(lambda x: x @ x)
    for _ in range(3):
        for enabled in (False, True):
            for _ in range(3):
                with cr.autocast(enabled=enabled):
                    assert step(X).dtype == (BF16 if enabled else F32)
    assert step.plans == 2 and step.stats["recordings"] == 4


def test_a_recorded_function_leaves_autocast_as_it_was():
    mode = cr.autocast()

    @cr.compile
    def step(x):
        mode.__enter__()
        return x @ x

    try:
        with pytest.raises(cr.CaptureError, match="leaves autocast as it found it"):
            step(X)
    finally:
        mode.__exit__()


def test_results_of_replays_go_backward_outside():
    w = X.clone().requires_grad_()
    forward = cr.compile(lambda x: functional.mse_loss(x @ w, x))
    grads = []
    for _ in range(4):
        w.grad = None
        with cr.autocast():
            loss = forward(X)
        loss.backward()
        grads.append(w.grad.numpy().tobytes())
    assert w.grad.dtype == F32 and len(set(grads)) == 1 and forward.stats["replays"] >= 1


@pytest.mark.parametrize("rows", [40, 3000])
def test_a_compiled_head_has_its_bias_in_every_row(rows):
    """The rounded bias lies in scratch memory while tails of the product run part by part."""
    x, w, b = cr.randn(rows, 3), cr.randn(4, 3).requires_grad_(), cr.randn(4).requires_grad_()

    def head(x):
        with cr.autocast():
            return functional.softmax(functional.linear(x, w, b), dim=1)

    compiled = cr.compile(head)
    for _ in range(4):
        got = harness.over_threads(lambda: compiled(x).detach())
    assert got.tobytes() == head(x).detach().numpy().tobytes()
    assert "(attach_tails)" in str(compiled.program)


def test_there_is_no_float16():
    for name in ("float16", "half"):
        with pytest.raises(
            AttributeError, match=rf"no attribute '{name}'\. Write chainrule\.bfloat16$"
        ):
            getattr(cr, name)
