"""Indexing by tensors beyond the cases: large batches, repeated places, threads, failures
halfway."""

import numpy as np
import pytest

import chainrule as cr
import harness

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8", "bool"])
def test_rows_of_a_large_batch(dtype):
    x = (RNG.random((5000, 77)) * 9).astype(dtype)
    places = RNG.integers(0, 5000, 3001)
    want = x[places]
    table, index = cr.tensor(x), cr.tensor(places)
    np.testing.assert_array_equal(harness.over_threads(lambda: table.index_select(0, index)), want)
    np.testing.assert_array_equal(harness.over_threads(lambda: table[index]), want)
    columns = cr.tensor(np.ascontiguousarray(x.T)).t()
    np.testing.assert_array_equal(
        harness.over_threads(lambda: columns.index_select(0, index)), want
    )
    np.testing.assert_array_equal(
        harness.over_threads(lambda: columns.t().index_select(1, index)), want.T
    )
    images = cr.tensor(x[:, :75].reshape(5000, 3, 5, 5))
    np.testing.assert_array_equal(
        harness.over_threads(lambda: images[index]), want[:, :75].reshape(-1, 3, 5, 5)
    )


@pytest.mark.parametrize("columns", [1, 3, 700])
def test_sums_at_repeated_places_have_one_order(columns):
    """Ascending order of the index, one rounding at a time."""
    source = RNG.standard_normal((4000, columns)).astype(np.float32)
    places = RNG.integers(0, 5, 4000)
    want = np.zeros((5, columns), np.float32)
    for i, place in enumerate(places):
        want[place] += source[i]
    zero, index, values = cr.zeros(5, columns), cr.tensor(places), cr.tensor(source)
    np.testing.assert_array_equal(
        harness.over_threads(lambda: zero.index_add(0, index, values)), want
    )
    wide = index[:, None].expand(-1, columns)
    np.testing.assert_array_equal(
        harness.over_threads(lambda: zero.scatter_add(0, wide, values)), want
    )
    put = harness.over_threads(lambda: zero.index_put([index], values, accumulate=True))
    np.testing.assert_array_equal(put, want)

    def gradient():
        x = cr.zeros(5, columns, requires_grad=True)
        x[index].backward(values)
        return x.grad

    np.testing.assert_array_equal(harness.over_threads(gradient), want)


def test_scatter_add_along_the_last_dimension():
    source = RNG.standard_normal((300, 400)).astype(np.float32)
    places = RNG.integers(0, 7, (300, 400))
    want = np.zeros((300, 7), np.float32)
    np.add.at(want, (np.arange(300)[:, None], places), source)
    index, values = cr.tensor(places), cr.tensor(source)
    got = harness.over_threads(lambda: cr.zeros(300, 7).scatter_add(1, index, values))
    np.testing.assert_array_equal(got, want)


def test_the_last_value_stands_where_a_place_is_named_twice():
    x = cr.zeros(4)
    x[cr.tensor([1, 2, 1])] = cr.tensor([1.0, 2.0, 3.0])
    assert x.tolist() == [0, 3, 2, 0]
    assert cr.zeros(4).scatter(0, cr.tensor([3, 3]), cr.tensor([1.0, 2.0])).tolist() == [0, 0, 0, 2]
    assert cr.zeros(4).index_copy(0, cr.tensor([0, 0]), cr.tensor([5.0, 6.0])).tolist() == [
        6,
        0,
        0,
        0,
    ]


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.__setitem__(cr.tensor([0, 9]), 5.0),
        lambda x: x.index_put_([cr.tensor([0, 9])], cr.tensor([5.0, 6.0])),
        lambda x: x.index_add_(0, cr.tensor([0, 9]), cr.tensor([5.0, 6.0])),
        lambda x: x.scatter_(0, cr.tensor([0, 9]), 5.0),
        lambda x: x.index_fill_(0, cr.tensor([0, 9]), 5.0),
    ],
)
def test_a_bad_index_changes_nothing(write):
    x = cr.arange(4.0)
    with pytest.raises(IndexError, match=r"got 9 at position \(1,\)"):
        write(x)
    assert x.tolist() == [0, 1, 2, 3]


