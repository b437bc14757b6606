"""Errors name what the user called, not what it is made of, and say what would have been right."""

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn import functional
from chainrule.utils import data

X = cr.ones(2, 3)
INTS = cr.ones(2, 3, dtype=cr.int64)
HALF = X.bfloat16()


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("softmax", lambda: functional.softmax(INTS, 1)),
        ("log_softmax", lambda: functional.log_softmax(INTS, 1)),
        ("softmax", lambda: INTS.softmax(0)),
        ("max", lambda: X.max(dim=4)),
        ("max", lambda: cr.zeros(0).max()),
        ("zeros", lambda: cr.zeros(-1)),
        ("ones", lambda: cr.ones(-1)),
        ("rand", lambda: cr.rand(-1)),
        ("eye", lambda: cr.eye(-1)),
        ("full", lambda: cr.full((-1,), 2)),
        ("zeros", lambda: cr.zeros(2**62)),
        ("zeros", lambda: cr.zeros(2, dtype=cr.int64, requires_grad=True)),
        ("one_hot", lambda: functional.one_hot(cr.tensor([-1]))),
        ("lerp", lambda: cr.lerp(X, cr.ones(4), 0.5)),
        ("isclose", lambda: cr.isclose(X, cr.ones(4))),
        ("allclose", lambda: cr.allclose(X, X, rtol=-1)),
        ("vstack", lambda: cr.vstack([X, cr.ones(4)])),
        ("baddbmm", lambda: cr.baddbmm(X, X, X)),
        ("clip", lambda: X.clip()),
        ("swapaxes", lambda: X.swapaxes(4, 5)),
        ("masked_select", lambda: X.masked_select(cr.ones(4, dtype=cr.bool))),
        ("unique", lambda: cr.unique(X, dim=5)),
        ("split", lambda: X.split([1, 1], 5)),
        ("std", lambda: INTS.std()),
        ("sort", lambda: HALF.sort(5)),
        ("linear", lambda: functional.linear(HALF, X)),
        ("mse_loss", lambda: functional.mse_loss(INTS, INTS)),
        ("add_", lambda: X.clone().add_(cr.ones(4))),
        ("pow_", lambda: X.clone().pow_(cr.ones(4))),
        ("fill_", lambda: X.clone().fill_(cr.ones(4))),
        ("add", lambda: X + cr.ones(4)),
        ("index", lambda: X[7]),
        ("parameters_to_vector", lambda: nn.utils.parameters_to_vector([])),
        ("Parameter", lambda: nn.Linear(2, 2, dtype=cr.int64)),
        ("normal_", lambda: nn.init.normal_(X.clone(), std=-1)),
        ("BatchSampler", lambda: data.BatchSampler([1], 0, False)),
        ("DataLoader", lambda: data.DataLoader([1], 0)),
        ("TensorDataset", lambda: data.TensorDataset(X)[9]),
        ("Subset", lambda: data.Subset([1, 2], [0, 1])[9]),
    ],
)
def test_the_name_is_the_one_that_was_called(name, call):
    with pytest.raises((ValueError, TypeError, LookupError, MemoryError)) as caught:
        call()
    assert str(caught.value).startswith(f"[{name}] expected ")


def test_a_modules_path_stands_before_the_name():
    with pytest.raises(cr.DtypeError, match=r"^in Linear: \[linear\] expected"):
        nn.Linear(3, 2)(HALF)


