"""A problem for optimizers: sum a (w - b)^2, parameters of many shapes; and small parameters with a
gradient of ones."""

import numpy as np

import chainrule as cr

# Around the vector width, an empty one, a matrix and a 0-d one.
SHAPES = [(3,), (0,), (8, 5), (), (67,)]


class Problem:
    """Parameters of many shapes and their loss."""

    def __init__(self, dtype, seed=0):
        rng = np.random.default_rng(seed)
        np_dtype = np.float64 if dtype == cr.float64 else np.float32

        def draw(low, high):
            return [rng.uniform(low, high, shape).astype(np_dtype) for shape in SHAPES]

        self.start, self.a, self.b = draw(-1, 1), draw(0.5, 1.5), draw(4, 5)
        self.params = [cr.nn.Parameter(cr.tensor(w)) for w in self.start]

    def loss(self):
        parts = [
            (cr.tensor(a) * (w - cr.tensor(b)) ** 2).sum()
            for w, a, b in zip(self.params, self.a, self.b, strict=True)
        ]
        return sum(parts[1:], parts[0])


def weight(size=2):
    return cr.nn.Parameter(cr.ones(size))


def with_gradients(*params):
    for param in params:
        param.grad = cr.ones_like(param)
    return params
