"""The Tensor type: creation from Python, attributes, conversions, operators, the argument parser."""

import gc
import math
import operator
import weakref

import numpy as np
import pytest

import chainrule as cr

FLOATS = (cr.float32, cr.float64)
ALL = (cr.bool, cr.uint8, cr.int32, cr.int64, cr.float32, cr.float64)


# ---- tensor(data)


@pytest.mark.parametrize(
    "data, dtype, shape",
    [
        (1, cr.int64, ()),
        (1.5, cr.float32, ()),
        (True, cr.bool, ()),
        ([], cr.float32, (0,)),
        ([[], []], cr.float32, (2, 0)),
        ([1, 2], cr.int64, (2,)),
        ([1, 2.5], cr.float32, (2,)),
        ([True, 2], cr.int64, (2,)),
        ([[1], [2]], cr.int64, (2, 1)),
        (((1, 2), [3, 4]), cr.int64, (2, 2)),
        (range(3), cr.int64, (3,)),
        (np.float32(1), cr.float32, ()),
        (np.float64(1), cr.float64, ()),
        (np.int32(1), cr.int32, ()),
        (np.True_, cr.bool, ()),
        ([np.float64(1), 2], cr.float64, (2,)),
        ([np.int32(1), np.int32(2)], cr.int32, (2,)),
        (np.zeros((2, 0)), cr.float64, (2, 0)),
        ([np.zeros(3), np.ones(3)], cr.float64, (2, 3)),
        ([np.zeros(2, dtype=np.float32), [1, 2]], cr.float32, (2, 2)),
        (bytearray(b"ab"), cr.uint8, (2,)),
        (memoryview(b"ab"), cr.uint8, (2,)),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_tensor_from_data(data, dtype, shape):
    t = cr.tensor(data)
    assert (t.dtype, tuple(t.shape)) == (dtype, shape)
    if not isinstance(data, (bytearray, memoryview)):
        assert np.array_equal(
            t.numpy(), np.array(data if not isinstance(data, range) else list(data))
        )


def test_tensors_in_lists():
    a, b = cr.tensor([1.0, 2.0], dtype=cr.float64), cr.tensor([3, 4])
    assert cr.tensor([a, b]).tolist() == [[1, 2], [3, 4]] and cr.tensor([a, b]).dtype is cr.float64
    assert cr.tensor([cr.tensor(1), 2.5]).tolist() == [1, 2.5]
    assert cr.tensor([a.requires_grad_()]).requires_grad is False


@pytest.mark.parametrize(
    "data, words",
    [
        ([[1, 2], [3]], ("length 2", "[1]", "got length 1")),
        ([[1, 2], 3], ("length 2", "[1]", "got int")),
        ([1, [2]], ("number", "[1]", "list")),
        ([[[1], [2]], [[3], [4, 5]]], ("length 1", "[1][1]", "got length 2")),
        ([np.zeros(2), np.zeros(3)], ("(2,)", "[1]", "(3,)")),
        ([[1], np.zeros(2)], ("(1,)", "[1]", "(2,)")),
    ],
    ids=str,
)
def test_ragged_data(data, words):
    with pytest.raises(ValueError) as caught:
        cr.tensor(data)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    "data", [None, "a", b"a", {}, object(), [None], [1, "a"], 1j, [[1], [{}]], ...]
)
def test_data_of_the_wrong_type(data):
    with pytest.raises(TypeError, match="got"):
        cr.tensor(data)


def test_numbers_that_do_not_fit():
    with pytest.raises(OverflowError):
        cr.tensor(2**63)
    for value, dtype in (
        (300, cr.uint8),
        (-1, cr.uint8),
        (2**31, cr.int32),
        (float("nan"), cr.int64),
    ):
        with pytest.raises(ValueError, match=r"fits .* at \[1\]"):
            cr.tensor([0, value], dtype=dtype)
    assert cr.tensor(1e39).item() == math.inf
    assert cr.tensor([2.9, -2.9], dtype=cr.int64).tolist() == [2, -2]
    assert cr.tensor([0.0, 0.1, math.nan], dtype=cr.bool).tolist() == [False, True, True]


def test_nesting_deeper_than_eight():
    data = 1.0
    for _ in range(8):
        data = [data]
    assert cr.tensor(data).dim() == 8
    loop = []
    loop.append(loop)
    for bad in ([data], loop):
        with pytest.raises(cr.ShapeError):
            cr.tensor(bad)


def test_tensor_keywords():
    t = cr.tensor([1, 2], dtype=cr.float64, device="cpu", requires_grad=True)
    assert t.requires_grad and t.dtype is cr.float64 and t.device == cr.device("cpu")
    copied = cr.tensor(t)
    assert copied.data_ptr() != t.data_ptr() and copied.is_leaf and not copied.requires_grad
    assert cr.tensor([1], dtype=float).dtype is cr.float64
    with pytest.raises(TypeError):
        cr.tensor([1], dtype="float32")
    with pytest.raises(RuntimeError):
        cr.tensor([1], requires_grad=True)
    for bad in ("cuda", "cuda:0", "tpu"):
        with pytest.raises((ValueError, RuntimeError), match="cpu"):
            cr.tensor([1.0], device=bad)


def test_constructor():
    assert cr.Tensor([1, 2]).dtype is cr.float32
    assert tuple(cr.Tensor(2, 3).shape) == (2, 3) and tuple(cr.Tensor().shape) == (0,)
    with pytest.raises(TypeError):
        cr.Tensor([1], dtype=cr.float64)
    with pytest.raises(ValueError):
        cr.Tensor(-1)


# ---- the type itself


def test_identity_of_wrapped_tensors():
    w = cr.ones(2, requires_grad=True)
    (w * 2).sum().backward()
    assert w.grad is w.grad
    kept = w.grad
    kept.note = 1
    assert w.grad.note == 1 and kept is w.grad


def test_attributes_live_as_long_as_the_object():
    w = cr.ones(2, requires_grad=True)
    (w * 2).sum().backward()
    w.grad.note = 1
    assert not hasattr(w.grad, "note")
    w.note = 1
    assert w.note == 1 and w.__dict__ == {"note": 1}


def test_parameter():
    data = cr.ones(3)
    p = cr.nn.Parameter(data)
    assert isinstance(p, cr.Tensor) and type(p) is cr.nn.Parameter
    assert p.requires_grad and p.is_leaf and p.data_ptr() == data.data_ptr()
    assert type(p * 2) is cr.Tensor and type(p.data) is cr.Tensor and type(p.detach()) is cr.Tensor
    assert not cr.nn.Parameter(data, requires_grad=False).requires_grad
    assert cr.nn.Parameter().numel() == 0
    node = (p * 2).grad_fn
    address = p.data_ptr()
    del p
    (leaf, _), *_ = node.next_functions
    assert type(leaf.variable) is cr.nn.Parameter and leaf.variable.data_ptr() == address
    for bad in ([1.0], 3, "a"):
        with pytest.raises(TypeError):
            cr.nn.Parameter(bad)
    with pytest.raises(TypeError):
        cr.nn.Parameter(cr.tensor([1]))


def test_subclass_attributes_and_weak_references():
    class Named(cr.Tensor):
        def shout(self):
            return f"{self.name}!"

    t = Named([1.0, 2.0])
    t.name = "x"
    assert t.shout() == "x!" and type(t) is Named and type(t + 1) is cr.Tensor
    alive = weakref.ref(t)
    assert alive() is t
    t.me = t
    del t
    gc.collect()
    assert alive() is None


def test_hash_and_equality():
    a, b = cr.ones(2), cr.ones(2)
    assert hash(a) != hash(b) and len({a, b, a}) == 2 and a in {a: 1}
    assert (a == b).tolist() == [True, True] and (a == None) is False
    assert (a != "x") is True
    with pytest.raises(TypeError):
        a < "x"  # noqa: B015


def test_attributes():
    t = cr.arange(24, dtype=cr.int32).reshape(2, 3, 4).transpose(0, 1)[1:]
    assert t.shape == (2, 2, 4) and isinstance(t.shape, cr.Size)
    assert (t.ndim, t.dim(), t.numel(), t.nelement(), len(t)) == (3, 3, 16, 16, 2)
    assert (t.size(), t.size(0), t.size(-1), t.size(dim=1)) == ((2, 2, 4), 2, 4, 2)
    assert (t.stride(), t.stride(1), t.storage_offset()) == ((4, 12, 1), 12, 4)
    assert (t.itemsize, t.element_size(), t.nbytes) == (4, 4, 64)
    assert t.is_contiguous() is False and t.contiguous().is_contiguous()
    assert t.dtype is cr.int32 and str(t.device) == "cpu" and t.device.type == "cpu"
    assert not t.is_floating_point() and cr.is_floating_point(cr.ones(1)) and cr.is_tensor(t)
    assert t.T.shape == (4, 2, 2) and t.mT.shape == (2, 4, 2)
    assert t._base is not None and cr.numel(t) == 16
    with pytest.raises(AttributeError):
        t.shape = (1,)
    for bad in (3, -4):
        with pytest.raises(IndexError):
            t.size(bad)
    with pytest.raises(TypeError):
        t.size("a")
    version = t._version
    t.zero_()
    assert t._version == version + 1


def test_size():
    s = cr.Size([2, 3])
    assert repr(s) == "chainrule.Size([2, 3])" and s == (2, 3) and s.numel() == 6
    assert isinstance(s, tuple) and isinstance(s[:1], cr.Size) and isinstance(s + (4,), cr.Size)
    assert s[0] == 2 and type(s[0]) is int and hash(s) == hash((2, 3)) and s * 2 == (2, 3, 2, 3)
    assert cr.Size() == () and cr.zeros(cr.Size([1, 2])).shape == (1, 2)
    with pytest.raises(TypeError):
        cr.Size([1.5])


def test_dtype():
    assert (
        repr(cr.float32) == "chainrule.float32" and cr.float is cr.float32 and cr.long is cr.int64
    )
    assert cr.double is cr.float64 and cr.int is cr.int32 and cr.float64.itemsize == 8
    assert cr.float32.is_floating_point and not cr.int64.is_floating_point
    assert cr.int32.is_signed and not cr.uint8.is_signed and not cr.float32.is_complex
    with pytest.raises(TypeError):
        cr.dtype()
    assert cr.finfo(cr.float32).eps == np.finfo(np.float32).eps
    assert cr.finfo(cr.float64).max == np.finfo(np.float64).max
    assert cr.finfo(cr.float32).tiny == np.finfo(np.float32).tiny
    assert cr.iinfo(cr.int32).min == -(2**31) and cr.iinfo(cr.uint8).max == 255


def test_device():
    assert cr.device("cpu") == cr.ones(1).device and repr(cr.device("cpu")) == "device(type='cpu')"
    assert cr.device("cpu").index is None and cr.device(cr.device("cpu")) == cr.device("cpu:0")
    for bad in ("cuda", "x", "cpu:7"):
        with pytest.raises((ValueError, RuntimeError)):
            cr.device(bad)
    with pytest.raises(TypeError):
        cr.device(3)


# ---- conversions


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_item_and_numbers(dtype):
    t = cr.tensor([[1]], dtype=dtype)
    value = t.item()
    assert value == 1 and type(value) is (
        bool if dtype is cr.bool else float if dtype in FLOATS else int
    )
    assert (float(t), int(t), bool(t)) == (1.0, 1, True)
    if dtype in FLOATS:
        with pytest.raises(TypeError):
            operator.index(t)
    else:
        assert [10, 20][t] == 20 and hex(t.long()) == "0x1"
    assert math.sqrt(t) == 1.0


def test_conversions_of_several_elements():
    t = cr.ones(2)
    for convert in (float, int, bool, cr.Tensor.item, operator.index):
        with pytest.raises((ValueError, TypeError), match=r"\(2,\)"):
            convert(t)
    with pytest.raises(ValueError):
        int(cr.tensor(math.nan))
    with pytest.raises(OverflowError):
        int(cr.tensor(math.inf))
    assert int(cr.tensor(1e20, dtype=cr.float64)) == 10**20


def test_tolist():
    assert (
        cr.tensor(2.5).tolist() == 2.5
        and cr.zeros(0, 2).tolist() == []
        and cr.zeros(2, 0).tolist() == [[], []]
    )
    assert cr.arange(6).reshape(2, 3).T.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert cr.tensor([True]).tolist() == [True] and type(cr.tensor([True]).tolist()[0]) is bool
    assert cr.tensor([1.5], dtype=cr.bfloat16).tolist() == [1.5]


def test_dtype_conversions():
    t = cr.tensor([1.7, 0.0])
    assert t.long().tolist() == [1, 0] and t.bool().tolist() == [True, False]
    assert (
        t.int().dtype is cr.int32 and t.double().dtype is cr.float64 and t.byte().dtype is cr.uint8
    )
    assert t.float() is t and t.cpu() is t and t.bfloat16().dtype is cr.bfloat16
    assert t.type() == "chainrule.FloatTensor" and t.type(cr.int64).tolist() == [1, 0]


def test_to():
    t = cr.ones(2)
    other = cr.ones(1, dtype=cr.float64)
    assert t.to("cpu") is t and t.to(cr.float32) is t and t.to(cr.device("cpu")) is t
    for same in (
        t.to(cr.float64),
        t.to("cpu", cr.float64),
        t.to(other),
        t.to(dtype=cr.float64),
        t.to(device="cpu", dtype=cr.float64),
        t.to(cr.float64, non_blocking=True),
        t.to(cr.float64, False, True),
    ):
        assert same.dtype is cr.float64
    copied = t.to(cr.float32, copy=True)
    assert copied is not t and copied.data_ptr() != t.data_ptr()
    assert t.requires_grad_().to(cr.float64).grad_fn is not None
    for bad in (3, [cr.float32]):
        with pytest.raises(TypeError):
            t.to(bad)
    with pytest.raises((ValueError, RuntimeError)):
        t.to("cuda")
    with pytest.raises(TypeError, match="nonsense"):
        t.to(nonsense=1)


def test_format():
    assert f"{cr.tensor(1.23456):.2f}" == "1.23" and f"{cr.tensor(7):03d}" == "007"
    assert f"{cr.ones(1)}" == "tensor([1.])"
    with pytest.raises(TypeError):
        f"{cr.ones(2):.2f}"


# ---- operators

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("op", BINARY, ids=lambda f: f.__name__)
def test_binary_operators(op):
    a, b = np.array([1.0, 2.5, 3.0]), np.array([2.0, 1.5, 3.0])
    x, y = cr.tensor(a), cr.tensor(b)
    for left, right, expected in (
        (x, y, op(a, b)),
        (x, 2, op(a, 2)),
        (2.0, y, op(2.0, b)),
        *([] if op is operator.sub else [(x, True, op(a, 1))]),  # bool is not subtracted
    ):
        np.testing.assert_allclose(op(left, right).numpy(), expected, rtol=1e-14)
    for other in (None, "a", [1, 2, 3], {}, 1j):
        if op in (operator.eq, operator.ne):
            assert op(x, other) is (op is operator.ne)
        else:
            with pytest.raises(TypeError):
                op(x, other)
            if (op, other) != (operator.mod, "a"):  # formatting
                with pytest.raises(TypeError):
                    op(other, x)


@pytest.mark.parametrize(
    "op",
    [
        operator.iadd,
        operator.isub,
        operator.imul,
        operator.itruediv,
        operator.ifloordiv,
        operator.imod,
        operator.ipow,
    ],
    ids=lambda f: f.__name__,
)
def test_in_place_operators(op):
    a = np.array([1.0, 2.5, 3.0])
    x = cr.tensor(a)
    address, same = x.data_ptr(), x
    same = op(same, 2)
    same = op(same, cr.full((3,), 2.0, dtype=cr.float64))
    assert same is x and x.data_ptr() == address
    np.testing.assert_allclose(x.numpy(), op(op(a, 2), np.full(3, 2.0)), rtol=1e-14)


def test_other_operators():
    x = cr.tensor([-1.0, 2.0])
    assert (-x).tolist() == [1, -2] and (+x) is x and abs(x).tolist() == [1, 2]
    assert (x @ x).item() == 5 and (cr.eye(2) @ x).tolist() == [-1, 2]
    for bad in (3, None, 2.0):
        with pytest.raises(TypeError):
            x @ bad
    p, q = cr.tensor([True, True, False]), cr.tensor([True, False, False])
    assert ((p & q).tolist(), (p | q).tolist()) == ([True, False, False], [True, True, False])
    assert ((p ^ q).tolist(), (~p).tolist()) == ([False, True, False], [False, False, True])
    assert (p & True).tolist() == p.tolist()
    p &= q
    assert p.tolist() == q.tolist()


def test_masks_and_bits():
    mask, bits = cr.tensor([True, False]), cr.tensor([6, 3])
    assert (mask & True).tolist() == [True, False] and (mask | ~mask).tolist() == [True, True]
    assert (bits & 2).tolist() == [2, 2] and (1 ^ bits).tolist() == [7, 2]
    assert (~bits).tolist() == [-7, -4] and (bits | mask).dtype == cr.int64
    bits &= 1
    assert bits.tolist() == [0, 1]
    for bad in (lambda: mask & 1.5, lambda: cr.ones(2) | mask, lambda: ~cr.ones(2)):
        with pytest.raises(cr.DtypeError, match="float32 is not supported"):
            bad()


def test_a_class_of_the_users_answers_for_itself():
    class Answer:
        def __radd__(self, other):
            return "radd"

        def __rmatmul__(self, other):
            return "rmatmul"

        def __eq__(self, other):
            return "eq"

        __hash__ = None

    x = cr.ones(2)
    assert x + Answer() == "radd" and x @ Answer() == "rmatmul" and (x == Answer()) == "eq"


def test_numbers_stay_weak():
    for dtype in FLOATS:
        x = cr.ones(2, dtype=dtype)
        for number in (2, 2.0, True, np.float64(2), np.float32(2), np.int64(2)):
            assert (x * number).dtype is dtype and (number * x).dtype is dtype
    assert (cr.ones(2, dtype=cr.int32) * 2).dtype is cr.int32
    assert (cr.ones(2, dtype=cr.int32) * 2.0).dtype is cr.float32
    with pytest.raises(OverflowError):
        cr.ones(2) * 2**70


# ---- the argument parser


def test_sizes_as_arguments_or_sequence():
    for t in (cr.zeros(2, 3), cr.zeros((2, 3)), cr.zeros([2, 3]), cr.zeros(size=(2, 3))):
        assert t.shape == (2, 3)
    assert cr.zeros(3).shape == (3,) and cr.zeros(()).shape == ()
    assert cr.zeros(np.int64(2), cr.tensor(3), True + 1).shape == (2, 3, 2)
    x = cr.zeros(2, 3)
    assert x.view(3, 2).shape == x.reshape((3, 2)).shape == x.view(-1, 2).shape == (3, 2)
    assert x.permute(1, 0).shape == cr.permute(x, (1, 0)).shape == (3, 2)
    assert x.expand(4, 2, 3).shape == x.expand((4, -1, 3)).shape == (4, 2, 3)


def test_keywords_and_aliases():
    x = cr.arange(6.0).reshape(2, 3)
    for total in (
        x.sum(1),
        x.sum(dim=1),
        x.sum(axis=1),
        cr.sum(x, 1),
        cr.sum(input=x, dim=1),
        x.sum([1]),
    ):
        assert total.tolist() == [3, 12]
    assert x.sum(1, True).shape == x.sum(1, keepdims=True).shape == (2, 1)
    assert x.sum(dim=np.int64(1)).tolist() == x.sum(dim=cr.tensor(1)).tolist() == [3, 12]
    assert cr.add(x, x, alpha=2).tolist() == (x * 3).tolist()
    name = str(b"alpha", "ascii")  # not interned
    assert cr.add(x, x, **{name: 2}).tolist() == (x * 3).tolist()


def test_overloads():
    x = cr.tensor([[1.0, 4.0], [3.0, 2.0]])
    assert x.max().item() == 4
    values, indices = x.max(1)
    assert (values.tolist(), indices.tolist()) == ([4, 3], [1, 0])
    result = cr.max(x, dim=0, keepdim=True)
    assert result.values.shape == (1, 2) and result.indices is result[1]
    assert isinstance(result, tuple) and type(result).__name__ == "max"
    assert cr.max(x, cr.full((2, 2), 2.5)).tolist() == [[2.5, 4], [3, 2.5]]


def test_factory_keywords():
    x = cr.ones(2, dtype=cr.float64, device="cpu", requires_grad=True)
    assert x.requires_grad and x.is_leaf and x.dtype is cr.float64
    assert (
        cr.zeros_like(x).requires_grad is False
        and cr.zeros_like(x, requires_grad=True).requires_grad
    )
    assert cr.randn(2, requires_grad=True, device=cr.device("cpu")).requires_grad
    assert cr.full((2,), 7).dtype is cr.int64 and cr.zeros(2, dtype=int).dtype is cr.int64
    for bad in ({"device": 3}, {"requires_grad": "yes"}, {"device": "cuda"}, {"layout": 1}):
        with pytest.raises((TypeError, ValueError, RuntimeError)):
            cr.zeros(2, **bad)
    with pytest.raises(TypeError):
        cr.ones(2).sum(device="cpu")


def test_generator_keyword():
    g = cr.Generator().manual_seed(3)
    a = cr.rand(4, generator=g)
    assert a.tolist() == cr.rand(4, generator=cr.Generator().manual_seed(3)).tolist()
    assert a.tolist() != cr.rand(4, generator=g).tolist()
    for bad in (3, cr.ones(2, dtype=cr.int64), "g"):
        with pytest.raises(TypeError, match="Generator"):
            cr.rand(4, generator=bad)
    state = g.get_state()
    b = cr.rand(4, generator=g).tolist()
    g.set_state(state)
    assert cr.rand(4, generator=g).tolist() == b and g.initial_seed() == 3
    cr.manual_seed(11)
    saved = cr.get_rng_state()
    c = cr.randn(3).tolist()
    cr.set_rng_state(saved)
    assert cr.randn(3).tolist() == c and cr.manual_seed(11) is cr.default_generator
    assert cr.initial_seed() == 11 and cr.randn(3).tolist() == c
    with pytest.raises(ValueError):
        cr.manual_seed(2**64)
    cr.manual_seed(-1)
    cr.manual_seed(2**64 - 1)


def test_in_place_methods():
    x = cr.arange(4.0)
    address = x.data_ptr()
    assert x.add_(1).mul_(2) is x and x.tolist() == [2, 4, 6, 8]
    assert x.fill_(3) is x and x.zero_() is x and x.copy_(cr.tensor([1, 2, 3, 4])) is x
    assert x.tolist() == [1, 2, 3, 4] and x.data_ptr() == address
    assert x.fill_(cr.tensor(2)).tolist() == [2] * 4 and x.copy_(cr.tensor(5)).tolist() == [5] * 4
    for bad in (
        lambda: x.fill_(cr.ones(2)),
        lambda: x.copy_(cr.ones(3)),
        lambda: x.add_(cr.ones(2, 4)),
    ):
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(TypeError):
        cr.ones(2, dtype=cr.int64).add_(1.5)


def test_data():
    w = cr.ones(2, requires_grad=True)
    array = w.detach().numpy()
    w.data = cr.tensor([3.0, 4.0])  # the memory stays: NumPy's view sees it
    assert array.tolist() == [3, 4] and w.is_leaf and w.requires_grad
    w.data[0] = 7
    assert w.tolist() == [7, 4] and w.data.requires_grad is False
    w.data = cr.zeros(5, dtype=cr.float64)
    assert w.shape == (5,) and w.dtype is cr.float64 and w.requires_grad
    for bad in (3, None, [1.0]):
        with pytest.raises(TypeError):
            w.data = bad
    with pytest.raises(TypeError):
        w.data = cr.tensor([1])
    with pytest.raises(RuntimeError):
        (w * 2).data = cr.zeros(1)


def test_new_tensor():
    assert cr.ones(1, dtype=cr.float64).new_tensor([1, 2]).dtype is cr.float64


def test_settings():
    threads = cr.get_num_threads()
    cr.set_num_threads(1)
    assert cr.get_num_threads() == 1
    cr.set_num_threads(threads)
    for bad in (0, -1, 2**40):
        with pytest.raises(ValueError):
            cr.set_num_threads(bad)
    with pytest.raises(TypeError):
        cr.set_num_threads("2")
    cr.set_default_dtype(cr.float64)
    try:
        assert cr.tensor(1.0).dtype is cr.ones(1).dtype is cr.get_default_dtype() is cr.float64
    finally:
        cr.set_default_dtype(cr.float32)
    with pytest.raises(TypeError):
        cr.set_default_dtype(cr.int64)
    assert cr.config.isa() in cr.config.available_isas()
    assert cr.promote_types(cr.int32, cr.float32) is cr.float32
    assert cr.result_type(cr.ones(1, dtype=cr.int32), 1.5) is cr.float32
    assert cr.can_cast(cr.int64, cr.float32) and not cr.can_cast(cr.float32, cr.int64)