def test_products_with_sequences():
    for call in (
        lambda: X * [1, 2],
        lambda: [1, 2] * X,
        lambda: X * "a",
        lambda: "a" * X,
        lambda: b"a" * X,
        lambda: X.clone().__imul__((1, 2)) is NotImplemented and X * (1, 2),
        lambda: (1, 2) * cr.tensor(3),
    ):
        with pytest.raises(TypeError, match=r"^\[mul\] expected a Tensor or a number; got \("):
            call()
    assert X.__add__([1]) is NotImplemented

    class Scaled:
        def __rmul__(self, other):
            return "mine"

    assert X * Scaled() == "mine"


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ~X, "[bitwise_not] expected bool, uint8, int32 or int64; got float32."),
        (lambda: X & 1, "[bitwise_and] expected bool, uint8, int32 or int64; got float32."),
        (
            lambda: functional.gelu(INTS),
            "[gelu] expected bfloat16, float32 or float64; got int64. Use float().",
        ),
        (
            lambda: INTS.mean(),
            "[mean] expected bfloat16, float32 or float64; got int64. Use float().",
        ),
        (
            lambda: INTS.bool() @ INTS.bool().T,
            "[matmul] expected uint8, int32, int64, bfloat16, float32 or float64; got bool.",
        ),
    ],
)
def test_a_dtype_that_does_not_fit_is_told_those_that_do(call, text):
    with pytest.raises(cr.DtypeError) as caught:
        call()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: X.mean(dtype="float"), "'dtype' must be a dtype"),
        (lambda: cr.randint(5), "'size' is missing"),
        (lambda: X.clamp(min="a"), "'min' must be a Tensor or None, or a number"),
        (lambda: cr.cat([X, 3]), "(list of Tensor and int): 'tensors[1]' must be a Tensor"),
        (lambda: cr.stack((X, None)), "(tuple of Tensor and None): 'tensors[1]' must be a Tensor"),
        (lambda: cr.zeros((2, "a")), "(tuple of int and str): 'size[1]' must be an int"),
        (lambda: X.sum(dim=0, axis=0), "'axis' was given twice"),
        (lambda: X.sum(axis=0, dim=1), "'dim' was given twice"),
        (lambda: X.sum(0, keepdim=True, keepdims=True), "'keepdims' was given twice"),
        (lambda: X.unsqueeze(5), "dim in [-3, 2] for a new dimension of a 2-dimensional tensor"),
        (lambda: cr.stack([X], 5), "dim in [-3, 2] for a new dimension of a 2-dimensional tensor"),
        (lambda: X.to("float32"), "got 'float32'. The dtype is chainrule.float32."),
        (lambda: nn.ReLU().to("float32"), "got 'float32'. The dtype is chainrule.float32."),
        (lambda: X.to(cr.float32, cr.float64), "[to] expected one dtype; got float32 and float64"),
        (lambda: X.to(INTS, cr.float64), "[to] expected one dtype; got int64 and float64"),
        (lambda: functional.one_hot(cr.tensor([5]), 3), "class numbers in [0, 2]; got 5"),
        (lambda: cr.einsum("ij->z", X), "got 'z' in 'ij->z'"),
        (
            lambda: cr.einsum(5, X),
            "[einsum] expected an equation, or tensors with a list of labels",
        ),
        (lambda: X.split([1.5, 0.5]), "[split] expected sections to be an int; got 1.5."),
        (lambda: X.nonzero(as_tuple="no"), "as_tuple to be True or False; got 'no'"),
        (lambda: X.unique(return_counts="no"), "return_counts to be True or False; got 'no'"),
        (lambda: cr.einsum("ij->ii", X), "got 'i' in 'ij->ii'"),
        (lambda: cr.optim.SGD([cr.ones(1, requires_grad=True) * 2], 0.1), "result of MulBackward0"),
        (lambda: cr.save(object(), "nowhere"), "got object itself."),
        (lambda: cr.optim.SGD([cr.ones(1)], 0.1).load_state_dict({}), "got a dict with no keys"),
        (lambda: cr.datasets.load(3), "got 3."),
        (lambda: nn.utils.clip_grad_norm_([cr.ones(1)], "a"), "max_norm to be a number; got 'a'"),
        (
            lambda: nn.utils.clip_grads_with_norm_([cr.ones(1)], "a", cr.ones(())),
            "max_norm to be a number; got 'a'",
        ),
        (
            lambda: cr.Trainer(nn.ReLU(), cr.optim.SGD([X], 0.1), nn.MSELoss()),
            "The order is Trainer(model, loss, optimizer).",
        ),
        (lambda: X[::0], "[index] expected a slice step > 0; got 0. Use flip()."),
    ],
)
def test_what_the_message_says(call, words):
    with pytest.raises((ValueError, TypeError, LookupError)) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["Sigmoid", "Tanh", "Softsign", "LogSigmoid", "Tanhshrink"])
def test_a_tensor_for_an_activation_without_settings(name):
    with pytest.raises(TypeError) as caught:
        getattr(nn, name)(cr.ones(2, 3))
    assert str(caught.value) == (
        f"[{name}] expected no settings; got a Tensor of shape (2, 3). "
        f"Make the module, then call it: nn.{name}(...)(...)."
    )
