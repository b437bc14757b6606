"""The private operations, which other operations call with what they have checked: called with anything
else they raise, because Python reaches them too."""

import pytest

import chainrule as cr
from chainrule.nn import functional as F

ops = cr._core._ops
ROW, ROWS, PLACES = cr.ones(3), cr.ones(2, 3), cr.tensor([0, 1])
INTS = cr.zeros(2, 3, dtype=cr.int64)
IMAGES = cr.ones(2, 3, 4, 5)
NORMALIZED = (ROWS, cr.zeros(2), cr.ones(2))  # x, means, 1 / deviations
ALONG_ROWS = (1e-5, True, False, 1, 1)  # eps, center, columns, groups, span
WINDOWS = ([1, 1], [0, 0, 0, 0], [1, 1])  # stride, padding, dilation


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.gather_elements(ROW, ROW, 0, False),
        lambda: ops.gather_elements(ROW, PLACES, 2**31 - 1, False),
        lambda: ops.gather_elements(ROW, INTS, 0, False),
        lambda: ops.gather_elements(ROWS, INTS.T, 1, False),
        lambda: ops.scatter_elements(ROWS, INTS, ROW, 1, True, False),
        lambda: ops.scatter_elements(ROWS, INTS, INTS, 1, False, False),
        lambda: ops.scatter_elements(ROWS, INTS, ROWS, -1, False, False),
        lambda: ops.index_read(ROWS, [], [], 0),
        lambda: ops.index_read(ROWS, [PLACES], [0, 1], 0),
        lambda: ops.index_read(ROWS, [PLACES], [-1], 0),
        lambda: ops.index_read(ROWS, [PLACES, PLACES], [1, 0], 0),
        lambda: ops.index_read(ROWS, [PLACES, INTS], [0, 1], 0),
        lambda: ops.index_read(ROWS, [ROW], [0], 0),
        lambda: ops.index_read(ROWS, [PLACES], [0], 99),
        lambda: ops.index_write(ROWS, [PLACES], ROW, [0], False, 3),
        lambda: ops.index_write(ROWS, [PLACES], INTS, [0], False, 3),
        lambda: ops.index_write(ROWS, [PLACES], cr.ones(3, 2).T, [0], True, 3),
        lambda: ops.euclidean_norm(INTS),
        lambda: ops.require_finite(ROW),
        lambda: ops.require_finite(PLACES[0]),
        lambda: ops.sort_rows(ROWS, 4, False),
        lambda: ops.sort_rows(ROWS, -1, False),
        lambda: ops.sort_rows(ROWS.T, 1, False),
        lambda: ops.sort_rows(cr.ones(()), 1, False),
        lambda: ops.window_backward(ROW, [3], [2], 0),
        lambda: ops.window_backward(ROW, [3], [1], 1),
        lambda: ops.window_backward(ROW, [3], [1], -1),
        lambda: ops.window_backward(ROW, [3], [], 0),
        lambda: ops.window_backward(ROW, [2**40], [2**62], 2**62),
        lambda: ops.class_places(ROW, 3, -100),
        lambda: ops.class_places(INTS.T, 3, -100),
        lambda: ops.multilabel_margins(ROWS, ROWS),
        lambda: ops.multilabel_margins(ROWS, INTS.T),
        lambda: ops.multilabel_margins(ROWS, INTS[:1]),
        lambda: ops.multilabel_margins(INTS, INTS),
        lambda: ops.softmax_cross_entropy(ROW, PLACES),
        lambda: ops.softmax_cross_entropy(ROWS, PLACES, cr.ones(2)),
        lambda: ops.softmax_cross_entropy_backward(
            cr.ones(()), ROWS, ROWS, cr.ones(()), cr.zeros(2), -100, 0.0
        ),
        lambda: ops.softmax_cross_entropy_backward(
            cr.ones(()), ROWS, ROW, cr.ones(()), PLACES, -100, 0.0
        ),
        lambda: ops.softmax_cross_entropy_backward(ROW, ROWS, ROWS, cr.ones(()), PLACES, -100, 0.0),
        lambda: ops.softmax_cross_entropy_backward(
            cr.ones(()), ROWS, ROWS, cr.zeros((), dtype=cr.int64), PLACES, -100, 0.0
        ),
        lambda: ops.nll(ROW, PLACES),
        lambda: ops.nll(ROWS.T, PLACES),
        lambda: ops.nll(ROWS, PLACES, cr.ones(2)),
        lambda: ops.nll(ROWS, cr.zeros(2)),
        lambda: ops.nll_backward(cr.ones(5), cr.ones(()), PLACES, 3, -100),
        lambda: ops.nll_backward(cr.ones(()), cr.ones(1), PLACES, 3, -100),
        lambda: ops.nll_backward(cr.ones(()), cr.ones(()), cr.zeros(2), 3, -100),
        lambda: ops.nll_backward(cr.ones(()), cr.ones(()), PLACES, -3, -100),
        lambda: ops.nll_backward(cr.ones(()), cr.ones(()), PLACES, 3, -100, cr.ones(2)),
        lambda: ops.unfold_windows(ROWS, [1, 1], *WINDOWS),
        lambda: ops.unfold_windows(IMAGES.permute(0, 1, 3, 2), [1, 1], *WINDOWS),
        lambda: ops.unfold_windows(IMAGES, [5, 1], *WINDOWS),
        lambda: ops.unfold_windows(IMAGES, [0, 1], *WINDOWS),
        lambda: ops.unfold_windows(IMAGES, [1], *WINDOWS),
        lambda: ops.unfold_windows(IMAGES, [1, 1], [1, 0], [0, 0, 0, 0], [1, 1]),
        lambda: ops.unfold_windows(IMAGES, [1, 1], [1, 1], [2**31 - 1] * 4, [1, 1]),
        lambda: ops.unfold_windows(IMAGES, [1, 1], [1, 1], [0, 0, 0, 0], [2**40, 1]),
        lambda: ops.fold_windows(cr.ones(2, 3, 19), [4, 5], [1, 1], *WINDOWS),
        lambda: ops.fold_windows(cr.ones(2, 3, 20), [4, 5], [2, 2], *WINDOWS),
        lambda: ops.fold_windows(cr.ones(2, 3, 20), [-4, -5], [1, 1], *WINDOWS),
        lambda: ops.fold_windows(ROWS, [1, 3], [1, 1], *WINDOWS),
        lambda: ops.convolve(IMAGES, cr.ones(2, 2, 2, 2), None, *WINDOWS, 1),
        lambda: ops.convolve(IMAGES, cr.ones(2, 3, 5, 2), None, *WINDOWS, 1),
        lambda: ops.convolve(IMAGES, cr.ones(2, 3, 2, 2).double(), None, *WINDOWS, 1),
        lambda: ops.convolve(IMAGES, cr.ones(2, 3, 2, 2), cr.ones(3), *WINDOWS, 1),
        lambda: ops.convolve(IMAGES, cr.ones(2, 3, 2, 2), None, *WINDOWS, 0),
        lambda: ops.convolve(IMAGES, cr.ones(2, 3, 2, 2), None, *WINDOWS, 2**62),
        lambda: ops.convolve(IMAGES, cr.ones(2, 3, 2, 2), None, [1, 1], [0, 0], [1, 1], 1),
        lambda: ops.convolve_input(IMAGES, cr.ones(3, 2, 2, 2), [5, 7], *WINDOWS, 1),
        lambda: ops.convolve_input(IMAGES, cr.ones(3, 2, 2, 2), [5], *WINDOWS, 1),
        lambda: ops.convolve_input(IMAGES, cr.ones(3, 2, 2, 2), [5, -6], *WINDOWS, 1),
        lambda: ops.convolve_input(IMAGES, cr.ones(2, 2, 2, 2), [5, 6], *WINDOWS, 1),
        lambda: ops.convolve_weight(IMAGES, cr.ones(2, 4, 5, 6), [2, 3], *WINDOWS, 1),
        lambda: ops.convolve_weight(IMAGES, cr.ones(1, 4, 5, 6), [2, 2], *WINDOWS, 1),
        lambda: ops.convolve_weight(IMAGES, cr.ones(2, 4, 5, 6), [2, 2], *WINDOWS, 0),
        lambda: ops.max_pool(ROWS, [1, 1], [1, 1], [0, 0], [1, 1], False),
        lambda: ops.max_pool(IMAGES, [5, 1], [1, 1], [0, 0], [1, 1], False),
        lambda: ops.max_pool(IMAGES, [1, 1], [1, 1], [1, 1], [1, 1], False),
        lambda: ops.max_pool(IMAGES[:, :, :0], [1, 1], [1, 1], [0, 0], [1, 1], False),
        lambda: ops.max_pool(IMAGES, [1, 1], [0, 1], [0, 0], [1, 1], True),
        lambda: ops.adaptive_max_pool(IMAGES, [1]),
        lambda: ops.adaptive_max_pool(IMAGES, [1, -1]),
        lambda: ops.max_pool_backward(IMAGES, IMAGES, [4, 5]),
        lambda: ops.max_pool_backward(IMAGES, IMAGES.long()[:1], [4, 5]),
        lambda: ops.max_pool_backward(IMAGES, IMAGES.long(), [4]),
        lambda: ops.avg_pool(IMAGES, [2, 2], [1, 1], [2, 0], False, True, 3),
        lambda: ops.avg_pool_backward(IMAGES, [4, 5], [2, 2], [1, 1], [0, 0], False, True, 3),
        lambda: ops.avg_pool_backward(IMAGES, [0, 5], [1, 1], [1, 1], [0, 0], False, True, 3),
        lambda: ops.adaptive_avg_pool(IMAGES, [2**31, 1]),
        lambda: ops.adaptive_avg_pool_backward(ROWS, [4, 5]),
        lambda: ops.adaptive_avg_pool_backward(IMAGES, [0, 5]),
        lambda: ops.linear_rows(ROW, ROWS),
        lambda: ops.linear_rows(cr.ones(33, 17, 3), ROWS),
        lambda: ops.normalize_rows(ROWS, ROW, cr.ones(2), 1e-5),
        lambda: ops.normalize_rows(ROWS, None, None, 1e-5, groups=0),
        lambda: ops.normalize_rows(ROWS, None, None, 1e-5, columns=True, span=3),
        lambda: ops.normalize_rows_backward(ROWS[:1], *NORMALIZED, None, *ALONG_ROWS),
        lambda: ops.normalize_rows_backward(ROWS.double(), *NORMALIZED, None, *ALONG_ROWS),
        lambda: ops.normalize_rows_backward(ROWS, *NORMALIZED, cr.ones(2), *ALONG_ROWS),
        lambda: ops.normalize_rows_weight(cr.ones(2, 1), *NORMALIZED, *ALONG_ROWS),
        lambda: ops.normalize_rows_weight(ROWS.double(), *NORMALIZED, *ALONG_ROWS),
        lambda: ops.normalize_rows_weight(ROWS, ROWS, ROW, ROW, *ALONG_ROWS),
    ],
)
def test_what_an_operation_cannot_read_is_refused(call):
    with pytest.raises((cr.ShapeError, cr.DtypeError), match=r"^\[\w+\] expected .*; got "):
        call()


