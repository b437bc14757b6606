"""Products: every combination of ranks and layouts against NumPy, and the same bits whatever the
threads, the layout or the batch they came in."""

import ctypes
import itertools
import mmap
import sys

import numpy as np
import pytest

import chainrule as cr
import chainrule.nn.functional as F
import harness

RNG = np.random.default_rng(0)
# Ranks from vectors to batches of batches; every pair meets, where the sizes allow it.
LEFT = [(4,), (3, 4), (1, 4), (2, 3, 4), (1, 3, 4), (5, 1, 3, 4), (2, 2, 3, 4), (0, 4), (2, 0, 4)]
RIGHT = [(4,), (4, 5), (4, 1), (2, 4, 5), (1, 4, 5), (5, 2, 4, 5), (2, 1, 4, 5), (4, 0), (2, 4, 0)]


@pytest.fixture(autouse=True)
def threads():
    before = cr.get_num_threads()
    yield
    cr.set_num_threads(before)


def random(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


def layouts(array):
    """The same matrices dense, transposed, with gaps, and with rows or columns apart."""
    yield harness.dense(array)
    yield harness.strided(array)
    if array.ndim >= 2:
        yield cr.tensor(np.ascontiguousarray(array.swapaxes(-1, -2))).mT
        gap = np.nan if array.dtype.kind == "f" else 99
        wide = np.full((*array.shape[:-1], array.shape[-1] + 3), gap, array.dtype)
        wide[..., : array.shape[-1]] = array
        yield cr.tensor(wide)[..., : array.shape[-1]]
    if array.ndim >= 3:
        yield harness.transposed(array)


@pytest.mark.parametrize("a_shape, b_shape", list(itertools.product(LEFT, RIGHT)))
def test_ranks_and_layouts(a_shape, b_shape):
    a, b = random(*a_shape), random(*b_shape)
    try:
        want = np.matmul(a.astype(np.float64), b.astype(np.float64))
    except ValueError:
        with pytest.raises(cr.ShapeError, match=r"\[matmul\] expected"):
            cr.matmul(cr.tensor(a), cr.tensor(b))
        return
    first = None
    for x, y in itertools.product(layouts(a), layouts(b)):
        got = (x @ y).numpy()
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-6 * 4)
        first = got if first is None else first
        np.testing.assert_array_equal(got, first, err_msg="a layout left a trace")


def test_zero_sizes_give_zeros(isa):
    for m, k, n in itertools.product((0, 3), (0, 2), (0, 4)):
        got = cr.ones(m, k) @ cr.ones(k, n)
        assert tuple(got.shape) == (m, n)
        np.testing.assert_array_equal(got.numpy(), np.full((m, n), k))
        bias = cr.arange(n, dtype=cr.float32)
        got = F.linear(cr.ones(m, k), cr.ones(n, k), bias)
        np.testing.assert_array_equal(got.numpy(), np.full((m, n), k) + bias.numpy())
    assert (cr.ones(0) @ cr.ones(0)).item() == 0
    x = cr.ones(3, 0, requires_grad=True)
    (x @ cr.ones(0, 2)).sum().backward()
    assert tuple(x.grad.shape) == (3, 0)


def gradients(threads, dtype):
    """One step of a linear layer and of a batch of products, big enough for several tiles."""
    cr.set_num_threads(threads)
    rng = np.random.default_rng(1)

    def leaf(*shape):
        return cr.tensor(rng.standard_normal(shape), dtype=dtype, requires_grad=True)

    x, w, b = leaf(301, 517), leaf(259, 517), leaf(259)
    y = F.linear(x, w, b)
    y.backward(cr.tensor(rng.standard_normal((301, 259)), dtype=dtype))
    p, q = leaf(7, 65, 129), leaf(129, 33)
    z = p @ q
    z.sum().backward()
    v = leaf(517)
    (x.detach() @ v).sum().backward()
    return [
        t.detach().numpy().tobytes() for t in (y, x.grad, w.grad, b.grad, z, p.grad, q.grad, v.grad)
    ]


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_threads_leave_no_trace(isa, dtype):
    if isa == "reference":
        pytest.skip("naive loops in long double take seconds here and know no tiles")
    one = gradients(1, dtype)
    assert gradients(2, dtype) == one
    assert gradients(4, dtype) == one


def test_a_batch_is_its_matrices(isa):
    a, b = cr.tensor(random(6, 33, 70)), cr.tensor(random(6, 70, 19))
    together = cr.bmm(a, b).numpy()
    for i in range(6):
        np.testing.assert_array_equal((a[i] @ b[i]).numpy(), together[i])
    shared = (a @ b[0]).numpy()  # folded into one product
    for i in range(6):
        np.testing.assert_array_equal((a[i] @ b[0]).numpy(), shared[i])


