"""NumPy, buffers, DLPack, pickle and copies: shared memory stays valid, owners stay alive."""

import copy
import gc
import io
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest

import chainrule as cr

DTYPES = {
    cr.float32: np.float32,
    cr.float64: np.float64,
    cr.int64: np.int64,
    cr.int32: np.int32,
    cr.uint8: np.uint8,
    cr.bool: np.bool_,
}


@pytest.mark.parametrize("ours, theirs", DTYPES.items(), ids=str)
def test_both_ways_share_memory(ours, theirs):
    array = np.arange(6).reshape(2, 3).astype(theirs)
    t = cr.from_numpy(array)
    assert t.dtype is ours and t.tolist() == array.tolist()
    array[1, 2] = 0
    assert t[1, 2].item() == 0
    back = t.numpy()
    assert back.dtype == theirs
    assert back.__array_interface__["data"] == array.__array_interface__["data"]
    t[0, 0] = 1
    assert array[0, 0] == 1 and back[0, 0] == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t,
        lambda t: t[1:, ::2],
        lambda t: t.transpose(0, 1),
        lambda t: t[0, 0],
        lambda t: t[:0],
        lambda t: t[:1].expand(3, 4),
    ],
)
def test_layouts(make):
    t = cr.arange(12.0).reshape(3, 4)
    view = make(t)
    array = np.asarray(view)
    assert array.shape == tuple(view.shape) and array.tolist() == view.tolist()
    assert cr.from_numpy(array).tolist() == view.tolist()
    for consumer in (np.from_dlpack, cr.from_dlpack):
        shared = consumer(view)
        assert shared.tolist() == view.tolist()
    if array.size and not (view.stride(0) == 0 if view.dim() else False):
        array[...] = -1
        assert (np.asarray(make(t)) == -1).all()


def test_tensor_copies_and_as_tensor_shares():
    array = np.zeros(3, dtype=np.float32)
    copied, shared = cr.tensor(array), cr.as_tensor(array)
    array[0] = 1
    assert copied[0].item() == 0 and shared[0].item() == 1
    assert cr.as_tensor(shared) is shared
    assert cr.as_tensor(shared, dtype=cr.float64).dtype is cr.float64
    assert cr.as_tensor([1, 2]).tolist() == [1, 2]


def test_odd_layouts_are_copied_by_tensor_and_refused_by_from_numpy():
    backwards = np.arange(4.0)[::-1]
    record = np.zeros(3, dtype=[("a", np.float32), ("b", np.uint8)])["a"]
    misaligned = np.frombuffer(bytearray(17), dtype=np.float32, count=4, offset=1)
    for array in (backwards, record, misaligned):
        assert cr.tensor(array).tolist() == array.tolist()
        with pytest.raises(ValueError, match="copy"):
            cr.from_numpy(array)


@pytest.mark.parametrize(
    "dtype", [np.int16, np.float16, np.complex64, ">f4", "M8[s]", object, "U3"]
)
def test_dtypes_that_do_not_exist_here(dtype):
    with pytest.raises(TypeError):
        cr.from_numpy(np.zeros(3, dtype=dtype))
    with pytest.raises(TypeError):
        cr.tensor(np.zeros(3, dtype=dtype))


def test_from_numpy_wants_an_array():
    for value in ([1, 2], 3, None, cr.ones(2), np.float32(1)):
        with pytest.raises(TypeError, match="numpy.ndarray"):
            cr.from_numpy(value)


def test_owners_stay_alive():
    array = np.arange(5.0)
    alive = weakref.ref(array)
    t = cr.from_numpy(array)
    part = t[2:]
    del array, t
    gc.collect()
    assert alive() is not None and part.tolist() == [2, 3, 4]
    del part
    gc.collect()
    assert alive() is None

    array = cr.arange(5.0).numpy()
    gc.collect()
    cr.zeros(5)  # would take the block if it had been freed
    assert array.tolist() == [0, 1, 2, 3, 4]
    t = cr.zeros(3)
    view = t.numpy()
    t.data = cr.ones(7)
    gc.collect()
    assert view.tolist() == [0, 0, 0]


