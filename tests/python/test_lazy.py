"""LazyLinear and the parameters that wait for their shape."""

import copy
import pickle

import pytest

import chainrule as cr
from chainrule import nn


def network():
    return nn.Sequential(nn.LazyLinear(8), nn.Dropout(0.3), nn.Tanh(), nn.LazyLinear(2))


def test_the_first_call_makes_a_linear_of_it():
    cr.manual_seed(1)
    plain = nn.Linear(4, 3)
    layer = nn.LazyLinear(3)
    weight, bias = layer.weight, layer.bias
    assert repr(layer) == "LazyLinear(in_features=0, out_features=3, bias=True)"
    assert layer.has_uninitialized_params()
    cr.manual_seed(1)
    x = cr.randn(5, 4)
    cr.manual_seed(1)
    out = layer(x)
    assert type(layer) is nn.Linear and type(weight) is nn.Parameter
    assert layer.weight is weight and layer.bias is bias
    assert repr(layer) == repr(plain)
    assert weight.equal(plain.weight) and bias.equal(plain.bias)  # the numbers of Linear
    assert out.equal(plain(x))
    out.sum().backward()
    assert weight.grad is not None
    with pytest.raises(cr.ShapeError):
        layer(cr.ones(5, 3))


def test_without_bias():
    layer = nn.LazyLinear(3, bias=False, dtype=cr.float64)
    assert layer.bias is None and list(layer.state_dict()) == ["weight"]
    assert layer(cr.ones(2, 5, dtype=cr.float64)).dtype == cr.float64
    assert repr(layer) == "Linear(in_features=5, out_features=3, bias=False)"


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_an_optimizer_may_be_made_before(compiled, before):
    """A first call inside a compiled function is its first recording: the bits are eager's."""
    x = cr.linspace(-1, 1, 40).reshape(10, 4)

    def trained(compiled, before):
        cr.manual_seed(0)
        net = network()
        if not before:
            net(x)
            cr.manual_seed(0)
        optimizer = cr.optim.Adam(net.parameters(), lr=0.1)

        def step(x):
            optimizer.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        step = cr.compile(step) if compiled else step
        losses = [step(x).item() for _ in range(7)]
        assert not compiled or step.stats["replays"] >= 3
        assert [type(layer) for layer in net] == [nn.Linear, nn.Dropout, nn.Tanh, nn.Linear]
        return losses, [p.detach() for p in net.parameters()]

    losses, weights = trained(False, before)
    again, others = trained(compiled, before)
    assert losses == again and losses[-1] < losses[0]
    assert all(a.equal(b) for a, b in zip(weights, others, strict=True))


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: p.shape,
        lambda p: p.numel(),
        lambda p: p.sum(),
        lambda p: p.numpy(),
        lambda p: p.reshape(-1),
    ],
)
def test_what_has_no_shape_says_so(ask):
    for kind in (ValueError, RuntimeError):
        with pytest.raises(kind, match="expected a parameter with a shape; got '"):
            ask(nn.LazyLinear(3).weight)


def test_saving_before_the_first_call_is_an_error(tmp_path):
    with pytest.raises(cr.ShapeError, match="Call its module with a batch first"):
        cr.save(nn.LazyLinear(3).state_dict(), tmp_path / "net.safetensors")


def test_a_state_dict_gives_the_shapes():
    state, layer = nn.Linear(4, 3).state_dict(), nn.LazyLinear(3)
    waiting = layer.state_dict()
    assert repr(waiting) == "{'weight': <UninitializedParameter>, 'bias': <UninitializedParameter>}"
    weight = layer.weight
    layer.load_state_dict(waiting)  # nothing to load
    assert layer.has_uninitialized_params()
    layer.load_state_dict(state)
    assert layer.weight is weight and weight.equal(state["weight"])
    with pytest.raises(cr.ShapeError, match=r"expected shape \(\*, 4\), as the loaded weights"):
        layer(cr.ones(2, 5))
    x = cr.randn(2, 4)
    assert layer(x).equal(nn.functional.linear(x, state["weight"], state["bias"]))
    assert repr(layer) == "Linear(in_features=4, out_features=3, bias=True)"
    assigned = nn.LazyLinear(3)
    assigned.load_state_dict(state, assign=True)
    assert assigned(x).equal(layer(x))


def test_state_dicts_that_do_not_fit_change_nothing():
    layer = nn.LazyLinear(3)
    with pytest.raises(cr.StateError, match=r'"weight": shape \(3, None\) expected, \(2, 4\) in'):
        layer.load_state_dict(nn.Linear(4, 2).state_dict())
    assert layer.has_uninitialized_params()
    plain = nn.Linear(4, 3)
    before = plain.weight.detach().clone()
    with pytest.raises(cr.StateError, match='"weight": a shape expected, none yet'):
        plain.load_state_dict(layer.state_dict())
    assert plain.weight.equal(before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_wait_for_themselves(copied):
    layer = nn.LazyLinear(3).double().requires_grad_(False)
    other = copied(layer)
    other(cr.ones(2, 5, dtype=cr.float64))
    assert type(other) is nn.Linear and not other.weight.requires_grad
    assert layer.has_uninitialized_params() and layer.weight.dtype == cr.float64
    layer.float()
    assert layer(cr.ones(2, 7)).dtype == cr.float32


def test_errors():
    with pytest.raises(ValueError, match=r"\[LazyLinear\] expected out_features >= 0; got -1"):
        nn.LazyLinear(-1)
    layer = nn.LazyLinear(3)
    with pytest.raises(cr.ShapeError, match=r"expected shape \(\*, in_features\); got \(\)"):
        layer(cr.tensor(1.0))
    with pytest.raises(TypeError, match="expected a Tensor"):
        layer([1.0])
    assert layer.has_uninitialized_params()
    layer.reset_parameters()  # nothing to draw yet
    assert nn.LazyLinear(2)(cr.ones(3, 0)).tolist() == [[0.0, 0.0]] * 3


def test_a_parameter_materializes():
    place = nn.UninitializedParameter(requires_grad=False, dtype=cr.float64)
    place.materialize((2, 3))
    assert type(place) is nn.Parameter and tuple(place.shape) == (2, 3)
    assert place.dtype == cr.float64 and not place.requires_grad


def test_lent_weights_leave_it_waiting():
    layer, given = nn.LazyLinear(3), nn.Linear(4, 3)
    x = cr.randn(2, 4)
    assert cr.func.functional_call(layer, given.state_dict(), x).equal(given(x))
    assert layer.has_uninitialized_params() and type(layer) is nn.LazyLinear


def test_a_trainer_wants_a_call_first():
    net = nn.Sequential(nn.LazyLinear(1))
    trainer = cr.Trainer(net, nn.MSELoss(), cr.optim.Adam(net.parameters(), lr=0.05))
    x = cr.linspace(-1, 1, 60).reshape(20, 3)
    with pytest.raises(cr.ShapeError, match="Call its module with a batch first"):
        trainer.fit((x, x[:, :1] * 2), epochs=1, batch_size=5)
    net(x)
    trainer.fit((x, x[:, :1] * 2), epochs=1, batch_size=5)
    assert type(net[0]) is nn.Linear
