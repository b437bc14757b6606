"""Layers that normalise: captured as eager, odd inputs, what is refused."""

import numpy as np
import pytest

import chainrule as cr
import harness
from chainrule import nn

LAYERS = [
    (lambda: nn.LayerNorm(6), (5, 6)),
    (lambda: nn.RMSNorm(6), (5, 6)),
    (lambda: nn.GroupNorm(2, 6), (5, 6)),
    (lambda: nn.BatchNorm1d(6), (5, 6)),
    (lambda: nn.BatchNorm1d(6, momentum=None), (5, 6, 3)),
    (lambda: nn.BatchNorm2d(6, affine=False), (5, 6, 3, 2)),
    (lambda: nn.InstanceNorm1d(6, track_running_stats=True), (5, 6, 4)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_captured_steps_have_the_bits_of_eager_ones(make, shape, dtype):
    def train(compile):
        cr.manual_seed(0)
        head = nn.Linear(int(np.prod(shape[1:])), 2)
        net = nn.Sequential(make(), nn.Flatten(), head).to(dtype)
        optimizer = cr.optim.Adam(net.parameters(), lr=0.01)

        def step(x):
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        def value(x):
            with cr.no_grad():
                return net(x).sum()

        if compile:
            step, value = cr.compile(step), cr.compile(value)
        seen = []
        for i in range(8):
            seen.append(step(cr.randn(shape, dtype=dtype) * 3 + i).item())
            net.eval()
            seen.append(value(cr.randn(shape, dtype=dtype)).item())
            net.train()
        if compile:
            assert step.stats["replays"] >= 5 and value.stats["replays"] >= 5
        return seen, [t.tolist() for t in net.state_dict().values()]

    assert train(True) == train(False)


def test_bits_do_not_depend_on_threads():
    cr.manual_seed(0)
    x = cr.randn(300, 700, requires_grad=True)
    w, b = cr.randn(700, requires_grad=True), cr.randn(700, requires_grad=True)

    def results():
        y = cr.layer_norm(x, (700,), w, b)
        gradients = cr.autograd.grad((y * y.sin()).sum(), (x, w, b))
        return cr.cat([t.detach().reshape(-1) for t in (y, *gradients)])

    harness.over_threads(results)


@pytest.mark.parametrize("shape", [(3, 1), (2, 3), (7, 64), (5, 65), (515, 17), (1030, 130)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_of_any_number_beside_the_definition(shape, dtype):
    rng = np.random.default_rng(sum(shape))
    x, g = rng.normal(2, 3, size=(2, *shape))
    w, b = rng.normal(size=(2, shape[1]))
    inputs = [cr.tensor(a.astype(dtype)).requires_grad_() for a in (x, w, b)]
    y = nn.functional.batch_norm(inputs[0], None, None, *inputs[1:], training=True)
    dx, dw, db = cr.autograd.grad(y, inputs, cr.tensor(g.astype(dtype)))
    rstd = 1 / np.sqrt(x.var(0) + 1e-5)
    hat = (x - x.mean(0)) * rstd
    want = [
        (y, hat * w + b),
        (dx, w * rstd * (g - g.mean(0) - hat * (g * hat).mean(0))),
        (dw, (g * hat).sum(0)),
        (db, g.sum(0)),
    ]
    for found, exact in want:
        scale = np.abs(exact).max() + 1
        error = np.abs(found.detach().numpy() - exact).max() / scale
        assert error < 64 * np.finfo(dtype).eps * np.sqrt(shape[0])


def test_columns_have_second_derivatives():
    cr.manual_seed(1)
    x, w = (cr.randn(s, dtype=cr.float64, requires_grad=True) for s in ((4, 3), (3,)))

    def normalised(x, w):
        return nn.functional.batch_norm(x, None, None, w, None, training=True)

    assert cr.autograd.gradcheck(normalised, (x, w))
    assert cr.autograd.gradgradcheck(normalised, (x, w))


def test_views_give_the_bits_of_dense_inputs():
    x = cr.randn(7, 12)
    for view in (x[:, ::2], x.t()[::2].t(), x.flip(0)[1:, 3:9]):
        dense = view.contiguous()
        assert cr.layer_norm(view, view.shape[1:]).equal(cr.layer_norm(dense, dense.shape[1:]))
        assert nn.BatchNorm1d(6)(view).equal(nn.BatchNorm1d(6)(dense))


def test_large_offsets_keep_their_digits():
    x = np.random.default_rng(0).normal(size=(4, 100)).astype(np.float32) + np.float32(1e4)
    exact = x.astype(np.float64)
    want = exact - exact.mean(1, keepdims=True)
    want /= np.sqrt((want**2).mean(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(cr.layer_norm(cr.tensor(x), (100,)).numpy(), want, atol=2e-3)


def test_a_row_without_gradient_gets_none_whatever_is_in_it():
    x = cr.tensor([[1.0, 2.0], [float("inf"), 1.0], [float("nan"), 1.0]], requires_grad=True)
    dy = cr.tensor([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0]])
    w = cr.ones(2, requires_grad=True)
    cr.layer_norm(x, (2,), w).backward(dy)
    assert x.grad[1:].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert cr.isfinite(w.grad).all()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0), (2, 0, 3)])
def test_empty_inputs(shape):
    x = cr.zeros(shape, requires_grad=True)
    y = cr.layer_norm(x, shape[-1:], cr.ones(shape[-1:], requires_grad=True))
    y.sum().backward()
    assert y.shape == x.shape == x.grad.shape


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda: nn.LayerNorm(-1), "normalized_shape >= 0; got -1"),
        (lambda: nn.LayerNorm(()), "at least one size"),
        (lambda: nn.LayerNorm(3, eps=-1.0), "eps >= 0; got -1.0"),
        (lambda: nn.functional.layer_norm(cr.ones(2, 3), (3,), eps=-0.5), "eps >= 0; got -0.5"),
        (lambda: nn.functional.rms_norm(cr.ones(2, 3), (3,), eps=-0.5), "eps >= 0; got -0.5"),
        (lambda: nn.functional.group_norm(cr.ones(2, 4), 2, eps=-0.5), "eps >= 0; got -0.5"),
        (lambda: nn.functional.instance_norm(cr.ones(2, 3, 4), eps=-0.5), "eps >= 0; got -0.5"),
        (lambda: nn.BatchNorm1d(3, eps=0.0)(cr.ones(2, 3)), "eps > 0 in training; got 0.0"),
        (lambda: nn.LayerNorm(2.5), "an int or ints; got 2.5"),
        (lambda: nn.RMSNorm(3, eps="small"), "eps to be a number"),
        (lambda: nn.GroupNorm(0, 4), "divide num_channels, 4; got 0"),
        (lambda: nn.BatchNorm1d(3, momentum=1.5), "0 <= momentum <= 1 or None; got 1.5"),
        (lambda: nn.InstanceNorm1d(3)(cr.ones(2, 5, 4)), "num_features=3 channels in dimension 1"),
        (lambda: nn.BatchNorm1d("3"), "num_features to be an int; got '3'"),
        (lambda: nn.BatchNorm1d(3)(cr.ones(2, 4)), "num_features=3 channels in dimension 1"),
        (lambda: nn.BatchNorm1d(3)(cr.ones(2, 3, 4, 5)), r"a 2D or 3D input; got \(2, 3, 4, 5\)"),
        (lambda: nn.BatchNorm1d(3)(cr.ones(1, 3)), "more than 1 value per channel when training"),
        (lambda: nn.InstanceNorm1d(3)(cr.ones(2, 3, 1)), r"1 value per channel and sample; .*\.$"),
        (lambda: nn.GroupNorm(3, 3)(cr.ones(1, 3)), r"1 value per group where .* \(1, 3\)\.$"),
        (lambda: nn.GroupNorm(2, 4)(cr.ones(2, 6)), "num_channels=4 channels in dimension 1"),
        (lambda: nn.GroupNorm(2, 4)(cr.ones(1, 2)), "num_channels=4 channels in dimension 1"),
        (
            lambda: nn.GroupNorm(2, 4, affine=False)(cr.ones(2, 6)),
            "num_channels=4 channels in dimension 1",
        ),
        (lambda: nn.GroupNorm(2, 4)(cr.ones(2, 3, 4)), r"Use input.transpose\(1, 2\)\.$"),
        (lambda: nn.BatchNorm1d(3)(cr.ones(2, 3, dtype=cr.int64)), "expected a floating input"),
        (lambda: nn.functional.batch_norm(cr.ones(2, 3), None, None), "expected running_mean"),
        (
            lambda: nn.functional.batch_norm(cr.ones(0), cr.ones(0), cr.ones(0)),
            r"sizes \(N, C, ...\); got \(0,\)",
        ),
    ],
)
def test_what_is_refused(act, match):
    with pytest.raises((ValueError, TypeError, cr.StateError), match=match):
        act()