def test_gradients_of_many_channels_cost_as_much_as_their_elements(isa):
    """A walk over all elements for each channel would take half an hour."""
    n = 1_000_000
    ones, ramp = cr.ones(1, n), cr.arange(1.0, n + 1).reshape(1, n)
    got = ops.normalize_rows_weight(ones, ramp, cr.zeros(1), cr.full((1,), 0.5), *ALONG_ROWS)
    assert got.equal(ramp[0] / 2)


def test_a_label_out_of_range_harms_nothing_in_backward():
    labels = cr.tensor([2**62, -(2**62)])
    dx = ops.softmax_cross_entropy_backward(cr.ones(()), ROWS, ROWS, cr.ones(()), labels, -100, 0.0)
    assert dx.shape == ROWS.shape and dx.isfinite().all()
    dx = ops.nll_backward(cr.ones(()), cr.ones(()), labels, 3, -100)
    assert dx.shape == (2, 3) and not dx.any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_what_is_outside_of_a_window_takes_no_time(stride, dtype, isa):
    """A kernel of 2^31 - 1 places on a line of 40, at each of which all windows show all of it:
    walking along its places would take hours."""
    x = cr.arange(1.0, 41.0, dtype=getattr(cr, dtype)).reshape(1, 1, 1, 40).requires_grad_()
    kernel, half = 2**31 - 1, 2**30 - 1
    y, places = ops.max_pool(x, [1, kernel], [1, stride], [0, half], [1, 1], False)
    assert y.shape == (1, 1, 1, 39 // stride + 1)
    assert (y == 40).all() and (places == 39).all()
    y = F.avg_pool2d(x, (1, kernel), (1, stride), (0, half), False, False)
    assert (y == 20.5).all()
    (dx,) = cr.autograd.grad(y.sum(), x)
    assert cr.allclose(dx, cr.full_like(dx, y.numel() / 40))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_windows_far_apart_take_no_time(dtype, isa):
    """At a stride of 2^30 the windows show a line of 40 at places that far apart."""
    x = cr.arange(1.0, 41.0, dtype=getattr(cr, dtype)).reshape(1, 1, 1, 40).requires_grad_()
    kernel, half = 2**31 - 1, 2**30 - 1
    sizes = (1, kernel), (1, 2**30), (0, half)
    y, places = ops.max_pool(x, *sizes, (1, 1), True)
    assert y.tolist() == [[[[40.0, 40.0]]]] and places.tolist() == [[[[39, 39]]]]
    y = F.avg_pool2d(x, *sizes, True, False)
    assert y.tolist() == [[[[20.5, 21.0]]]]
    (dx,) = cr.autograd.grad(y.sum(), x)
    assert dx[0, 0, 0, 0].item() == pytest.approx(1 / 40)
    assert dx[0, 0, 0, 1].item() == pytest.approx(1 / 40 + 1 / 39)


def test_a_place_out_of_range_harms_nothing_in_backward():
    places = cr.full((2, 3, 4, 5), 2**62)
    places[0] = -1
    places[1, 2, 3, 4] = 7
    dx = ops.max_pool_backward(IMAGES, places, [2, 4])
    assert dx.sum().item() == dx[1, 2, 1, 3].item() == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x.unbind(),
        lambda x: list(x),
        lambda x: x.split(1),
        lambda x: x.chunk(2**50),
        lambda x: x.tolist(),
        lambda x: cr.zeros(0, 2).chunk(2**50),
        lambda x: cr.zeros(2**50, 0).tolist(),
    ],
)
def test_more_parts_than_memory_has_room_for(call):
    with pytest.raises(cr.OutOfMemory, match=r"^\[\w+\] expected (parts|lists) that memory"):
        call(cr.zeros(1).expand(2**50))
