"""The cases of pooling; the twins go window by window."""

import numpy as np

from cases import Case, In, samples
from op_cases_convolution import two
from op_cases_forms import bad


def count(size, kernel, stride, padding, dilation, ceil_mode):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    n = (-(-room // stride) if ceil_mode else room // stride) + 1
    return n - 1 if ceil_mode and (n - 1) * stride >= size + padding else n


def side(size, kernel, stride, padding, dilation, ceil_mode):
    """The places of every window, some of them outside."""
    n = count(size, kernel, stride, padding, dilation, ceil_mode)
    return [np.arange(kernel) * dilation + o * stride - padding for o in range(n)]


def adaptive(size, windows):
    return [np.arange(o * size // windows, -(-(o + 1) * size // windows)) for o in range(windows)]


def inside(places, size):
    return places[(places >= 0) & (places < size)]


def over_windows(x, rows, cols, fn):
    """fn(values, rows' places, columns' places) of every window of every plane."""
    planes = x.reshape(-1, *x.shape[-2:])
    out = [[[fn(p, r, c) for c in cols] for r in rows] for p in planes]
    return np.array(out).reshape(*x.shape[:-2], len(rows), len(cols), -1)


def largest(x, rows, cols):
    def one(plane, r, c):
        r, c = inside(r, plane.shape[0]), inside(c, plane.shape[1])
        at = np.argmax(plane[np.ix_(r, c)])
        i, j = r[at // len(c)], c[at % len(c)]
        return plane[i, j], i * plane.shape[1] + j

    both = over_windows(x, rows, cols, one)
    return both[..., 0].astype(x.dtype), both[..., 1].astype(np.int64)


def max_pool2d(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    sides = zip(
        x.shape[-2:],
        two(kernel),
        two(stride or kernel),
        two(padding),
        two(dilation),
        strict=True,
    )
    return largest(x, *[side(*s, ceil_mode) for s in sides])


def line(twin):
    """Of lines what `twin` is of planes."""

    def one(v, of_height):
        return v if v is None or isinstance(v, bool) else (of_height, *np.atleast_1d(v))

    def of_lines(x, kernel, stride=None, padding=0, *rest, **more):
        rest = [one(v, 1) for v in rest]
        more = {name: one(v, 1) for name, v in more.items()}
        out = twin(x[..., None, :], one(kernel, 1), one(stride, 1), one(padding, 0), *rest, **more)
        return tuple(o[..., 0, :] for o in out) if isinstance(out, tuple) else out[..., 0, :]

    return of_lines


def avg_pool2d(x, kernel, stride=None, padding=0, ceil_mode=False, include=True, divisor=None):
    padding = two(padding)
    sides = list(zip(x.shape[-2:], two(kernel), two(stride or kernel), padding, strict=True))

    def mean(plane, r, c):
        sizes = plane.shape
        seen = plane[np.ix_(inside(r, sizes[0]), inside(c, sizes[1]))]
        reach = [p[p < n + b] for p, n, b in zip((r, c), sizes, padding, strict=True)]
        return seen.sum() / (divisor or (reach[0].size * reach[1].size if include else seen.size))

    return over_windows(x, *[side(*s, 1, ceil_mode) for s in sides], mean)[..., 0]


def avg_pool1d(x, kernel, stride=None, padding=0, ceil_mode=False, include=True):
    return line(avg_pool2d)(x, kernel, stride, padding, ceil_mode, include)


def adaptive_max2d(x, size):
    return largest(x, *[adaptive(n, w) for n, w in zip(x.shape[-2:], two(size), strict=True)])


def adaptive_avg2d(x, size):
    size = [n if w is None else w for n, w in zip(x.shape[-2:], two(size), strict=True)]
    sides = [adaptive(n, w) for n, w in zip(x.shape[-2:], size, strict=True)]
    return over_windows(x, *sides, lambda p, r, c: p[np.ix_(r, c)].mean())[..., 0]


def adaptive_max1d(x, size):
    return tuple(v[..., 0, :] for v in adaptive_max2d(x[..., None, :], (1, *np.atleast_1d(size))))


def adaptive_avg1d(x, size):
    return adaptive_avg2d(x[..., None, :], (1, *np.atleast_1d(size)))[..., 0, :]


X, LINE = In((2, 3, 7, 9)), In((2, 3, 19))
WIDE = In((1, 1, 5, 150))
MAX2D = samples(
    (X, 2),
    (X, (3, 2), (2, 1), (1, 0)),
    (X, 3, 2, 1, 2),
    (X, 3, 2, {"ceil_mode": True}),
    (X, 2, 3, 1, {"ceil_mode": True}),
    (X, (1, 5), 3),
    (X, 15, 1, 7),
    (X, (15, 5), (10, 3), (7, 2), {"ceil_mode": True}),
    (X, (5, 15), (3, 10), (2, 7), {"ceil_mode": True}),
    (X, 3, 1, 1, (4, 5)),
    (WIDE, 3, 1, 1),
    (WIDE, 2),
    (WIDE, (3, 200), 1, (1, 100)),
    (WIDE, (3, 170), (1, 3), (1, 80)),
    (In((3, 4, 5)), 2),
    (In((2, 1, 1, 1)), 1),
)
AVG2D = samples(
    (X, 2),
    (X, (3, 2), (2, 1), (1, 0)),
    (X, 3, 2, 1, False, False),
    (X, 3, 2, 1, True),
    (X, 3, 2, 1, True, False),
    (X, 2, 3, 1, True),
    (X, 3, 2, 1, False, True, 5),
    (X, 2, None, 0, False, True, -3),
    (X, 15, 1, 7, False, False),
    (X, (15, 5), (10, 3), (7, 2), True),
    (X, (5, 15), (3, 10), (2, 7), True),
    (WIDE, 3, 1, 1),
    (WIDE, (3, 200), 1, (1, 100)),
    (WIDE, (2, 20), (1, 3), (1, 10)),
    (In((3, 4, 5)), 2),
)
ADAPTIVE = samples((X, 1), (X, (3, 4)), (X, (7, 9)), (X, (8, 2)), (WIDE, (5, 50)), (WIDE, 1))
COMMON_BAD = (
    bad(ValueError, r"\(N, C, H, W\) or \(C, H, W\)", In((5, 5)), 2),
    bad(ValueError, "only .* of which may be 0", In((2, 3, 0, 5)), 2),
    bad(TypeError, "float", In((2, 3, 4, 5), dtype="int64"), 2),
)
NO_CHANNELS = In((2, 0, 4, 5))
STRIDED_BAD = (
    *COMMON_BAD,
    bad(ValueError, "only N of which may be 0", NO_CHANNELS, 2),
    bad(ValueError, r"kernel_size, an int or one .* in \[1, ", X, 0),
    bad(ValueError, r"stride, an int or one .* in \[1, ", X, 2, 0),
    bad(ValueError, r"padding, an int or one .* in \[0, ", X, 2, 1, -1),
    bad(ValueError, "padding of at most half of kernel_size, 1; got", X, 3, 1, 2),
    bad(ValueError, "no larger than the padded input, 7; got 8", X, 8),
)


def exact(name, twin, samples_, bad_=()):
    return Case(name, twin, samples_, ulp=0.5, bad=bad_)


def mean(name, twin, samples_, bad_=()):
    return Case(name, twin, samples_, ulp=2, scale=12, bad=bad_)


CASES = [
    exact("nn.functional.max_pool2d_with_indices", max_pool2d, MAX2D, STRIDED_BAD),
    exact(
        "nn.functional.max_pool1d_with_indices",
        line(max_pool2d),
        samples((LINE, 2), (LINE, 3, 2, 1, 2), (LINE, 4, 3, {"ceil_mode": True}), (In((3, 5)), 5)),
        (bad(ValueError, r"\(N, C, L\) or \(C, L\)", In((5,)), 2),),
    ),
    mean(
        "nn.functional.avg_pool2d",
        avg_pool2d,
        AVG2D,
        (*STRIDED_BAD, bad(ValueError, "divisor_override != 0", X, 2, {"divisor_override": 0})),
    ),
    mean(
        "nn.functional.avg_pool1d",
        avg_pool1d,
        samples((LINE, 2), (LINE, 3, 2, 1), (LINE, 4, 3, 2, True, False), (In((3, 5)), 5)),
    ),
    exact("nn.functional.adaptive_max_pool2d_with_indices", adaptive_max2d, ADAPTIVE, COMMON_BAD),
    exact(
        "nn.functional.adaptive_max_pool1d_with_indices",
        adaptive_max1d,
        samples((LINE, 1), (LINE, 7), (In((2, 5)), 5)),
    ),
    mean(
        "nn.functional.adaptive_avg_pool2d",
        adaptive_avg2d,
        ADAPTIVE + samples((X, (None, 4))),
        (*COMMON_BAD, bad(ValueError, r"output_size, an int .* in \[0, ", X, -1)),
    ),
    mean(
        "nn.functional.adaptive_avg_pool1d",
        adaptive_avg1d,
        samples((LINE, 1), (LINE, 7), (In((2, 5)), 5), (In((1, 1, 64)), 2)),
    ),
]
