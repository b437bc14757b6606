"""chainrule.grad and value_and_grad: gradients of a function by its arguments."""

from collections import OrderedDict, defaultdict, namedtuple

import pytest

import chainrule as cr
from chainrule import nn


def cube(x):
    return (x**3).sum()


def test_the_gradient_of_a_function():
    x = cr.tensor([1.0, -2.0, 3.0])
    value, gradient = cr.value_and_grad(cube)(x)
    assert value.item() == 20
    assert gradient.tolist() == [3, 12, 27]
    assert cr.grad(cube)(x).tolist() == [3, 12, 27]
    for t in (x, value, gradient):
        assert not t.requires_grad
        assert t.grad_fn is None


def test_argnums():
    def f(a, b, *, scale=1.0):
        return (a * b * scale).sum()

    a, b = cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0])
    assert cr.grad(f)(a, b).tolist() == [3, 4]
    assert cr.grad(f, argnums=1)(a, b, scale=2.0).tolist() == [2, 4]
    assert cr.grad(f, argnums=-1)(a, b).tolist() == [1, 2]
    found = cr.grad(f, argnums=(1, 0))(a, b)
    assert type(found) is tuple
    assert [g.tolist() for g in found] == [[1, 2], [3, 4]]
    assert [g.tolist() for g in cr.grad(f, argnums=(0,))(a, b)] == [[3, 4]]
    assert [g.tolist() for g in cr.grad(f, argnums=(0, 1))(a, a)] == [[1, 2], [1, 2]]


Pair = namedtuple("Pair", ["first", "second"])


def test_nested_arguments_keep_their_structure():
    def f(tree):
        layers = tree["layers"]
        total = layers[0].sum() * 2 + (layers[1][0] * 3).sum() + tree["pair"].second.sum() * 5
        return total + tree["more"]["w"].sum() * 7 + tree["ordered"]["a"]

    tree = {
        "layers": [cr.ones(2), (cr.ones(1), None)],
        "pair": Pair(cr.ones(1), cr.ones(1)),
        "more": defaultdict(list, w=cr.ones(1)),
        "ordered": OrderedDict(a=cr.tensor(1.0)),
        "empty": [],
    }
    gradient = cr.grad(f)(tree)
    assert gradient["layers"][0].tolist() == [2, 2]
    assert gradient["layers"][1][0].tolist() == [3]
    assert gradient["layers"][1][1] is None
    assert type(gradient["layers"][1]) is tuple
    assert gradient["pair"] == Pair(gradient["pair"].first, gradient["pair"].second)
    assert [g.tolist() for g in gradient["pair"]] == [[0], [5]]
    assert gradient["more"].default_factory is list
    assert gradient["more"]["w"].tolist() == [7]
    assert type(gradient["ordered"]) is OrderedDict
    assert gradient["ordered"]["a"].item() == 1
    assert gradient["empty"] == []


def test_what_the_function_does_to_its_containers_stays_inside():
    def f(tree):
        w = tree.pop("w")
        tree["more"] = w
        return w.sum()

    tree = {"w": cr.ones(2)}
    assert cr.grad(f)(tree)["w"].tolist() == [1, 1]
    assert [*tree] == ["w"]


def test_no_grad_field_is_touched():
    w = nn.Parameter(cr.ones(2))
    w.grad = cr.tensor([5.0, 6.0])
    kept = w.grad
    closed = cr.ones(2, requires_grad=True)
    _, gradient = cr.value_and_grad(lambda w: (w * closed * 2).sum())(w)
    assert gradient.tolist() == [2, 2]
    assert w.grad is kept
    assert kept.tolist() == [5, 6]
    assert closed.grad is None


def test_inputs_without_influence_have_zeros():
    a, b = cr.ones(2), cr.ones(3, dtype=cr.float64)
    found = cr.grad(lambda a, b: a.sum(), argnums=(0, 1))(a, b)
    assert found[1].tolist() == [0, 0, 0]
    assert found[1].dtype is cr.float64
    value, found = cr.value_and_grad(lambda a: cr.tensor(3.0))(a)
    assert value.item() == 3
    assert found.tolist() == [0, 0]
    assert cr.grad(lambda tree: cr.tensor(3.0))([]) == []


def test_the_argument_itself_as_value():
    x = cr.tensor(2.0)
    value, gradient = cr.value_and_grad(lambda x: x)(x)
    assert (value.item(), gradient.item()) == (2, 1)


def test_aux():
    def f(x):
        y = x * 2
        return (y * y).sum(), {"y": y, "name": "squares"}

    x = cr.ones(2)
    (value, aux), gradient = cr.value_and_grad(f, has_aux=True)(x)
    assert value.item() == 8
    assert gradient.tolist() == [8, 8]
    assert aux["name"] == "squares"
    assert aux["y"].tolist() == [2, 2]
    assert not aux["y"].requires_grad
    gradient, aux = cr.grad(f, has_aux=True)(x)
    assert gradient.tolist() == [8, 8]
    assert aux["y"].tolist() == [2, 2]


def test_gradients_of_gradients():
    f = lambda x: x**4
    x = cr.tensor(2.0)
    wanted = [32, 48, 48, 24, 0]
    for value in wanted:
        f = cr.grad(f)
        assert f(x).item() == value
        assert not f(x).requires_grad


def test_a_hessian_times_a_vector():
    a = cr.tensor([[2.0, 1.0], [1.0, 3.0]])
    f = lambda x: 0.5 * (x @ a @ x) + (x**3).sum()
    x, v = cr.tensor([1.0, 2.0]), cr.tensor([1.0, -1.0])
    product = cr.grad(lambda x: cr.grad(f)(x) @ v)(x)
    assert product.tolist() == [2 - 1 + 6, 1 - 3 - 12]


