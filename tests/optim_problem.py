"""A problem with a known gradient for optimizers: sum a (w - b)^2, parameters of many shapes; and
small parameters with a gradient of ones."""

import functools

import numpy as np

import chainrule as cr

STEPS = 20


# Around the vector width, an empty one, a matrix and a 0-d one.
SHAPES = [(3,), (0,), (8, 5), (), (67,)]


def quadratic(a, b, w):
    """The gradient."""
    return 2 * a * (w - b)


class Problem:
    """Parameters of many shapes, their loss in chainrule and their gradient in NumPy."""

    def __init__(self, dtype, seed=0):
        rng = np.random.default_rng(seed)
        np_dtype = np.float64 if dtype == cr.float64 else np.float32

        def draw(low, high):
            return [rng.uniform(low, high, shape).astype(np_dtype) for shape in SHAPES]

        # b is farther away than Adam gets in 20 steps: where the gradient vanishes, its quotient
        # turns rounding errors into steps, and no tolerance would mean anything.
        self.start, self.a, self.b = draw(-1, 1), draw(0.5, 1.5), draw(4, 5)
        self.params = [cr.nn.Parameter(cr.tensor(w)) for w in self.start]

    def loss(self):
        parts = [
            (cr.tensor(a) * (w - cr.tensor(b)) ** 2).sum()
            for w, a, b in zip(self.params, self.a, self.b, strict=True)
        ]
        return sum(parts[1:], parts[0])

    def twins(self, twin, **settings):
        """The twin's generators, one a parameter."""
        for w, a, b in zip(self.start, self.a, self.b, strict=True):
            grad = functools.partial(quadratic, a.astype(np.float64), b.astype(np.float64))
            yield twin(w.astype(np.float64), grad, STEPS, **settings)

    def check(self, optimizer, twin, **settings):
        """Steps both; float32 may lose one bit a step and operation."""
        rtol = 1e-12 if self.params[0].dtype == cr.float64 else STEPS * 2e-7
        for expected in zip(*self.twins(twin, **settings), strict=True):
            optimizer.zero_grad()
            self.loss().backward()
            optimizer.step()
            for got, want in zip(self.params, expected, strict=True):
                np.testing.assert_allclose(got.detach().numpy(), want, rtol=rtol, atol=rtol)


def weight(size=2):
    return cr.nn.Parameter(cr.ones(size))


def with_gradients(*params):
    for param in params:
        param.grad = cr.ones_like(param)
    return params
