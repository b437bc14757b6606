"""x[...] and x[...] = v against NumPy, over random keys.

The twin applies integers, slices and None first and index arrays after, as PyTorch does; NumPy by
itself treats an integer beside an array as one more index array.
"""

import numpy as np
import pytest

import chainrule as cr

ADVANCED = (np.ndarray, list)


def twin(array, key):
    """The view after the basic items, and the key of index arrays for it."""
    basic, rest = [], []
    for item in key:
        if isinstance(item, ADVANCED):
            array_item = np.asarray(item)
            dims = array_item.ndim if array_item.dtype == bool else 1
            basic += [slice(None)] * dims
            rest.append(item)
        elif item is Ellipsis:
            named = sum(
                np.asarray(i).ndim if isinstance(i, ADVANCED) and np.asarray(i).dtype == bool else 1
                for i in key
                if i is not None and i is not Ellipsis
            )
            hidden = array.ndim - named
            basic += [slice(None)] * hidden
            rest += [slice(None)] * hidden
        else:
            basic.append(item)
            if not isinstance(item, (int, np.integer)):
                rest.append(slice(None))
    return array[tuple(basic)], tuple(rest)


def random_key(rng, shape):
    key, ellipsis = [], rng.random() < 0.3
    place = rng.integers(len(shape) + 1)
    dims = len(shape) if not ellipsis else rng.integers(len(shape) + 1)
    lengths = list(rng.integers(1, 4, 2)) if rng.random() < 0.5 else [int(rng.integers(1, 5))]
    skipped = 0
    for d in range(dims):
        if rng.random() < 0.15:
            key.append(None)
        if ellipsis and d == min(place, dims - 1):
            key.append(Ellipsis)
            skipped = len(shape) - dims
        n = shape[d + skipped]
        kind = rng.integers(6)
        if kind == 0 and n:
            key.append(int(rng.integers(-n, n)))
        elif kind <= 2:
            ends = [None if rng.random() < 0.3 else int(v) for v in rng.integers(-n - 2, n + 3, 2)]
            key.append(slice(*ends, int(rng.integers(1, 4))))
        elif kind == 3 and n:
            # Trailing part of one common shape, so that several arrays broadcast.
            size = lengths[int(rng.integers(len(lengths))) :]
            index = rng.integers(-n, n, size)
            key.append(index.tolist() if rng.random() < 0.3 else index)
        elif kind == 4 and sum(isinstance(i, ADVANCED) for i in key) == 0:
            key.append(rng.random(n) < 0.5)
        else:
            key.append(slice(None))
    if sum(isinstance(i, np.ndarray) and i.dtype == bool for i in key):  # a mask goes alone
        key = [slice(None) if is_integer_array(i) else i for i in key]
    if ellipsis and not any(i is Ellipsis for i in key):
        key.append(Ellipsis)
    return key


def is_integer_array(item):
    return isinstance(item, ADVANCED) and np.asarray(item).dtype != bool


def cases(count):
    rng = np.random.default_rng(7)
    for _ in range(count):
        shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 5)))
        yield shape, random_key(rng, shape)


def ours(key, rng):
    """The same key with arrays as tensors, now and then."""
    items = [cr.tensor(i) if isinstance(i, np.ndarray) and rng.random() < 0.7 else i for i in key]
    return tuple(items) if len(items) != 1 or rng.random() < 0.5 else items[0]


@pytest.mark.parametrize("block", range(20))
def test_reading(block):
    rng = np.random.default_rng(block)
    for shape, key in list(cases(600))[block::20]:
        array = rng.standard_normal(shape)
        x = cr.tensor(array)
        view, rest = twin(array, key)
        expected = view[rest] if rest else view
        got = x[ours(key, rng)]
        assert tuple(got.shape) == expected.shape, key
        assert got.tolist() == expected.tolist(), key
        if not any(isinstance(i, ADVANCED) for i in key):
            assert got._base is x  # a view
            np.asarray(x)[...] = 0
            assert not np.asarray(got).any()


@pytest.mark.parametrize("block", range(20))
def test_gradient_of_reading(block):
    rng = np.random.default_rng(block)
    for shape, key in list(cases(400))[block::20]:
        array = rng.standard_normal(shape)
        x = cr.tensor(array, requires_grad=True)
        y = x[ours(key, rng)]
        dy = rng.standard_normal(tuple(y.shape))
        y.backward(cr.tensor(dy))
        expected = np.zeros(shape)
        positions = np.arange(array.size).reshape(shape)
        view, rest = twin(positions, key)
        np.add.at(expected.reshape(-1), view[rest] if rest else view, dy)
        np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("block", range(20))