def test_a_row_does_not_depend_on_the_rows_beside_it(isa):
    x, w, b = cr.tensor(random(37, 300)), cr.tensor(random(21, 300)), cr.tensor(random(21))
    whole = F.linear(x, w, b).numpy()
    for begin, end in ((0, 1), (5, 8), (16, 37)):
        np.testing.assert_array_equal(F.linear(x[begin:end], w, b).numpy(), whole[begin:end])
    np.testing.assert_array_equal(F.linear(x.reshape(1, 37, 300), w, b).numpy()[0], whole)
    np.testing.assert_array_equal(F.linear(x[3], w, b).numpy(), whole[3])


def at_the_end_of_memory(array):
    """A tensor that ends where a page does that has nothing readable behind it."""
    size = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    pages = mmap.mmap(-1, size + mmap.PAGESIZE)
    behind = ctypes.addressof(ctypes.c_char.from_buffer(pages)) + size
    no_access = 0
    mprotect = ctypes.CDLL(None, use_errno=True).mprotect
    if mprotect(ctypes.c_void_p(behind), ctypes.c_size_t(mmap.PAGESIZE), no_access) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")
    copy = np.frombuffer(pages, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
    copy[...] = array
    return cr.from_numpy(copy)


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect, which Linux and macOS have")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_behind_an_operand_is_read(isa, dtype):
    sizes = itertools.product((1, 3, 17), (1, 2, 5), (1, 2, 3, 5, 7, 9, 19, 31))
    for m, k, n in sizes:
        a, b = random(m, k, dtype=dtype), random(k, n, dtype=dtype)
        bias = at_the_end_of_memory(random(n, dtype=dtype))
        lefts = at_the_end_of_memory(a), at_the_end_of_memory(a.T).t()
        rights = at_the_end_of_memory(b), at_the_end_of_memory(b.T).t()
        for left, right in itertools.product(lefts, rights):
            rtol = 1e-4 if dtype == np.float32 else 1e-12
            expected = (a.astype(np.float64) @ b).astype(dtype)
            np.testing.assert_allclose((left @ right).numpy(), expected, rtol, atol=rtol)
            np.testing.assert_allclose(
                cr.addmm(bias, left, right).numpy(), expected + bias.numpy(), rtol, atol=rtol
            )


def test_the_bias_is_added_last(isa):
    if isa == "reference":
        pytest.skip("the oracle rounds once, after the bias")
    x, w, b = cr.tensor(random(9, 600)), cr.tensor(random(5, 600)), cr.tensor(random(5))
    np.testing.assert_array_equal(F.linear(x, w, b).numpy(), (F.linear(x, w) + b).numpy())
    np.testing.assert_array_equal(cr.addmm(b, x, w.t()).numpy(), F.linear(x, w, b).numpy())


@pytest.mark.parametrize("rows", [1, 7, 511, 512, 513, 1200])
def test_the_bias_gradient_is_a_product_with_ones(isa, rows):
    x, w = cr.tensor(random(rows, 3)), cr.tensor(random(17, 3))
    b = cr.zeros(17, requires_grad=True)
    dy = cr.tensor(random(rows, 17))
    F.linear(x, w, b).backward(dy)
    np.testing.assert_array_equal(b.grad.numpy(), (cr.ones(1, rows) @ dy).numpy()[0])


def integers(dtype, *shape):
    """Over the whole range of the dtype, the extremes among them."""
    info = np.iinfo(dtype)
    x = RNG.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    x.flat[:: x.size // 3 + 1] = info.min
    return x


# Tiny, odd, vectors, one addition an element, and more than one block of the kernel each way.
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
@pytest.mark.parametrize(
    "m, k, n",
    [(1, 1, 1), (3, 3, 3), (7, 3, 5), (19, 23, 21), (1, 300, 70), (200, 260, 1), (70, 1, 150)]
    + [(129, 3, 67), (131, 257, 67), (64, 128, 64), (65, 129, 130)],
)
def test_integers_wrap(dtype, m, k, n):
    a, b = integers(dtype, m, k), integers(dtype, k, n)
    want = (a.astype(object) @ b.astype(object)) % 2 ** (8 * a.itemsize)  # without overflow
    want = want.astype(np.dtype(f"u{a.itemsize}")).view(dtype)
    for x, y in itertools.product(layouts(a), layouts(b)):
        np.testing.assert_array_equal((x @ y).numpy(), want)
    np.testing.assert_array_equal((cr.tensor(a) @ cr.tensor(b)[:, 0]).numpy(), want[:, 0])
    np.testing.assert_array_equal((cr.tensor(a)[0] @ cr.tensor(b)).numpy(), want[0])


# Rows of many tiles in one call, and blocks of a single column, for which Eigen takes another way.
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("m, k, n", [(65, 10, 1), (1000, 7, 65), (200_000, 10, 1)])
def test_tall_products_of_integers(dtype, m, k, n):
    a = RNG.integers(0, 100, (m, k)).astype(dtype)
    b = RNG.integers(0, 100, (k, n)).astype(dtype)
    want = a @ b
    tall = cr.tensor(np.ascontiguousarray(a.T)).mT
    wide = cr.tensor(np.ascontiguousarray(b.T)).mT
    for threads, x, y in itertools.product((1, 2), (cr.tensor(a), tall), (cr.tensor(b), wide)):
        cr.set_num_threads(threads)
        np.testing.assert_array_equal((x @ y).numpy(), want)


def test_products_of_bools_are_refused():
    with pytest.raises(TypeError, match="expected uint8, .* float64; got bool"):
        cr.ones(2, 2, dtype=cr.bool) @ cr.ones(2, 2, dtype=cr.bool)
    with pytest.raises(TypeError, match="one dtype; got float32 and float64"):
        cr.ones(2, 2) @ cr.ones(2, 2, dtype=cr.float64)


def test_what_is_not_a_number_spreads_along_its_row_only(isa):
    a, b = random(4, 9), random(9, 5)
    a[2, 3] = np.nan
    got = (cr.tensor(a) @ cr.tensor(b)).numpy()
    np.testing.assert_array_equal(np.isnan(got).any(1), [False, False, True, False])


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("i,j->ij", (3,), (2,)),
    ("...ij,...jk->...ik", (5, 1, 2, 3), (6, 3, 4)),
    ("bn,anm,bm->ba", (2, 5), (3, 5, 4), (2, 4)),
    ("ij->", (2, 3)),
    ("iij->j", (3, 3, 2)),
    ("i j, j k -> k i", (2, 3), (3, 4)),
    ("b...a,a...->b...", (2, 3, 4), (4, 3)),
    (",i->i", (), (3,)),
]


@pytest.mark.parametrize("equation, shapes", [(e, s) for e, *s in EQUATIONS])
def test_einsum_and_its_gradient(equation, shapes):
    arrays = [random(*s, dtype=np.float64) for s in shapes]
    leaves = [cr.tensor(a, requires_grad=True) for a in arrays]
    y = cr.einsum(equation, *leaves)
    want = np.einsum(equation, *arrays)
    np.testing.assert_allclose(y.detach().numpy(), want, rtol=1e-13, atol=1e-13)
    dy = random(*want.shape, dtype=np.float64)
    y.backward(cr.tensor(dy))
    for i, a in enumerate(arrays):  # linear in each operand: <dy, f(u)> = <dx, u>
        u = random(*a.shape, dtype=np.float64)
        moved = np.einsum(equation, *arrays[:i], u, *arrays[i + 1 :])
        np.testing.assert_allclose(
            (moved * dy).sum(), (leaves[i].grad.numpy() * u).sum(), rtol=1e-11
        )


@pytest.mark.parametrize("equation", ["bb->", "bb->b"])
def test_a_diagonal_of_an_oblong_is_refused(equation):
    with pytest.raises(cr.ShapeError, match=r"\[einsum\] expected one size for 'b'"):
        cr.einsum(equation, cr.ones(1, 3))


def test_einsum_takes_lists_of_numbers():
    a, b = random(2, 3), random(3, 4)
    got = cr.einsum(cr.tensor(a), [0, 1], cr.tensor(b), [1, 2], [0, 2])
    np.testing.assert_allclose(got.numpy(), a @ b, rtol=1e-5)


@pytest.mark.parametrize(
    "equation, match",
    [
        ("ij,jk->iz", "occur in an input"),
        ("ij", "each of the 1 subscripts"),
        ("ij,jkl->i", "one letter for each of 2 dimensions"),
        ("i!,jk", "expected letters"),
        ("ij,ij", "one size for 'i'"),
    ],
)
def test_bad_equations(equation, match):
    with pytest.raises(ValueError, match=match):
        cr.einsum(equation, cr.ones(2, 3), cr.ones(3, 4))


def test_tensordot():
    a, b = random(3, 4, 5, dtype=np.float64), random(4, 3, 2, dtype=np.float64)
    x, y = cr.tensor(a), cr.tensor(b)
    np.testing.assert_allclose(
        cr.tensordot(x, y, ([1, 0], [0, 1])).numpy(), np.tensordot(a, b, ([1, 0], [0, 1]))
    )
    np.testing.assert_allclose(
        cr.tensordot(x, y, ([-2], [0])).numpy(), np.tensordot(a, b, ([1], [0]))
    )
    np.testing.assert_allclose(cr.tensordot(x, x, 0).numpy(), np.tensordot(a, a, 0))
    with pytest.raises(cr.ShapeError, match="equal sizes"):
        cr.tensordot(x, y, 1)
