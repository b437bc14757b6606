"""The cases of attention; the twin is the definition."""

import numpy as np

from cases import Case, In, samples
from op_cases_tools import bad

Q, K, V = In((2, 3, 5)), In((2, 7, 5)), In((2, 7, 4))


def attention(q, k, v, mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    factor = scale if scale is not None else 1 / np.sqrt(q.dtype.type(q.shape[-1]))
    scores = q @ np.swapaxes(k, -1, -2) * factor
    if is_causal:
        mask = np.tri(*scores.shape[-2:], dtype=bool)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    dead = (scores == -np.inf).all(-1, keepdims=True)
    e = np.exp(np.where(dead, 0, scores - scores.max(-1, keepdims=True, initial=-np.inf)))
    return np.where(dead, 0, e / e.sum(-1, keepdims=True)) @ v


def mask(*rows):
    values = np.array([[c == "x" for c in row] for row in rows])
    return In(values.shape, dtype="bool", grad=False, values=values)


CASES = [
    Case(
        "nn.functional.scaled_dot_product_attention",
        attention,
        samples(
            (Q, K, V),
            (In((3, 5)), In((7, 5)), In((7, 4)), {"scale": 0.7}),
            (In((4, 2, 3, 8)), In((2, 9, 8)), In((4, 1, 9, 33)), {"is_causal": True}),
            (Q, K, V, mask("x.x.xx.", "xxxxxxx", ".......")),
            (Q, K, V, In((2, 1, 7)), {"scale": -0.5}),
            (In((2, 6, 3, 5)), In((2, 2, 4, 5)), In((2, 3, 4, 5)), {"enable_gqa": True}),
            (In((1, 1)), In((1, 1)), In((1, 1))),
            (In((33, 17)), In((65, 17)), In((65, 9)), {"is_causal": True, "scale": 1.0}),
            (In((0, 3, 5)), In((0, 7, 5)), In((0, 7, 4))),
            (In((2, 0, 5)), K, V),
        ),
        ulp=16,
        scale=128,
        bad=(
            bad(r"query \(\*, L, E\), key \(\*, S, E\)", In((3, 5)), In((7, 4)), In((7, 4))),
            bad(r"got \(3, 5\), \(7, 5\), \(6, 4\)", In((3, 5)), In((7, 5)), In((6, 4))),
            bad("of 2 dimensions or more", In((5,)), In((7, 5)), In((7, 4))),
            bad("leading sizes", In((3, 3, 5)), K, V),
            bad(r"broadcasts to \(2, 3, 7\)", Q, K, V, In((3, 6))),
            bad("attn_mask of bool", Q, K, V, In((3, 7), dtype="int64"), error=TypeError),
            bad("one floating dtype", Q, K, In((2, 7, 4), dtype="int64"), error=TypeError),
            bad("expected a Tensor", Q, K, 1.0, error=TypeError),
            bad(
                "no attn_mask with is_causal", Q, K, V, In((3, 7)), is_causal=True, error=ValueError
            ),
            bad("0 <= dropout_p <= 1", Q, K, V, dropout_p=-0.1, error=ValueError),
            bad("scale to be a number", Q, K, V, scale="a", error=TypeError),
            bad("is_causal to be True or False", Q, K, V, is_causal=1, error=TypeError),
            bad(
                "of key that divides", In((5, 3, 4)), In((2, 3, 4)), In((5, 3, 4)), enable_gqa=True
            ),
            bad("of key that divides", In((3, 4)), In((3, 4)), In((3, 4)), enable_gqa=True),
        ),
    ),
]
