"""Random programs on tensors: a seed chooses what `run` does, and only shapes, dtypes and what
requires a gradient decide which choices there are. So every call of one seed does the same."""

import math
import random

import chainrule as cr
from chainrule.nn import functional as F

SIZES = (0, 1, 1, 2, 3, 3, 5, 8, 17, 17, 64)
LARGE = (130, 136)  # more than one tile of an elementwise kernel, and tiled products
FLOATS = (cr.float32, cr.float64)

UNARY = [
    "exp",
    "tanh",
    "sin",
    "cos",
    "neg",
    "relu",
    "sigmoid",
    "square",
    "abs",
    "sqrt",
    "reciprocal",
    "log1p",
    "erf",
    "floor",
    "sign",
    "rsqrt",
]
ACTIVATIONS = [
    "gelu",
    "softplus",
    "silu",
    "elu",
    "leaky_relu",
    "hardswish",
    "logsigmoid",
    "mish",
    "selu",
]
BINARY = ["add", "sub", "mul", "div", "maximum", "minimum", "atan2"]
COMPARISONS = ["gt", "le", "eq", "ne"]
REDUCTIONS = ["sum", "mean", "amax", "amin", "prod", "var", "logsumexp"]
IN_PLACE = ["exp_", "tanh_", "neg_", "relu_", "sigmoid_", "zero_", "square_", "abs_"]


def is_float(t):
    return t.dtype in FLOATS


def broadcasts(a, b):
    return all(x == y or 1 in (x, y) for x, y in zip(a[::-1], b[::-1], strict=False))