def test_without_eps_the_running_statistics_normalise():
    layer = nn.BatchNorm1d(3, eps=0.0).eval()
    assert layer(cr.full((2, 3), 5.0)).tolist() == [[5.0] * 3] * 2


def test_reset_parameters_forgets_what_was_learned_and_seen():
    layer = nn.BatchNorm1d(3)
    fresh = [t.tolist() for t in layer.state_dict().values()]
    layer(cr.randn(4, 3))
    with cr.no_grad():
        layer.weight.fill_(2.0)
    layer.reset_parameters()
    assert [t.tolist() for t in layer.state_dict().values()] == fresh


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.BatchNorm1d(3), (0, 3)),
        (lambda: nn.BatchNorm1d(3), (2, 3, 0)),
        (lambda: nn.InstanceNorm1d(3, track_running_stats=True), (0, 3, 4)),
    ],
)
def test_an_empty_batch_leaves_the_running_statistics(layer, shape):
    layer = layer()
    assert layer(cr.zeros(shape)).shape == shape
    assert (layer.running_mean.tolist(), layer.running_var.tolist()) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((cr.ones(2, 1, 4), cr.zeros(3), cr.ones(3)), "running_mean of one value for each of 1 "),
        ((cr.ones(2, 3, 4), cr.zeros(3), cr.ones(1)), "running_var of one value for each of 3 "),
        ((cr.ones(2, 3, 4), cr.zeros(3), None), "both running_mean and running_var"),
        ((cr.ones(2, 3, 4), cr.zeros(3), cr.ones(3), cr.ones(2)), "weight of one value"),
        ((cr.ones(2, 3, 4), cr.zeros(3), cr.ones(3), 3.0), "expected a Tensor; got float"),
        ((cr.ones(2, 3, 4), cr.zeros(3).double(), cr.ones(3)), "of the input's dtype"),
        ((cr.ones(2, 3, 4).long(), cr.zeros(3), cr.ones(3)), "floating input"),
        ((cr.ones(3), cr.zeros(3), cr.ones(3)), r"sizes \(N, C, \.\.\.\); got \(3,\)"),
        ((cr.ones(2, 3, 4), cr.zeros(3), cr.ones(3), None, None, -0.5), "eps >= 0"),
    ],
)
def test_nothing_is_changed_where_sizes_or_dtypes_are_wrong(training, arguments, match):
    before = [a.tolist() if isinstance(a, cr.Tensor) else a for a in arguments]
    *vectors, eps = arguments if len(arguments) == 6 else (*arguments, 1e-5)
    for function, mode in (("batch_norm", "training"), ("instance_norm", "use_input_stats")):
        with pytest.raises((ValueError, TypeError, cr.StateError), match=match):
            getattr(nn.functional, function)(*vectors, **{mode: training, "eps": eps})
    assert [a.tolist() if isinstance(a, cr.Tensor) else a for a in arguments] == before