def test_in_place_forms_write_into_views():
    x = cr.zeros(3, 4)
    x[1].index_add_(0, cr.tensor([0, 0, 3]), cr.ones(3))
    x[:, 1].index_fill_(0, cr.tensor([-1]), 7)
    x.t().scatter_(1, cr.tensor([[0]]), -1.0)
    assert x.tolist() == [[-1, 0, 0, 0], [2, 0, 0, 1], [0, 7, 0, 0]]


@pytest.mark.parametrize("bad", [2**63 - 1, -(2**63), 2**40])
def test_indices_far_outside_are_refused(bad):
    x, index = cr.zeros(4, 4), cr.tensor([0, bad])
    for call in (
        lambda: x[index],
        lambda: x.index_select(0, index),
        lambda: x.gather(0, index[:, None]),
        lambda: x.take(index),
        lambda: x.scatter_add(0, index[:, None], cr.ones(2, 1)),
    ):
        with pytest.raises(IndexError, match="expected indices in"):
            call()


def test_indexing_an_empty_dimension():
    x = cr.zeros(0, 3)
    assert x[cr.tensor([], dtype=cr.int64)].shape == (0, 3)
    with pytest.raises(IndexError, match=r"\[0, -1\]"):
        x[cr.tensor([0])]
    assert cr.nonzero(x).shape == (0, 2)
    assert x.index_select(1, cr.tensor([2, 2])).shape == (0, 2)


def test_mixed_indices_stand_where_numpy_puts_them():
    a = RNG.random((3, 4, 5, 6))
    x = cr.tensor(a)
    i, j = np.array([[0, 2], [1, 1]]), np.array([3, 0])
    ti, tj = cr.tensor(i), cr.tensor(j)
    np.testing.assert_array_equal(x[ti, tj].numpy(), a[i, j])
    np.testing.assert_array_equal(x[:, ti, tj].numpy(), a[:, i, j])
    np.testing.assert_array_equal(x[ti, :, tj].numpy(), a[i, :, j])
    np.testing.assert_array_equal(x[:, ti, :, tj].numpy(), a[:, i, :, j])
    np.testing.assert_array_equal(x[..., tj].numpy(), a[..., j])
    mask = a[:, :, 0, 0] > 0.5
    np.testing.assert_array_equal(x[cr.tensor(mask)].numpy(), a[mask])
    np.testing.assert_array_equal(x[cr.tensor(mask), 1:3].numpy(), a[mask, 1:3])
    rows = np.array([True, False, True])
    np.testing.assert_array_equal(x[cr.tensor(rows), tj].numpy(), a[rows, j])
    b = a.copy()
    b[rows, j] = 7
    x[cr.tensor(rows), tj] = 7
    np.testing.assert_array_equal(x.numpy(), b)


