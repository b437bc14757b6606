"""The cases of convolutions, and of images as columns; the twins go place by place."""

import numpy as np

from cases import Case, In, samples
from op_cases_forms import bad


def two(value):
    return (value, value) if np.ndim(value) == 0 else tuple(value) * (2 // len(value))


def out_sizes(sizes, kernel, stride, padding, dilation):
    rows = zip(sizes, kernel, stride, padding, dilation, strict=True)
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in rows]


def windows(x, kernel, stride, padding, dilation):
    """x of every position at every place of the kernel: (N, C, KH, KW, PH, PW), zeros outside."""
    rows, cols = out_sizes(x.shape[2:], kernel, stride, padding, dilation)
    wide = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    out = np.zeros((*x.shape[:2], *kernel, rows, cols), x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            out[:, :, i, j] = wide[
                :,
                :,
                top : top + (rows - 1) * stride[0] + 1 : stride[0],
                left : left + (cols - 1) * stride[1] + 1 : stride[1],
            ]
    return out


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    one = x.ndim == 3
    x = x[None] if one else x
    dilation = two(dilation)
    if padding == "valid":
        padding = 0
    elif padding == "same":
        spans = [d * (k - 1) for k, d in zip(w.shape[2:], dilation, strict=True)]
        x = np.pad(x, ((0, 0), (0, 0), *[(s // 2, s - s // 2) for s in spans]))
        padding = 0
    seen = windows(x, w.shape[2:], two(stride), two(padding), dilation)
    seen = seen.reshape(x.shape[0], groups, x.shape[1] // groups, *seen.shape[2:])
    y = np.einsum("ngcijpq,gfcij->ngfpq", seen, w.reshape(groups, -1, *w.shape[1:]))
    y = y.reshape(x.shape[0], w.shape[0], *y.shape[3:])
    y = y if b is None else y + b.reshape(-1, 1, 1)
    return y[0] if one else y


def conv1d(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    def flat(v, of_height):
        return v if isinstance(v, str) else (of_height, *np.atleast_1d(v))

    y = conv2d(
        x[..., None, :],
        w[..., None, :],
        b,
        flat(stride, 1),
        flat(padding, 0),
        flat(dilation, 1),
        groups,
    )
    return y[..., 0, :]


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    one = x.ndim == 3
    x = x[None] if one else x
    seen = windows(x, two(kernel_size), two(stride), two(padding), two(dilation))
    n, rows, positions = x.shape[0], np.prod(seen.shape[1:4]), np.prod(seen.shape[4:])
    columns = seen.reshape(n, rows, positions)
    return columns[0] if one else columns


def fold(columns, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The transpose of unfold: place by place."""
    one = columns.ndim == 2
    columns = columns[None] if one else columns
    size, kernel, stride, padding, dilation = map(
        two, (output_size, kernel_size, stride, padding, dilation)
    )
    rows, cols = out_sizes(size, kernel, stride, padding, dilation)
    n, channels = columns.shape[0], columns.shape[1] // (kernel[0] * kernel[1])
    seen = columns.reshape(n, channels, *kernel, rows, cols)
    wide = np.zeros(
        (n, channels, *[s + 2 * p for s, p in zip(size, padding, strict=True)]), columns.dtype
    )
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            wide[
                :,
                :,
                top : top + (rows - 1) * stride[0] + 1 : stride[0],
                left : left + (cols - 1) * stride[1] + 1 : stride[1],
            ] += seen[:, :, i, j]
    out = wide[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
    return out[0] if one else out


IMAGES = (
    # input, weight, more
    ((2, 1, 6, 7), (3, 1, 3, 2), {}),
    ((2, 3, 9, 20), (4, 3, 3, 3), {"padding": 1}),
    ((1, 2, 8, 37), (2, 2, 2, 5), {"stride": (1, 2), "padding": (0, 2)}),
    ((2, 4, 7, 7), (6, 2, 3, 3), {"stride": 2, "padding": 1, "groups": 2}),
    ((2, 4, 9, 8), (4, 1, 3, 3), {"dilation": (2, 1), "padding": (3, 1), "groups": 4}),
    ((3, 5, 4, 6), (7, 5, 1, 1), {}),
    ((2, 3, 12, 12), (5, 3, 1, 1), {"stride": 3}),
    ((1, 2, 11, 11), (3, 2, 1, 1), {}),
    ((5, 2, 2, 3), (3, 2, 2, 3), {}),
    ((150, 2, 3, 3), (2, 2, 2, 2), {}),
    ((2, 2, 5, 5), (2, 2, 4, 4), {"padding": "same"}),
    ((2, 2, 5, 6), (2, 2, 3, 2), {"padding": "same", "dilation": 2}),
    ((2, 2, 5, 5), (2, 2, 2, 3), {"padding": "valid", "stride": 3}),
    ((1, 1, 2, 2), (1, 1, 3, 3), {"padding": 4, "stride": 2}),
    ((0, 2, 5, 5), (3, 2, 2, 2), {}),
    ((2, 5, 4), (4, 2, 3, 3), {"padding": 1}),
)
LINES = (
    ((2, 3, 17), (4, 3, 5), {}),
    ((2, 4, 31), (6, 2, 3), {"stride": 2, "padding": 2, "dilation": 3, "groups": 2}),
    ((1, 1, 700), (2, 1, 7), {"padding": "same"}),
    ((3, 9), (2, 3, 4), {"padding": (2,), "stride": (3,)}),
    ((2, 3, 5), (2, 3, 1), {}),
)


def calls(forms):
    made = []
    for i, (x, w, more) in enumerate(forms):
        made.append((In(x), In(w), *((In(w[:1]),) if i % 3 else ()), more))
    return samples(*made)


def convolution(name, twin, forms, **fields):
    return Case(name, twin, calls(forms), ulp=2, scale=12, **fields)


X, W = In((2, 4, 5, 5)), In((6, 2, 3, 3))
GROUPS = {"groups": 2}
CASES = [
    convolution(
        "nn.functional.conv2d",
        conv2d,
        IMAGES,
        bad=(
            bad(ValueError, r"\(N, C, H, W\) or \(C, H, W\)", In((5, 5)), W),
            bad(ValueError, r"a weight \(F, C / groups, H, W\)", X, In((6, 2, 3))),
            bad(ValueError, r"channels as weight.shape\[1\] \* groups = 2 \* 1; got 4", X, W),
            bad(ValueError, "groups >= 1 that divide", X, W, {"groups": 4}),
            bad(ValueError, "groups >= 1 that divide", X, W, {"groups": 0}),
            bad(ValueError, r"bias of sizes .* \(6,\); got \(5,\)", X, W, In((5,)), GROUPS),
            bad(ValueError, r"stride, an int or one .* in \[1, ", X, W, GROUPS | {"stride": 0}),
            bad(ValueError, r"stride, an int or one", X, W, GROUPS | {"stride": (1, 2, 3)}),
            bad(ValueError, r"padding, an int .* in \[0, ", X, W, GROUPS | {"padding": -1}),
            bad(ValueError, r"dilation, an int .* in \[1, ", X, W, GROUPS | {"dilation": 2**40}),
            bad(
                ValueError,
                "no larger than the padded input, 5; got 3",
                X,
                W,
                GROUPS | {"dilation": 3},
            ),
            bad(ValueError, "'same' or 'valid'", X, W, GROUPS | {"padding": "full"}),
            bad(
                ValueError,
                "stride=1 with padding='same'",
                X,
                W,
                GROUPS | {"padding": "same", "stride": 2},
            ),
            bad(TypeError, "float", In((2, 4, 5, 5), dtype="int64"), W, GROUPS),
        ),
    ),
    convolution(
        "nn.functional.conv1d",
        conv1d,
        LINES,
        bad=(
            bad(ValueError, r"\(N, C, L\) or \(C, L\)", In((5,)), In((2, 3, 1))),
            bad(
                ValueError,
                "no larger than the padded input, 2; got 3",
                In((1, 1, 2)),
                In((1, 1, 3)),
            ),
        ),
    ),
    Case(
        "nn.functional.unfold",
        unfold,
        samples(
            (In((2, 3, 5, 7)), (2, 3)),
            (In((1, 2, 6, 20)), 3, {"padding": (1, 2), "stride": (2, 1)}),
            (In((2, 1, 9, 9)), 3, 2, 2, 2),
            (In((3, 4, 4)), 2),
            (In((0, 2, 4, 4)), 2),
        ),
        ulp=0.5,
        bad=(
            bad(ValueError, r"\(N, C, H, W\) or \(C, H, W\)", In((5, 5)), 2),
            bad(ValueError, "kernel no larger than the padded input", In((1, 3, 3)), 4),
            bad(ValueError, r"kernel_size, an int .* in \[1, ", In((1, 3, 3)), 0),
        ),
    ),
    Case(
        "nn.functional.fold",
        fold,
        samples(
            (In((2, 18, 20)), (5, 7), (2, 3)),
            (In((1, 18, 66)), (6, 20), 3, {"padding": (1, 2), "stride": (2, 1)}),
            (In((2, 9, 25)), 9, 3, 2, 2, 2),
            (In((12, 9)), 4, 2),
        ),
        ulp=2,
        scale=4,
        bad=(
            bad(ValueError, r"columns \(N, C \* 4, 9\)", In((2, 12, 8)), 4, 2),
            bad(ValueError, r"columns \(N, C \* 4, 9\)", In((2, 11, 9)), 4, 2),
            bad(ValueError, r"output_size, an int .* in \[1, ", In((2, 12, 9)), 0, 2),
        ),
    ),
]