def test_parameters_of_another_dtype():
    x = cr.ones(2, 3)
    for call in (
        lambda: cr.layer_norm(x, (3,), cr.ones(3).double()),
        lambda: cr.rms_norm(x.bfloat16(), (3,), cr.ones(3).double()),
        lambda: cr.group_norm(x, 1, cr.ones(3).double()),
    ):
        with pytest.raises(cr.DtypeError, match="weight of the input's dtype"):
            call()
    assert cr.layer_norm(x.bfloat16(), (3,), cr.ones(3)).dtype == cr.bfloat16
    half = cr.randn(4, 3, 5).bfloat16()
    for layer in (nn.BatchNorm1d(3), nn.InstanceNorm1d(3, affine=True, track_running_stats=True)):
        for mode in (True, False):
            assert layer.train(mode)(half).dtype == cr.bfloat16
        assert layer.running_mean.dtype == cr.float32
    assert nn.BatchNorm1d(3)(half).dtype == cr.bfloat16
    narrow, net = nn.BatchNorm1d(3).bfloat16(), nn.BatchNorm1d(3)
    for x in (half, half[:, :, 0]):
        y = narrow(x)
        y.float().square().sum().backward()
        assert y.dtype == narrow.weight.grad.dtype == cr.bfloat16
        assert (y.float() - net(x.float())).abs().max().item() < 0.02