def test_assignment(block):
    rng = np.random.default_rng(block)
    for shape, key in list(cases(600))[block::20]:
        array = rng.standard_normal(shape)
        x = cr.tensor(array)
        view, rest = twin(array, key)
        target = view[rest] if rest else view
        places = np.arange(array.size).reshape(shape)
        place_view, _ = twin(places, key)
        unique = len(np.unique(place_view[rest] if rest else place_view)) == target.size
        value = rng.standard_normal(target.shape) if unique and rng.random() < 0.6 else 2.5
        if np.ndim(value) and rng.random() < 0.3 and target.shape[-1:] and target.shape[-1] > 0:
            value = value[..., :1]
        if rest:
            view[rest] = value
        elif view.ndim:
            view[...] = value
        else:
            array[tuple(key)] = value
        x[ours(key, rng)] = cr.tensor(value) if np.ndim(value) else value
        assert x.tolist() == array.tolist(), key


@pytest.mark.parametrize("block", range(10))
def test_gradient_of_assignment(block):
    rng = np.random.default_rng(block)
    for shape, key in list(cases(200))[block::10]:
        x = cr.tensor(rng.standard_normal(shape), requires_grad=True)
        places = np.arange(int(np.prod(shape))).reshape(shape)
        view, rest = twin(places, key)
        chosen = np.asarray(view[rest] if rest else view)
        if len(np.unique(chosen)) != chosen.size:
            continue
        value = cr.tensor(rng.standard_normal(chosen.shape), requires_grad=True)
        y = x * 1.0
        y[ours(key, rng)] = value
        dy = rng.standard_normal(shape)
        y.backward(cr.tensor(dy))
        expected = dy.copy().reshape(-1)
        expected[chosen] = 0
        assert x.grad.reshape(-1).tolist() == expected.tolist(), key
        assert np.asarray(value.grad).tolist() == dy.reshape(-1)[chosen].tolist(), key


def arange(*shape):
    return cr.arange(int(np.prod(shape)), dtype=cr.float64).reshape(shape)


@pytest.mark.parametrize(
    "key",
    [
        True,
        False,
        np.True_,
        (None, True),
        cr.tensor(True),
        (0, True),
        [],
        [[0, 1], [1, 0]],
        range(2),
        np.int64(1),
        cr.tensor(1),
        cr.tensor([1, 0], dtype=cr.int32),
        (Ellipsis, 0, Ellipsis),
        (),
        None,
        (slice(cr.tensor(0), np.int64(1)), 0),
        slice(-(2**80), 2**80),
    ],
    ids=str,
)
def test_unusual_keys(key):
    array = np.arange(6.0).reshape(2, 3)
    plain = key
    if isinstance(key, tuple) and key.count(Ellipsis) == 2:
        plain = (Ellipsis, 0)  # a second Ellipsis stands for nothing, as in PyTorch
    elif isinstance(key, cr.Tensor):
        plain = np.asarray(key)
    elif isinstance(key, range):
        plain = list(key)
    elif isinstance(key, list) and not key:
        plain = np.array([], dtype=np.int64)
    assert arange(2, 3)[key].tolist() == array[plain].tolist()
    assert tuple(arange(2, 3)[key].shape) == array[plain].shape


def test_uint8_is_a_mask():
    assert arange(3)[cr.tensor([1, 0, 1], dtype=cr.uint8)].tolist() == [0.0, 2.0]


def test_mask_over_several_dimensions():
    array = np.arange(24.0).reshape(2, 3, 4)
    x = cr.tensor(array)
    mask = array[0] > 5
    assert x[:, cr.tensor(mask)].tolist() == array[:, mask].tolist()
    x[:, cr.tensor(mask)] = 0
    array[:, mask] = 0
    assert x.tolist() == array.tolist()
    x[x > 3] += 1
    array[array > 3] += 1
    assert x.tolist() == array.tolist()


def test_augmented_assignment_keeps_the_memory():
    x = arange(2, 3)
    address = x.data_ptr()
    x[0] += 1
    x[:, 1] *= 10
    x[[0, 1], [2, 0]] -= 5
    assert x.tolist() == [[1.0, 20.0, -2.0], [-2.0, 40.0, 5.0]]
    assert x.data_ptr() == address


def test_overlapping_assignment_reads_before_it_writes():
    x = arange(6)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "value", [[7, 8, 9], (7, 8, 9), np.array([7, 8, 9]), range(7, 10)], ids=str
)
def test_sequences_can_be_assigned(value):
    x = cr.zeros(2, 3)
    x[1] = value
    assert x.tolist() == [[0, 0, 0], [7, 8, 9]]


def test_assignment_casts_and_drops_leading_ones():
    x = cr.zeros(2, 3, dtype=cr.int64)
    x[0] = cr.tensor([[[1.7, 2.2, 3.9]]])
    x[1, 0] = 2.9
    x[[1], [1]] = cr.tensor([5.5])
    assert x.tolist() == [[1, 2, 3], [2, 5, 0]]


def test_iteration():
    x = arange(2, 3)
    assert [row.tolist() for row in x] == [[0, 1, 2], [3, 4, 5]]
    first, second = x
    assert first._base is x._base and second.tolist() == [3, 4, 5]
    assert 4 in x and 7 not in x and cr.tensor(4) in x
    assert len(x) == 2 and len(cr.zeros(0, 3)) == 0 and list(cr.zeros(0, 3)) == []
    y = cr.ones(3, requires_grad=True)
    sum(v * i for i, v in enumerate(y)).backward()
    assert y.grad.tolist() == [0, 1, 2]