def test_mixed_derivatives():
    f = lambda a, b: a**2 * b**3
    mixed = cr.grad(cr.grad(f, argnums=0), argnums=1)
    assert mixed(cr.tensor(3.0), cr.tensor(2.0)).item() == 2 * 3 * 3 * 4


def test_a_gradient_penalty():
    """Ordinary autograd around: the gradient by x depends on parameters that fn closes over."""
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    gradient = cr.grad(lambda x: ((w * x) ** 2).sum())(cr.tensor([3.0, 4.0]))
    assert gradient.requires_grad
    (gradient**2).sum().backward()  # the gradient is 2 w^2 x
    assert w.grad.tolist() == [16 * 1 * 9, 16 * 8 * 16]


def test_the_history_of_an_argument_goes_on():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    value, gradient = cr.value_and_grad(cube)(x * 2)
    (value + gradient.sum()).backward()  # 8 x^3 + 12 x^2
    assert x.grad.tolist() == [24 + 24, 96 + 48]


def test_under_no_grad_there_are_gradients_without_history():
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    with cr.no_grad():
        value, gradient = cr.value_and_grad(lambda x: (w * x).sum())(w)
        assert not cr.is_grad_enabled()
        assert gradient.tolist() == [1, 2]
    assert not value.requires_grad
    assert not gradient.requires_grad


def test_in_inference_mode_and_of_what_was_made_there():
    with cr.inference_mode():
        x, w = cr.tensor([1.0, 2.0]), cr.tensor([2.0, 3.0])
        assert cr.grad(lambda x: (x * x * w).sum())(x).tolist() == [4, 12]
        assert cr.is_inference_mode_enabled()
    assert cr.grad(lambda x: (x * x * w).sum())(x).tolist() == [4, 12]
    fast = cr.compile(cr.grad(lambda x: (x * x).sum()))
    for _ in range(5):
        with cr.inference_mode():
            assert fast(x).tolist() == [2, 4]
    assert fast.stats["replays"] == 3


def test_no_grad_inside_counts():
    def f(x):
        with cr.no_grad():
            shift = x**2
        return (x**2 - shift).sum()

    assert cr.grad(f)(cr.tensor([3.0])).tolist() == [6]


def test_many_nodes():
    def f(x):
        for _ in range(100_000):
            x = x + 1.0
        return x

    assert cr.grad(f)(cr.tensor(1.0)).item() == 1


def test_a_function_keeps_its_documentation():
    assert cr.grad(cube).__name__ == "grad(cube)"
    assert cr.grad(cube).__wrapped__ is cube
    assert cr.value_and_grad(nn.MSELoss())(cr.ones(2), cr.zeros(2))[0].item() == 1


@pytest.mark.parametrize("transform", [cr.grad, cr.value_and_grad])
@pytest.mark.parametrize(
    ("fn", "args", "options", "error", "message"),
    [
        (
            lambda x: x * 2,
            [cr.ones(3)],
            {},
            cr.ShapeError,
            r"of shape \(\); got one of shape \(3,\)",
        ),
        (lambda x: x * 2, [cr.ones(1)], {}, cr.ShapeError, r"got one of shape \(1,\)"),
        (lambda x: x.sum().item(), [cr.ones(3)], {}, TypeError, "scalar tensor; got float"),
        (lambda x: (x > 0).sum(), [cr.ones(3)], {}, cr.DtypeError, "floating tensor; got .*int64"),
        (cube, [cr.arange(3)], {}, cr.DtypeError, r"got .*int64 in argument 0\."),
        (cube, [{"a": [cr.arange(3)]}], {}, cr.DtypeError, r"in argument 0\['a'\]\[0\]\."),
        (cube, [2.0], {}, TypeError, "got float in argument 0"),
        (cube, [{"a": (cr.ones(1), "b")}], {}, TypeError, r"got str in argument 0\['a'\]\[1\]"),
        (cube, [cr.ones(1)], {"argnums": 1}, ValueError, "among 1 positional arguments; got 1"),
        (cube, [], {}, ValueError, "among 0 positional arguments; got 0"),
        (lambda a, b: a, [1, 2], {"argnums": (0, -2)}, ValueError, r"that differ; got \(0, -2\)"),
        (cube, [cr.ones(1)], {"has_aux": True}, TypeError, r"returns \(value, aux\).*got Tensor"),
    ],
)
def test_errors_of_a_call(transform, fn, args, options, error, message):
    with pytest.raises(error, match=rf"^\[{transform.__name__}\] expected .*{message}"):
        transform(fn, **options)(*args)


@pytest.mark.parametrize("transform", [cr.grad, cr.value_and_grad])
@pytest.mark.parametrize(
    ("fn", "options", "message"),
    [
        (3, {}, "a function; got int"),
        (cube, {"argnums": 1.0}, "argnums to be an int or a tuple of ints; got 1.0"),
        (cube, {"argnums": ()}, r"got \(\)"),
        (cube, {"argnums": [0]}, r"got \[0\]"),
        (cube, {"argnums": True}, "got True"),
        (cube, {"has_aux": 1}, "has_aux to be True or False; got 1"),
    ],
)
def test_errors_of_the_settings(transform, fn, options, message):
    with pytest.raises(TypeError, match=rf"^\[{transform.__name__}\] expected {message}|{message}"):
        transform(fn, **options)
