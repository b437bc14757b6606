"""The cases of normalisation; the twins are the definitions."""

import numpy as np

from cases import Case, In, samples
from op_cases_forms import bad


def normalized(x, axes, eps, center=True):
    distance = x - x.mean(axis=axes, keepdims=True) if center else x
    return distance / np.sqrt((distance**2).mean(axis=axes, keepdims=True) + eps)


def last(shape):
    return tuple(range(-len(shape), 0))


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    y = normalized(x, last(shape), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def rms_norm(x, shape, weight=None, *, eps):
    y = normalized(x, last(shape), eps, center=False)
    return y if weight is None else y * weight


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    y = normalized(x.reshape(x.shape[0], groups, -1), -1, eps).reshape(x.shape)
    channels = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.reshape(channels)
    return y if bias is None else y + bias.reshape(channels)


# Around the widths of vectors, several sizes at once, a chunk of the reductions and more.
ROWS = [((3, 1), (1,)), ((5, 7), (7,)), ((2, 3, 5), (3, 5)), ((2, 33), (33,)), ((3, 4, 64), (64,))]
ROWS += [((17,), (17,)), ((2, 1030), (1030,)), ((530, 3), (3,))]


def over_last(name, twin, with_bias, **more):
    calls = []
    for shape, normed in ROWS:
        weight = In(normed, 0.5, 2)
        calls += [(In(shape), normed, more), (In(shape), normed, weight, more)]
        if with_bias:
            calls += [(In(shape), normed, weight, In(normed), more)]
            calls += [(In(shape), normed, None, In(normed), {"eps": 0.5})]
    return Case(
        name,
        twin,
        samples(*calls),
        ulp=8,
        scale=16,
        bad=(
            bad(ValueError, "normalized_shape to be the last sizes", In((2, 3)), (2,)),
            bad(ValueError, "normalized_shape to be the last sizes", In((2, 3)), ()),
            bad(ValueError, "weight of sizes", In((2, 3)), (3,), In((2,))),
            bad(ValueError, "eps >= 0", In((2, 3)), (3,), {"eps": -1.0}),
        ),
    )


CASES = [
    over_last("layer_norm", layer_norm, True),
    over_last("rms_norm", rms_norm, False, eps=0.01),
    Case(
        "nn.functional.group_norm",
        group_norm,
        samples(
            *[
                (In(shape), groups, *rest)
                for shape, groups in [
                    ((2, 6), 2),
                    ((3, 4, 5), 4),
                    ((2, 6, 3, 3), 3),
                    ((1, 8, 9), 1),
                ]
                for rest in (
                    (),
                    (In(shape[1:2], 0.5, 2),),
                    (In(shape[1:2], 0.5, 2), In(shape[1:2])),
                )
            ]
        ),
        ulp=8,
        scale=16,
        bad=(
            bad(ValueError, "num_groups to divide the channels, 6", In((2, 6, 2)), 4),
            bad(ValueError, "bias of sizes", In((2, 6, 2)), 2, None, In((5,))),
            bad(ValueError, "more than 1 value", In((1, 4)), 4),
            bad(ValueError, r"\(N, C, \.\.\.\)", In((6,)), 2),
        ),
    ),
]
