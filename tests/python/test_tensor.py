"""The Tensor type: identity, attributes, conversions."""

import gc
import math
import operator
import weakref

import numpy as np
import pytest

import chainrule as cr

FLOATS = (cr.float32, cr.float64)

ALL = (cr.bool, cr.uint8, cr.int32, cr.int64, cr.float32, cr.float64)

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
    assert f"{cr.tensor(0.1, requires_grad=True) * 1}" == str(cr.tensor(0.1).item())
    assert f"{cr.tensor(7)} {cr.tensor(True)}" == "7 True"
    assert f"{cr.ones(1)}" == "tensor([1.])"
    with pytest.raises(TypeError):
        f"{cr.ones(2):.2f}"


def test_a_program_that_asks_for_a_gpu_stays_on_the_cpu():
    device = cr.device("cuda" if cr.cuda.is_available() else "cpu")
    assert cr.zeros(2, device=device).device == cr.device("cpu")
    assert cr.cuda.device_count() == 0


def test_constants():
    assert (cr.inf, cr.pi, cr.e) == (math.inf, math.pi, math.e)
    assert cr.tensor([1.0, cr.nan]).isnan().tolist() == [False, True]