def test_read_only_memory_stays_read_only():
    array = np.arange(3.0)
    array.flags.writeable = False
    t = cr.from_numpy(array)
    assert (t + 1).tolist() == [1, 2, 3]
    assert not np.asarray(t).flags.writeable
    with pytest.raises(cr.StateError, match="read-only"):
        t.add_(1)
    with pytest.raises(cr.StateError, match="read-only"):
        t[0] = 1
    with pytest.raises(BufferError):
        t.__dlpack__()
    assert not np.from_dlpack(t).flags.writeable
    assert cr.tensor(b"abc" and bytearray(b"abc")).tolist() == [97, 98, 99]


def test_numpy_refuses_history():
    x = cr.ones(2, requires_grad=True)
    for use in (x.numpy, lambda: np.asarray(x), lambda: (x * 2).numpy(), lambda: np.from_dlpack(x)):
        with pytest.raises(RuntimeError, match="detach"):
            use()
    assert x.numpy(force=True).tolist() == x.detach().numpy().tolist() == [1, 1]
    with pytest.raises(TypeError, match="bfloat16"):
        cr.ones(2).to(cr.bfloat16).numpy()


def test_array_protocol():
    t = cr.ones(2)
    assert np.array(t, dtype=np.float64).dtype == np.float64
    assert t.__array__(np.int64).tolist() == [1, 1]
    assert not np.shares_memory(t.__array__(copy=True), t.numpy())
    assert np.shares_memory(t.__array__(), t.numpy())
    with pytest.raises(ValueError, match="copy=False"):
        t.__array__(np.float64, copy=False)


def test_arithmetic_with_arrays_gives_tensors():
    t, array = cr.ones(3), np.arange(3, dtype=np.float32)
    for result in (t + array, array + t, t * np.float32(1) + array, np.float32(0) + t + array):
        assert isinstance(result, cr.Tensor) and result.tolist() == [1, 2, 3]
    assert (t * np.float64(2)).dtype is cr.float32  # a NumPy scalar is a number
    assert (array == t).tolist() == [False, True, False]
    assert (np.eye(3, dtype=np.float32) @ t).tolist() == [1, 1, 1]


def test_memoryview():
    t = cr.arange(6, dtype=cr.int32).reshape(2, 3)
    view = memoryview(t)
    assert (view.shape, view.format, view.tolist()) == ((2, 3), "i", t.tolist())
    view[0, 0] = 9
    assert t[0, 0].item() == 9
    assert bytes(cr.tensor([1, 2], dtype=cr.uint8)) == b"\x01\x02"
    with pytest.raises((BufferError, ValueError)):
        io.BytesIO(t.transpose(0, 1)).getvalue()


# ---- DLPack


def test_dlpack_round_trip_and_lifetime():
    t = cr.arange(6.0).reshape(2, 3)
    assert t.__dlpack_device__() == (1, 0)
    for capsule in (t.__dlpack__(), t.__dlpack__(max_version=(1, 0))):
        other = cr.from_dlpack(capsule)
        other[0, 0] = 5
        assert t[0, 0].item() == 5
        with pytest.raises(ValueError, match="used"):
            cr.from_dlpack(capsule)
    t.__dlpack__(max_version=(1, 1))  # dropped unused
    copied = cr.from_dlpack(t.__dlpack__(max_version=(1, 0), copy=True))
    copied[0, 0] = 8
    assert t[0, 0].item() == 5
    array = np.from_dlpack(cr.arange(4.0))
    gc.collect()
    assert array.tolist() == [0, 1, 2, 3]
    shared = cr.from_dlpack(np.arange(3))
    gc.collect()
    assert shared.tolist() == [0, 1, 2]