class RandomProgram:
    """One run of the program: a pool of tensors that each step reads, writes or adds to.

    `outside` has the tensors of the pool whose memory the call did not make: with gradients on they
    are written without history, as a program that is captured must.
    """

    def __init__(self, seed, pool):
        self.rng = random.Random(seed)
        self.pool = list(pool)
        self.outside = [True] * len(self.pool)

    def pick(self, fits=lambda t: True):
        found = [i for i, t in enumerate(self.pool) if fits(t)]
        if not found:
            return None
        # Mostly what was made last, or programs would be all width and no depth.
        late = found[-4:] if self.rng.random() < 0.6 else found
        return self.rng.choice(late)

    def put(self, value, outside=False):
        for t in value if isinstance(value, list | tuple) else [value]:
            if isinstance(t, cr.Tensor) and t.numel() <= 40000:
                self.pool.append(t)
                self.outside.append(outside)

    def step(self):
        self.rng.choice(STEPS)(self)

    def dim(self, t):
        return self.rng.randrange(-t.ndim, t.ndim) if t.ndim else 0

    def number(self):
        return self.rng.choice((0.5, -1.25, 2, 0, 3.0, -0.0, 1))

    def operand(self, t):
        """Something that an operation with `t` takes: a number or a tensor that broadcasts."""
        if self.rng.random() < 0.3:
            return self.number()
        i = self.pick(lambda o: broadcasts(o.shape, t.shape) and o.dtype != cr.bool)
        return self.number() if i is None else self.pool[i]

    # ---- New values.
    def unary(self):
        if (i := self.pick(is_float)) is not None:
            x = self.pool[i]
            if self.rng.random() < 0.3:
                return self.put(getattr(F, self.rng.choice(ACTIVATIONS))(x))
            self.put(getattr(x, self.rng.choice(UNARY))())

    def binary(self):
        x = self.pool[self.pick()]
        name = self.rng.choice(BINARY if x.dtype != cr.bool else COMPARISONS)
        y = self.operand(x)
        if name in ("maximum", "minimum", "atan2") and not isinstance(y, cr.Tensor):
            y = x
        self.put(
            getattr(cr, name)(
                *((x, y) if self.rng.random() < 0.5 or not isinstance(y, cr.Tensor) else (y, x))
            )
        )

    def compare(self):
        x = self.pool[self.pick()]
        self.put(getattr(x, self.rng.choice(COMPARISONS))(self.operand(x)))

    def where(self):
        mask = self.pick(lambda t: t.dtype == cr.bool)
        if mask is not None:
            mask = self.pool[mask]
            self.put(cr.where(mask, self.operand(mask), self.operand(mask)))

    def cast(self):
        x = self.pool[self.pick()]
        self.put(x.to(self.rng.choice((*FLOATS, cr.int64, cr.int32, cr.bool, cr.uint8))))

    def product(self):
        if (i := self.pick(lambda t: is_float(t) and t.ndim == 2)) is None:
            return
        x = self.pool[i]
        j = self.pick(lambda t: t.ndim == 2 and t.dtype == x.dtype and t.shape[0] == x.shape[1])
        k = self.pick(lambda t: t.ndim == 2 and t.dtype == x.dtype and t.shape[1] == x.shape[1])
        if j is not None and self.rng.random() < 0.6:
            return self.put(x @ self.pool[j])
        w = self.pool[k]
        b = self.pick(lambda t: t.ndim == 1 and t.dtype == x.dtype and t.shape[0] == w.shape[0])
        self.put(F.linear(x, w, None if b is None else self.pool[b]))

    def reduce(self):
        if (i := self.pick(is_float)) is None:
            return
        x, name = self.pool[i], self.rng.choice(REDUCTIONS)
        if self.rng.random() < 0.2 and name != "logsumexp":
            return self.put(getattr(x, name)())
        self.put(getattr(x, name)(self.dim(x), keepdim=self.rng.random() < 0.4))

    def along(self):
        if (i := self.pick(lambda t: is_float(t) and t.ndim > 0)) is None:
            return
        x, dim = self.pool[i], self.dim(self.pool[i])
        name = self.rng.choice(
            ["softmax", "log_softmax", "cumsum", "sort", "argsort", "argmax", "max", "flip", "roll"]
        )
        if name == "roll":
            return self.put(cr.roll(x, 1, dim))
        if name == "flip":
            return self.put(cr.flip(x, (dim,)))
        self.put(getattr(x, name)(dim))

    def loss(self):
        if (i := self.pick(is_float)) is None:
            return
        x = self.pool[i]
        name = self.rng.choice(
            ["mse_loss", "l1_loss", "huber_loss", "smooth_l1_loss", "cross_entropy"]
        )
        if name == "cross_entropy" and x.ndim == 2 and x.shape[1] > 0:
            target = x.detach().argmax(1).flip((0,))
            return self.put(F.cross_entropy(x, target, label_smoothing=self.rng.choice((0.0, 0.1))))
        y = self.pool[self.pick(lambda t: t.shape == x.shape and t.dtype == x.dtype)]
        how = self.rng.choice(("mean", "sum", "none"))
        if name != "cross_entropy":
            self.put(getattr(F, name)(x, y, reduction=how))

    def join(self):
        x = self.pool[self.pick(lambda t: t.ndim > 0)]
        y = self.pool[self.pick(lambda t: t.shape == x.shape and t.dtype == x.dtype)]
        self.put(self.rng.choice((cr.cat, cr.stack))([x, y, x], self.dim(x)))

    def take(self):
        if (i := self.pick(lambda t: t.ndim > 0 and t.numel() > 0)) is None:
            return
        x, dim = self.pool[i], self.dim(self.pool[i])
        if self.rng.random() < 0.5:
            places = cr.arange(x.shape[dim]).remainder(2) * (x.shape[dim] - 1)
            return self.put(x.index_select(dim, places))
        self.put(x.gather(dim, x.argsort(dim)))

    def copy(self):
        x = self.pool[self.pick()]
        self.put(self.rng.choice((x.clone, x.clone, lambda: x + 0, lambda: x.detach().clone()))())

    def constant(self):
        x = self.pool[self.pick()]
        dtype = self.rng.choice(FLOATS)
        made = self.rng.choice(
            (
                lambda: cr.zeros_like(x),
                lambda: cr.ones(x.shape, dtype=dtype),
                lambda: cr.full(x.shape, 1.5, dtype=dtype).exp() * 2,
                lambda: cr.arange(x.shape[0] if x.ndim else 3),
                lambda: cr.eye(3).sum(0),
                lambda: cr.ones(40, 40, dtype=dtype).sum(1).cumsum(0),
            )
        )
        self.put(made())

    def noise(self):
        x = self.pool[self.pick(is_float)]
        made = self.rng.choice(
            (
                lambda: cr.rand(x.shape),
                lambda: cr.randn_like(x),
                lambda: F.dropout(x, 0.3),
                lambda: cr.bernoulli(cr.full(x.shape, 0.5)),
                lambda: cr.randint(0, 5, x.shape),
            )
        )
        self.put(made())

    # ---- The same memory.
    def view(self):
        i = self.pick()
        x, rng = self.pool[i], self.rng
        dim = self.dim(x)
        n = x.shape[dim] if x.ndim else 0
        ways = [lambda: x.unsqueeze(0), lambda: x.detach(), lambda: x.expand((2, *x.shape))]
        if x.ndim:
            ways += [
                lambda: x.squeeze(dim),
                lambda: x.narrow(dim, n // 3, n - n // 3),
                lambda: x.flatten(),
                lambda: x.reshape(-1) if x.numel() else x.view(x.shape),
                lambda: x.movedim(0, -1),
                lambda: list(x.chunk(2, dim)),
            ]
        if n:
            ways += [lambda: x.select(dim, n - 1), lambda: x[::2], lambda: x[..., n // 2 :]]
        if x.ndim > 1:
            ways += [lambda: x.transpose(0, 1), lambda: x.T, lambda: x.diagonal()] * 2
        self.put(rng.choice(ways)(), self.outside[i])

    # ---- Writes.
    def write(self):
        i = self.pick()
        x = self.pool[i]
        leaf = x.requires_grad and x.is_leaf
        if self.outside[i] or leaf or self.rng.random() < 0.4:
            with cr.no_grad():
                return self.write_into(x)
        return self.write_into(x)

    def write_into(self, x):
        rng = self.rng
        if rng.random() < 0.3 and is_float(x):
            return getattr(x, rng.choice(IN_PLACE))()
        source = self.pick(lambda t: broadcasts(t.shape, x.shape) and t.ndim <= x.ndim)
        y = self.number() if source is None else self.pool[source]
        if isinstance(y, cr.Tensor) and any(
            a > b for a, b in zip(y.shape[::-1], x.shape[::-1], strict=False)
        ):
            y = self.number()
        fitting = is_float(x) or (isinstance(y, cr.Tensor) and not is_float(y))
        ways = [lambda: x.copy_(y) if isinstance(y, cr.Tensor) else x.fill_(y)]
        if x.dtype != cr.bool and fitting:
            ways += [lambda: x.add_(y), lambda: x.mul_(y), lambda: x.sub_(y)]
        if is_float(x):
            ways += [lambda: x.clamp_(-2, 2), lambda: x.masked_fill_(x > 0.5, 0.25)]
        if x.ndim and x.shape[0]:
            n = x.shape[0]

            def assign():
                x[n // 2 :] = self.number()

            def assign_from():
                x[::2] = x[: math.ceil(n / 2)]

            ways += [assign, assign_from]
        rng.choice(ways)()

    # ---- Gradients.
    def differentiate(self):
        ends = [t for t in self.pool if is_float(t) and t.requires_grad and t.numel()]
        leaves = [t for t in self.pool if t.requires_grad and t.is_leaf]
        if ends and leaves:
            end, leaf = self.rng.choice(ends[-4:]), self.rng.choice(leaves)
            (got,) = cr.autograd.grad(end.sum(), [leaf], retain_graph=True, allow_unused=True)
            self.put([] if got is None else got)

    def total(self):
        """The sum of some of what requires a gradient; None if nothing does."""
        ends = [t for t in self.pool if is_float(t) and t.requires_grad and t.numel()]
        if not ends:
            return None
        some = ends[-3:] + self.rng.sample(ends, min(2, len(ends)))
        return sum(t.mean().to(cr.float32) for t in some)


STEPS = [
    *[RandomProgram.unary] * 4,
    *[RandomProgram.binary] * 5,
    *[RandomProgram.product] * 3,
    *[RandomProgram.reduce] * 2,
    *[RandomProgram.view] * 5,
    *[RandomProgram.write] * 4,
    *[RandomProgram.copy] * 2,
    RandomProgram.compare,
    RandomProgram.where,
    RandomProgram.cast,
    RandomProgram.along,
    RandomProgram.loss,
    RandomProgram.join,
    RandomProgram.take,
    RandomProgram.constant,
    RandomProgram.noise,
    RandomProgram.differentiate,
]
