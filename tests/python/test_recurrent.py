"""Recurrent layers: captured as eager, threads, dropout between layers, what is refused."""

import warnings

import numpy as np
import pytest

import chainrule as cr
import harness
from chainrule import nn
from chainrule.autograd import gradcheck, gradgradcheck

NAMES = ("RNN", "LSTM", "GRU")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_captured_steps_have_the_bits_of_eager_ones(name, dtype):
    def train(compile):
        cr.manual_seed(0)
        options = {"num_layers": 2, "bidirectional": True, "dropout": 0.3}
        net = getattr(nn, name)(5, 6, batch_first=True, **options).to(dtype)
        head = nn.Linear(12, 2).to(dtype)
        optimizer = cr.optim.Adam([*net.parameters(), *head.parameters()], lr=0.01)

        def step(x):
            optimizer.zero_grad()
            output, last = net(x)
            loss = head(output[:, -1]).square().mean()
            loss = loss + (last[1] if isinstance(last, tuple) else last).square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        step = cr.compile(step) if compile else step
        seen = [step(cr.randn(4, 9, 5, dtype=dtype)).item() for _ in range(8)]
        if compile:
            assert step.stats["replays"] >= 5
        return seen, [t.tolist() for t in net.state_dict().values()]

    assert train(True) == train(False)


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_captured_cells_have_the_bits_of_eager_ones(cell):
    net = cell(3, 20)

    def roll(x):
        state = None
        for t in range(x.shape[0]):
            state = net(x[t], state)
        return state

    x, compiled = cr.randn(6, 4, 3), cr.compile(roll)
    for _ in range(3):
        replayed = compiled(x)
    assert compiled.stats["replays"] >= 1
    assert harness.bits(harness.outputs_of(replayed)) == harness.bits(harness.outputs_of(roll(x)))


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_is_its_cell_step_by_step(name):
    layer, cell = getattr(nn, name)(3, 20), getattr(nn, name + "Cell")(3, 20)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x, state, steps = cr.randn(6, 4, 3), None, []
    for t in range(6):
        state = cell(x[t], state)
        steps.append(state[0] if isinstance(state, tuple) else state)
    assert cr.stack(steps).equal(layer(x)[0])


@pytest.mark.parametrize("name", NAMES)
def test_bits_do_not_depend_on_threads(name):
    cr.manual_seed(0)
    net = getattr(nn, name)(40, 70, bidirectional=True)
    x = cr.randn(20, 37, 40, requires_grad=True)

    def results():
        output, _ = net(x)
        gradients = cr.autograd.grad((output * output.sin()).sum(), (x, *net.parameters()))
        return cr.cat([t.detach().reshape(-1) for t in (output, *gradients)])

    harness.over_threads(results)


@pytest.mark.parametrize("name", NAMES)
def test_samples_of_a_batch_do_not_meet(name):
    net, x = getattr(nn, name)(5, 33), cr.randn(7, 20, 5)
    whole = net(x)[0]
    for i in (0, 7, 19):
        assert net(x[:, i : i + 1])[0].equal(whole[:, i : i + 1])


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_of_both_orders(name):
    net = getattr(nn, name)(2, 3, bidirectional=True).double()
    x = cr.randn(4, 2, 2, dtype=cr.float64, requires_grad=True)
    h = cr.randn(2, 2, 3, dtype=cr.float64, requires_grad=True)

    def run(x, h):
        output, last = net(x, (h, h * 0.5) if name == "LSTM" else h)
        return (output, *last) if isinstance(last, tuple) else (output, last)

    assert gradcheck(run, (x, h)) and gradgradcheck(run, (x, h))


def test_a_zero_gradient_wins_over_infinite_cells():
    lstm = nn.LSTM(2, 3)
    h, c = cr.zeros(1, 2, 3), cr.tensor([[[cr.inf] * 3, [1.0] * 3]])
    x = cr.randn(4, 2, 2, requires_grad=True)
    lstm(x, (h, c))[0][:, 1].sum().backward()
    assert x.grad.isfinite().all() and x.grad[:, 0].eq(0).all()
    assert all(p.grad.isfinite().all() for p in lstm.parameters())


def test_dropout_stands_between_layers_alone():
    cr.manual_seed(0)
    net = nn.RNN(1, 400, num_layers=2, nonlinearity="relu", dropout=0.25, bias=False)
    with cr.no_grad():
        net.weight_ih_l0.fill_(1.0)
        net.weight_ih_l1.copy_(cr.eye(400))
        for weight in (net.weight_hh_l0, net.weight_hh_l1):
            weight.fill_(0.0)
    x = cr.ones(60, 10, 1)
    output, _ = net(x)
    values = output.detach().numpy()
    assert set(np.unique(values)) == {0.0, np.float32(1 / 0.75)}
    share, n = (values == 0).mean(), values.size
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / n)
    assert not net(x)[0].equal(output)
    net.eval()
    assert net(x)[0].eq(1).all()
    assert nn.RNN(1, 4, num_layers=2, dropout=1.0)(x)[0].isfinite().all()


def test_replays_take_no_memory():
    net = nn.LSTM(16, 32)
    optimizer = cr.optim.SGD(net.parameters(), lr=0.1)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = net(x)[0].square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    x, held = cr.randn(12, 8, 16), []
    for _ in range(12):
        step(x)
        held.append(cr._core._memory_stats()["allocated"])
    assert step.stats["replays"] >= 5 and len(set(held[-4:])) == 1