def test_dlpack_errors():
    t = cr.ones(2)
    for bad in (1, "a", None, object()):
        with pytest.raises(TypeError, match="__dlpack__"):
            cr.from_dlpack(bad)
    with pytest.raises(BufferError):
        t.__dlpack__(dl_device=(2, 0))
    with pytest.raises(ValueError, match="stream"):
        t.__dlpack__(stream=1)
    with pytest.raises(TypeError):
        cr.from_dlpack(np.ones(2, dtype=np.int16))
    with pytest.raises(ValueError, match="strides"):
        cr.from_dlpack(np.arange(4.0)[::-1])


class Producer:
    """A producer from before DLPack 1.0, which knows no keywords."""

    def __init__(self, t):
        self.t = t

    def __dlpack__(self):
        return self.t.__dlpack__()

    def __dlpack_device__(self):
        return (1, 0)


def test_old_and_foreign_producers():
    assert cr.from_dlpack(Producer(cr.ones(2))).tolist() == [1, 1]
    assert cr.tensor(Producer(cr.ones(2))).tolist() == [1, 1]

    class Elsewhere(Producer):
        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(ValueError, match="CPU"):
        cr.from_dlpack(Elsewhere(cr.ones(2)))


# ---- pickle and copies


def tensors():
    yield cr.tensor(1.5)
    yield cr.zeros(0, 3)
    yield cr.arange(6).reshape(2, 3)
    yield cr.tensor([True, False])
    yield cr.ones(2).to(cr.bfloat16)
    yield cr.arange(6.0).reshape(2, 3).transpose(0, 1)
    yield cr.ones(2, requires_grad=True)
    yield cr.nn.Parameter(cr.ones(2))
    yield cr.nn.Parameter(cr.ones(2), requires_grad=False)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    for t in tensors():
        t.note = "kept"
        back = pickle.loads(pickle.dumps(t, protocol))
        assert type(back) is type(t) and back.dtype is t.dtype and back.shape == t.shape
        assert back.tolist() == t.tolist() and back.requires_grad == t.requires_grad
        assert back.note == "kept" and back.is_contiguous()
    for value in (cr.float32, cr.int64, cr.device("cpu"), cr.Size([2, 3]), cr.add, cr.Tensor):
        back = pickle.loads(pickle.dumps(value, protocol))
        assert back == value and repr(back) == repr(value)
    assert pickle.loads(pickle.dumps(cr.float32, protocol)) is cr.float32


@pytest.mark.parametrize("name", sorted(cr._core._return_types()))
def test_pickle_of_a_result_with_named_fields(name):
    options = {"dim": 1} if name in ("max", "min") else {"k": 2} if name == "topk" else {}
    if "pool" in name:
        options = {"output_size" if "adaptive" in name else "kernel_size": 2}
    function = getattr(cr.nn.functional if "pool" in name else cr, name)
    result = function(cr.ones(2, 3, 3), **options)
    assert type(result) is getattr(cr.return_types, name)
    fresh = "import pickle, sys; sys.stdout.write(repr(pickle.loads(sys.stdin.buffer.read())))"
    done = subprocess.run(
        [sys.executable, "-c", fresh], input=pickle.dumps(result), capture_output=True, check=True
    )
    assert done.stdout.decode() == repr(result)
    assert repr(copy.deepcopy(result)) == repr(result)


def test_pickle_out_of_band():
    t, buffers = cr.arange(1000.0), []
    data = pickle.dumps(t, 5, buffer_callback=buffers.append)
    assert len(data) < 400 and len(buffers) == 1
    back = pickle.loads(data, buffers=buffers)
    back[0] = 5
    assert t[0].item() == 0 and back[1:].tolist() == t[1:].tolist()


def test_a_non_leaf_is_pickled_as_a_leaf():
    y = cr.ones(2, requires_grad=True) * 2
    back = pickle.loads(pickle.dumps(y))
    assert back.is_leaf and back.requires_grad and back.tolist() == [2, 2]


