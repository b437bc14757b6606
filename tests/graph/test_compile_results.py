"""Results of compiled functions: what replays make again as eager calls leave it, and what is
refused because they could not."""

import collections
import dataclasses
import enum
import functools
import types
from typing import NamedTuple

import pytest

import chainrule as cr


class Colour(enum.Enum):
    RED = 1


class Pair(NamedTuple):
    first: cr.Tensor
    second: object


@dataclasses.dataclass
class Out:
    loss: object
    rest: object = None


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    loss: cr.Tensor


class Plain:
    def __init__(self, loss):
        self.loss = loss


def plain_form(value):
    """The types and numbers of a nested value."""
    if isinstance(value, cr.Tensor):
        return value.tolist()
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value)]
        return type(value), [(n, plain_form(getattr(value, n))) for n in names]
    if isinstance(value, dict):
        return type(value), [(k, plain_form(v)) for k, v in value.items()]
    if isinstance(value, (tuple, list)):
        return type(value), [plain_form(v) for v in value]
    return value


CONSTANTS = (None, True, 3, 2.5, 1j, "a", b"b", Colour.RED, cr.float32, cr.device("cpu"), range(3))


@pytest.mark.parametrize(
    "body",
    [
        lambda x: (x * 2, [x, {"a": x + 1, 3: None}], CONSTANTS),
        lambda x: Pair(x * 2, Pair(x.sum(), "text")),
        lambda x: collections.OrderedDict(b=x * 2, a=x),
        lambda x: collections.defaultdict(list, b=x * 2),
        lambda x: Out(x * 2, [Out(x.sum()), 3]),
        lambda x: Frozen(x * 2),
        lambda x: x.reshape(1, 2).max(0),
        lambda x: {(0, "a"): x.shape, Colour.RED: x + 1},
    ],
)
def test_replays_make_the_result_of_eager_calls(body):
    fast = cr.compile(body)
    for i in range(5):
        x = cr.tensor([1.0, 2.0]) * i
        assert plain_form(fast(x)) == plain_form(body(x))
    assert fast.stats["replays"] == 3


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (lambda x: Plain(x * 2), "Plain"),
        (lambda x: types.SimpleNamespace(loss=x * 2), "SimpleNamespace"),
        (lambda x: [collections.deque([x * 2])], "deque"),
        (lambda x: {x * 2}, "set"),
        (lambda x: frozenset([x * 2]), "frozenset"),
        (lambda x: {x * 2: 1}, "Tensor as a key"),
        (lambda x: {"a": x * 2}.values(), "dict_values"),
        (lambda x: collections.UserDict(a=x * 2), "UserDict"),
        (lambda x: collections.Counter(a=1), "Counter"),
        (lambda x: collections.defaultdict(lambda: x * 2), "defaultdict"),
        (lambda x: types.MappingProxyType({"a": x * 2}), "mappingproxy"),
        (lambda x: functools.partial(cr.add, x * 2), "partial"),
        (lambda x: lambda: x * 2, "function"),
        (lambda x: (y for y in (x, x)), "generator"),
        (lambda x: Out(x, Plain(x)), "Plain"),
        (lambda x: cr.nn.Linear, "type"),
    ],
)
def test_a_result_that_a_replay_could_not_make_is_refused_at_once(body, name):
    message = rf"^\[compile\] expected results of tensors .*; got {name}\. Return the tensors in a"
    with pytest.raises(cr.CaptureError, match=message):
        cr.compile(body)(cr.ones(2))
    assert cr._core._recording() is None


def test_a_constant_result_that_changes_is_an_error():
    count = iter(range(9))
    fast = cr.compile(lambda x: (x * 2, next(count)))
    with pytest.raises(cr.CaptureError, match=r"got 2 \(int\), then 3 \(int\) as a result"):
        for _ in range(5):
            fast(cr.ones(2))


def test_functions_that_return_later_are_refused():
    def generator(x):
        yield x

    async def coroutine(x):
        return x

    async def both(x):
        yield x

    class Callable:
        async def __call__(self, x):
            return x

    for function in (generator, coroutine, both, Callable(), functools.partial(generator, 1)):
        with pytest.raises(TypeError, match=r"^\[compile\] expected a function that returns"):
            cr.compile(function)