def test_gradients_of_gradients_of_rows_without_a_gradient_are_finite():
    x = cr.tensor([[1.0, 2.0], [float("inf"), 1.0], [3.0, 3.0]], requires_grad=True)
    dy = cr.tensor([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0]], requires_grad=True)
    (dx,) = cr.autograd.grad(cr.layer_norm(x, (2,), eps=0.0), x, dy, create_graph=True)
    u = cr.tensor([[1.0, 0.5], [0.0, 0.0], [0.0, 0.0]])
    ddy, ddx = cr.autograd.grad(dx, (dy, x), u)
    assert ddx[1:].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert cr.isfinite(ddx).all() and cr.isfinite(ddy[0]).all()


def test_statistics_that_are_switched_off_later_are_left():
    layer = nn.BatchNorm1d(2)
    layer.track_running_stats = False
    layer(cr.randn(5, 2))
    assert layer.running_mean.tolist() == [0.0, 0.0] and layer.num_batches_tracked.item() == 0


def test_parameters_get_zeros_from_an_empty_batch():
    layer = nn.LayerNorm(3)
    layer(cr.zeros(0, 3)).sum().backward()
    assert layer.weight.grad.tolist() == layer.bias.grad.tolist() == [0.0, 0.0, 0.0]


NORMS = {
    "layer_norm": lambda x, w, b: nn.functional.layer_norm(x, (4,), w, b),
    "rms_norm": lambda x, w, b: nn.functional.rms_norm(x, (4,), w),
    "group_norm": lambda x, w, b: nn.functional.group_norm(x, 2, w, b),
    "instance_norm": lambda x, w, b: nn.functional.instance_norm(
        cr.stack([x, 2 * x], 2), None, None, w, b
    ),
    "batch_norm": lambda x, w, b: nn.functional.batch_norm(x, None, None, w, b, training=True),
}


@pytest.mark.parametrize("name", NORMS)
def test_weights_of_other_dtypes(name):
    x, w, norm = cr.randn(5, 4), cr.tensor([0.5, 1.0, 2.0, -1.0]), NORMS[name]
    either = name in ("layer_norm", "group_norm", "rms_norm")
    for dtype, other in ((cr.bfloat16, cr.float32), (cr.float32, cr.bfloat16))[: 1 + either]:
        given = x.to(dtype)
        assert norm(given, w.to(other), w.to(other)).equal(norm(given, w.to(dtype), w.to(dtype)))
    pairs = [(cr.float32, cr.float64), (cr.float64, cr.float32), (cr.bfloat16, cr.float64)]
    for dtype, other in (*pairs, (cr.float32, cr.int64), (cr.bfloat16, cr.int32)):
        with pytest.raises(cr.DtypeError, match=rf"^\[{name}\] expected weight of .*dtype"):
            norm(x.to(dtype), w.to(other), w.to(dtype))
        if name != "rms_norm":
            with pytest.raises(cr.DtypeError, match=rf"^\[{name}\] expected bias of .*dtype"):
                norm(x.to(dtype), w.to(dtype), w.to(other))