@pytest.mark.parametrize(
    "arguments",
    [
        (cr.Tensor, b"123", cr.float32, (1,), False),
        (cr.Tensor, b"1234", cr.float32, (2,), False),
        (cr.Tensor, b"1234", cr.float32, (-1,), False),
        (cr.Tensor, b"", cr.float32, (2**62, 2**62), False),
        (cr.Tensor, b"", cr.float32, (1,) * 9, False),
        (cr.Tensor, b"1234", cr.float32, ("a",), False),
        (cr.Tensor, b"1234", "float32", (1,), False),
        (int, b"1234", cr.float32, (1,), False),
        (cr.Tensor, "1234", cr.float32, (1,), False),
        (cr.Tensor, b"1234", cr.int32, (1,), True),
    ],
)
def test_hostile_pickles(arguments):
    with pytest.raises((TypeError, ValueError, MemoryError)):
        cr._core._rebuild_tensor(*arguments)


def test_hostile_bools_are_bools():
    t = cr._core._rebuild_tensor(cr.Tensor, b"\x00\x02\xff", cr.bool, (3,), False)
    assert np.asarray(t).view(np.uint8).tolist() == [0, 1, 1]


def test_deepcopy():
    w = cr.nn.Parameter(cr.ones(2))
    (w * 3).sum().backward()
    w.note = ["x"]
    pair = copy.deepcopy([w, w])
    assert pair[0] is pair[1] and type(pair[0]) is cr.nn.Parameter
    assert pair[0].grad.tolist() == [3, 3] and pair[0].grad is not w.grad
    assert pair[0].note == ["x"] and pair[0].note is not w.note
    with cr.no_grad():
        pair[0].zero_()
    assert w.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="detach"):
        copy.deepcopy(w * 2)


def test_shallow_copy_shares_memory():
    w = cr.nn.Parameter(cr.ones(2))
    w.note = 1
    other = copy.copy(w)
    assert other is not w and type(other) is cr.nn.Parameter and other.note == 1
    assert other.data_ptr() == w.data_ptr() and other.is_leaf and other.requires_grad
    y = w * 2
    assert copy.copy(y).grad_fn is not None


def test_importing_and_using_tensors_does_not_import_numpy():
    code = (
        "import sys, chainrule as cr; x = cr.tensor([[1., 2.]], requires_grad=True);"
        "(x @ x.T).sum().backward(); repr(x), x.grad.tolist(), memoryview(x.grad);"
        "print('numpy' in sys.modules); x.detach().numpy(); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_functions_of_numpy_give_tensors():
    x = cr.tensor([1.0, 4.0])
    for result, values in (
        (np.sqrt(x), [1, 2]),
        (np.add(x, np.ones(2, dtype=np.float32)), [2, 5]),
        (np.add.reduce(x), 5),
        (np.isnan(x), [False, False]),
        (np.divmod(x, 3)[1], [1, 1]),
    ):
        assert type(result) is cr.Tensor
        assert result.tolist() == values
    assert np.isnan(x).dtype == cr.bool
    with pytest.raises(cr.StateError, match="detach"):
        np.sqrt(cr.ones(2, requires_grad=True))
    with pytest.raises(cr.DtypeError, match="__array_wrap__"):
        np.multiply(x, 1j)


def test_bools_of_other_bytes_are_refused_or_made_plain():
    mask = np.array([0, 255, 2], np.uint8).view(bool)
    for shared in (cr.from_numpy, cr.from_dlpack, cr.as_tensor):
        with pytest.raises(ValueError, match=r"expected the bytes 0 and 1 .* Use a != 0"):
            shared(mask)
    assert cr.tensor(mask).sum().item() == 2
    assert cr.tensor(mask).nonzero().flatten().tolist() == [1, 2]
    assert cr.from_numpy(mask != 0).tolist() == [False, True, True]