def bad(exception, key, *words, value=None):
    x = arange(2, 3)
    with pytest.raises(exception) as caught:
        if value is None:
            x[key]
        else:
            x[key] = value
    for word in words:
        assert word in str(caught.value)


def test_errors_of_keys():
    bad(IndexError, 2, "[-2, 1]", "got 2")
    bad(IndexError, (0, 0, 0), "at most 2", "got 3")
    bad(IndexError, 1.0, "float")
    bad(IndexError, "a", "str")
    bad(IndexError, object(), "object")
    bad(IndexError, cr.tensor([1.0]), "float32")
    bad(IndexError, cr.tensor([5]), "5")
    bad(IndexError, cr.tensor([-3]), "-3")
    bad(IndexError, cr.tensor([True]), "mask")
    bad(IndexError, (cr.tensor([0, 1]), cr.tensor([0, 1, 2])), "broadcast")
    bad(ValueError, slice(None, None, -1), "step > 0", "flip")
    bad(ValueError, [[0], [1, 2]], "length")
    bad(TypeError, slice("a", None))
    bad(IndexError, 2**63 - 1, "got 9223372036854775807")
    with pytest.raises(OverflowError):
        arange(2)[2**70]
    with pytest.raises(IndexError):
        cr.tensor(1.0)[0]
    with pytest.raises(TypeError):
        len(cr.tensor(1.0))
    with pytest.raises(TypeError):
        iter(cr.tensor(1.0))


def test_errors_of_assignment():
    bad(cr.ShapeError, 0, "(3,)", "(2,)", value=cr.zeros(2))
    bad(TypeError, 0, "str", value="a")
    bad(IndexError, cr.tensor([5]), "5", value=1.0)
    bad(ValueError, cr.tensor([0, 1]), value=cr.zeros(5))
    with pytest.raises(TypeError, match="got a deletion"):
        del arange(2)[0]
    with pytest.raises(cr.StateError, match="leaf"):
        cr.zeros(2, requires_grad=True)[0] = 1
    with pytest.raises(cr.StateError, match="expanded"):
        cr.zeros(1).expand(3)[1:] = 1


class Hostile:
    """An index that changes the list it stands in."""

    def __init__(self, victim):
        self.victim = victim

    def __index__(self):
        self.victim.clear()
        return 0


def test_a_key_that_changes_under_way():
    key = []
    key += [Hostile(key), Hostile(key), 1]
    with pytest.raises((IndexError, ValueError, TypeError)):
        arange(2, 3)[key]
    sizes = []
    sizes += [Hostile(sizes), Hostile(sizes)]
    cr.zeros(sizes)
    with pytest.raises((ValueError, TypeError)):
        data = []
        data += [Hostile(data), 2]
        cr.tensor(data)


@pytest.mark.parametrize("place", [np.array(1), np.array(-1), np.array(True)])
def test_arrays_without_dimensions_index_like_numbers(place):
    x = cr.zeros(3, requires_grad=True)
    y = (x * 1)[place]
    y.sum().backward()  # no error of the look-up is left behind
    expected = np.zeros(3)
    expected[place] = 1
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    z = cr.zeros(3)
    z[place] = 5.0
    np.testing.assert_array_equal(z.numpy(), 5 * expected)


def test_leading_ones_of_assigned_values_are_dropped():
    x, expected = cr.zeros(3, 2), np.zeros((3, 2))
    value = np.array([[[1.0, 2.0]]])
    x[[0, 2]] = cr.tensor(value, requires_grad=True).float()
    expected[[0, 2]] = value
    np.testing.assert_array_equal(x.detach().numpy(), expected)
    with pytest.raises(cr.ShapeError, match="broadcast"):
        x[[0, 2]] = cr.zeros(2, 1, 2, 2)


def test_arrays_without_dimensions_in_lists_are_numbers():
    array = np.arange(12.0, dtype="float32").reshape(3, 4)
    x = cr.tensor(array)
    for key in ([np.array(1), 0], [np.array(1), np.array(2)], [[np.array(1)], [0]]):
        assert x[key].tolist() == array[np.array(key)].tolist()
    for values in ([np.array(1.5), 2], [np.array(True), False], [[np.array(1, "int32")], [2]]):
        t = cr.tensor(values)
        assert t.tolist() == np.array(values).tolist()
    assert cr.tensor([np.array(1.5), 2]).dtype == cr.float64
    with pytest.raises(ValueError, match=r"expected a number at \[1\]; got numpy.ndarray"):
        cr.tensor([np.array(1), np.array([1])])


@pytest.mark.parametrize("read", [lambda x, i: x[i], lambda x, i: x.index_select(0, i)])
def test_a_bad_index_is_an_error_where_the_result_is_empty(read):
    with pytest.raises(IndexError, match=r"expected indices in \[.*2\]; got 7 at position \(0,\)"):
        read(cr.zeros(3, 0), cr.tensor([7]))
    assert read(cr.zeros(3, 0), cr.tensor([2])).shape == (1, 0)