# ---- Sorting.
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32", "uint8"])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 33, 1000])
def test_sorting_is_stable_and_total(n, dtype):
    x = RNG.integers(0, 20, (3, n)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[0, ::5], x[1, ::7], x[2, ::3] = np.nan, -0.0, -np.inf
    values, order = (
        harness.over_threads(lambda: cr.sort(cr.tensor(x))[0]),
        cr.argsort(cr.tensor(x)).numpy(),
    )
    want = np.argsort(x, axis=-1, kind="stable")
    np.testing.assert_array_equal(order, want)
    np.testing.assert_array_equal(values, np.take_along_axis(x, want, -1))
    down = cr.sort(cr.tensor(x), descending=True)
    np.testing.assert_array_equal(down.values.numpy(), np.flip(values, -1))
    for k in (0, 1, n // 2, n):
        top = cr.topk(cr.tensor(x), k)
        np.testing.assert_array_equal(top.values.numpy(), down.values.numpy()[:, :k])
        np.testing.assert_array_equal(top.indices.numpy(), down.indices.numpy()[:, :k])


# ---- Functions whose results take several forms.
def test_unique():
    x = np.array([[3, 1, 3], [2, 1, 9]])
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    got = cr.unique(cr.tensor(x), return_inverse=True, return_counts=True)
    for a, b in zip(got, (values, inverse.reshape(x.shape), counts), strict=True):
        np.testing.assert_array_equal(a.numpy(), b)
    assert cr.tensor(x).unique().tolist() == values.tolist()
    rows = RNG.integers(0, 3, (40, 3))
    want = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    got = cr.unique(cr.tensor(rows), return_inverse=True, return_counts=True, dim=0)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.reshape(a.shape))
    assert cr.unique(cr.tensor([])).shape == (0,)
    with pytest.raises(cr.CaptureError):
        cr.compile(cr.unique)(cr.tensor(x))


def test_nonzero_as_a_tuple_indexes():
    x = cr.tensor([[0.0, 2.0], [3.0, 0.0]])
    places = cr.nonzero(x, as_tuple=True)
    assert [p.tolist() for p in places] == [[0, 1], [1, 0]]
    assert x[places].tolist() == [2, 3]
    assert x.nonzero().tolist() == [[0, 1], [1, 0]]
    assert cr.nonzero(cr.tensor(5.0)).shape == (1, 0)


def test_split_by_sizes():
    x = cr.arange(60).reshape(20, 3)
    sizes = [1, 0, 2, 3, 1, 1, 1, 1, 4, 6]  # more than a tensor has dimensions
    parts = x.split(sizes)
    assert [p.size(0) for p in parts] == sizes
    assert cr.cat(parts).tolist() == x.tolist()
    assert [p.shape for p in cr.split(x, 8)] == [(8, 3), (8, 3), (4, 3)]
    assert [p.shape for p in x.split([1, 2], dim=-1)] == [(20, 1), (20, 2)]
    parts[0].zero_()
    assert x[0].tolist() == [0, 0, 0]
    with pytest.raises(cr.ShapeError, match=r"sum to 20.*got \[1, 2\]"):
        x.split([1, 2])


def test_meshgrid_and_broadcast_tensors():
    a, b = np.arange(3), np.arange(4.0)
    for indexing in ("ij", "xy"):
        want = np.meshgrid(a, b, indexing=indexing)
        for got in (
            cr.meshgrid(cr.tensor(a), cr.tensor(b), indexing=indexing),
            cr.meshgrid([cr.tensor(a), cr.tensor(b)], indexing=indexing),
        ):
            for x, y in zip(got, want, strict=True):
                np.testing.assert_array_equal(x.numpy(), y)
    x, y = cr.broadcast_tensors(cr.ones(3, 1), cr.ones(4))
    assert x.shape == y.shape == (3, 4)
    with pytest.raises(ValueError, match="'ij' or 'xy'; got 'up'"):
        cr.meshgrid(cr.ones(2), indexing="up")
    with pytest.raises(cr.ShapeError, match="at most 1 dimension"):
        cr.meshgrid(cr.ones(2, 2))


@pytest.mark.parametrize("name", ["scatter", "scatter_add"])
@pytest.mark.parametrize("shape", [(0,), (0, 2), (3, 0, 5)])
@pytest.mark.parametrize("inputs", ["input", "src", "both"])
def test_nothing_is_scattered_with_history(name, shape, inputs):
    x = cr.ones(3, 4, requires_grad=inputs != "src")
    src = cr.ones(2, requires_grad=inputs != "input")
    y = getattr(x, name)(0, cr.zeros(shape, dtype=cr.int64), src)
    assert y.requires_grad and y.tolist() == x.tolist()
    y.sum().backward()
    if x.requires_grad:
        assert x.grad.tolist() == [[1.0] * 4] * 3
    if src.requires_grad:
        assert src.grad.tolist() == [0.0, 0.0]
    with pytest.raises(cr.DtypeError):
        getattr(x, name)(0, cr.zeros(shape, dtype=cr.int64), src.double())


def test_repeating_what_is_not_dense_makes_elements_of_their_own():
    x = cr.arange(6.0).reshape(2, 3).t()
    y = x.repeat(2, 1, 1)
    y[0].add_(1)
    assert y.is_contiguous() and (y[0] - y[1]).tolist() == [[1.0] * 2] * 3
    assert cr.ones(2, 1).expand(2, 3).tile((2, 1, 1)).is_contiguous()


def test_softmax_along_the_first_dimension_is_dense():
    for softmax in (cr.softmax, cr.log_softmax):
        y = softmax(cr.arange(6.0).reshape(2, 3), 0)
        assert y.is_contiguous() and y.view(-1).shape == (6,)


def test_nothing_is_written_into_an_expanded_tensor_of_no_elements():
    x = cr.zeros(1, 0).expand(3, 0)
    x.add_(1)
    x[1:] = 2.0
    assert x.shape == (3, 0)