def test_autocast_computes_the_steps_in_float32():
    net, x = nn.LSTM(5, 6), cr.randn(7, 3, 5)
    with cr.amp.autocast("cpu"):
        output, _ = net(x)
    exact = net(x)[0]
    assert output.dtype == cr.float32
    assert (output - exact).abs().max() < 0.05 and not output.equal(exact)


def test_flatten_parameters_does_nothing():
    net = nn.GRU(3, 4)
    before = [p.tolist() for p in net.parameters()]
    assert net.flatten_parameters() is None
    assert [p.tolist() for p in net.parameters()] == before


@pytest.mark.parametrize("name", [*NAMES, "RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize(
    ("args", "kwargs", "error", "match"),
    [
        ((0, 4), {}, ValueError, "input_size >= 1; got 0"),
        ((3, 0), {}, ValueError, "hidden_size >= 1; got 0"),
        ((3, -1), {}, ValueError, "hidden_size >= 1; got -1"),
        ((3, 4.0), {}, TypeError, "hidden_size to be an int"),
        (("3", 4), {}, TypeError, "input_size to be an int"),
        ((3, 4), {"bias": "no"}, TypeError, "bias to be True or False"),
    ],
)
def test_sizes_that_are_refused(name, args, kwargs, error, match):
    with pytest.raises(error, match=rf"^\[{name}\] expected {match}"):
        getattr(nn, name)(*args, **kwargs)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: nn.GRU(3, 4, 0), ValueError, "num_layers >= 1; got 0"),
        (lambda: nn.GRU(3, 4, 1.5), TypeError, "num_layers to be an int"),
        (lambda: nn.GRU(3, 4, batch_first=1), TypeError, "batch_first to be True or False"),
        (lambda: nn.GRU(3, 4, bidirectional="no"), TypeError, "bidirectional to be True or False"),
        (lambda: nn.GRU(3, 4, 2, dropout=1.5), ValueError, "0 <= dropout <= 1; got 1.5"),
        (lambda: nn.GRU(3, 4, 2, dropout=float("nan")), ValueError, "0 <= dropout <= 1; got nan"),
        (lambda: nn.GRU(3, 4, 2, dropout=True), TypeError, "dropout to be a number; got True"),
        (lambda: nn.GRU(3, 4, 2, dropout="a"), TypeError, "dropout to be a number"),
        (lambda: nn.RNN(3, 4, nonlinearity="sigmoid"), ValueError, "'tanh' or 'relu'; got 'sigm"),
        (lambda: nn.RNNCell(3, 4, nonlinearity=1), ValueError, "'tanh' or 'relu'; got 1"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "proj_size < hidden_size, 4; got 4"),
        (lambda: nn.LSTM(3, 4, proj_size=-1), ValueError, "proj_size >= 0; got -1"),
    ],
)
def test_options_that_are_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()


X, H = cr.zeros(5, 2, 3), cr.zeros(1, 2, 4)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: nn.GRU(3, 4)(X[0, 0]), cr.ShapeError, r"\(T, B, 3\) or, for one .* got \(3,\)"),
        (lambda: nn.GRU(3, 4, batch_first=True)(X[:, :0]), cr.ShapeError, "at least one step"),
        (lambda: nn.GRU(3, 4)(X[..., :2]), cr.ShapeError, r"got \(5, 2, 2\)"),
        (
            lambda: nn.GRU(3, 4)([X]),
            TypeError,
            r"got list. Use nn.utils.rnn.pad_sequence\(input\) and mask what is behind the ends\.$",
        ),
        (
            lambda: nn.GRU(3, 4, batch_first=True)([X]),
            TypeError,
            r"Use nn.utils.rnn.pad_sequence\(input, batch_first=True\) and mask",
        ),
        (lambda: nn.GRU(3, 4)(None), TypeError, "expected a Tensor; got None"),
        (lambda: nn.GRU(3, 4)(X, H[0]), cr.ShapeError, r"\(1, 2, 4\); got \(2, 4\)"),
        (
            lambda: nn.GRU(3, 4)(X[:, 0], H),
            cr.ShapeError,
            r"\(num_layers, hidden_size\) = \(1, 4\)",
        ),
        (lambda: nn.GRU(3, 4)(X, (H, H)), TypeError, "hx to be a Tensor; got tuple"),
        (lambda: nn.GRU(3, 4)(X, H.double()), cr.DtypeError, "float32; got .*float64"),
        (lambda: nn.GRU(3, 4)(X.double()), cr.DtypeError, "float"),
        (lambda: nn.LSTM(3, 4)(X, H), TypeError, r"pair of Tensors, \(h_0, c_0\); got Tensor"),
        (lambda: nn.LSTM(3, 4)(X, (H,)), TypeError, "pair of Tensors"),
        (lambda: nn.LSTM(3, 4)(X, (H, H[0])), cr.ShapeError, "c_0 of sizes"),
        (lambda: nn.GRUCell(3, 4)(X), cr.ShapeError, r"\(B, 3\) or \(3,\); got \(5, 2, 3\)"),
        (lambda: nn.GRUCell(3, 4)(X[0], H), cr.ShapeError, r"\(batch, hidden_size\) = \(2, 4\)"),
        (lambda: nn.LSTMCell(3, 4)(X[0], H[0]), TypeError, "pair of Tensors"),
        (lambda: nn.RNNCell(3, 4)([1.0]), TypeError, "expected a Tensor; got list"),
    ],
)
def test_calls_that_are_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_a_warning_says_where_dropout_has_no_place():
    with pytest.warns(UserWarning, match=r"\[GRU\] dropout stands between layers"):
        nn.GRU(3, 4, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.GRU(3, 4, 2, dropout=0.5)
