"""How calls of the engine read their arguments; factories and settings."""

import numpy as np
import pytest

import chainrule as cr


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
