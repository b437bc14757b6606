"""Random programs, captured and eager, side by side: the same bits in every result, parameter,
gradient and optimizer state, after every call and in what was kept of earlier ones."""

import random

import numpy as np
import pytest

import chainrule as cr
from random_programs import FLOATS, LARGE, SIZES, RandomProgram

CALLS = 8
OPTIMIZERS = (
    None,
    lambda p: cr.optim.SGD(p, lr=0.1),
    lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    lambda p: cr.optim.Adam(p, lr=0.1, weight_decay=0.1),
    lambda p: cr.optim.AdamW(p, lr=0.1, amsgrad=True),
)

# Of a tensor with three values for each element.
LAYOUTS = (
    lambda wide: wide[..., 0].contiguous(),
    lambda wide: wide[..., 1],
    lambda wide: wide[..., 2].contiguous().T.contiguous().T,
    lambda wide: wide.flatten()[1 : 1 + wide.numel() // 3].reshape(wide.shape[:-1]),
)


def described(t):
    """All that two tensors can differ in; of something else its repr."""
    if not isinstance(t, cr.Tensor):
        return t.tobytes() if isinstance(t, np.ndarray) else repr(t)
    values = t.detach()
    return (
        tuple(t.shape),
        [step for size, step in zip(t.shape, t.stride(), strict=True) if size > 1 and t.numel()],
        str(t.dtype),
        t.requires_grad,
        t.is_leaf,
        type(t).__name__,
        values.contiguous().numpy().tobytes(),
    )


def who_is_who(tensors):
    """Of each tensor the first that is the same object, and the first that shares its memory."""
    arrays = [t.detach().numpy() for t in tensors]
    same = [next(i for i, o in enumerate(tensors) if o is t) for t in tensors]
    shared = [
        next((i for i, o in enumerate(arrays[:k]) if np.may_share_memory(o, a)), k)
        for k, a in enumerate(arrays)
    ]
    return same, shared


class Twin:
    """One of the two: its own parameters, buffers and optimizer, and what it does at each call."""

    def __init__(self, seed, compiled):
        self.seed = seed
        rng = random.Random(seed)
        cr.manual_seed(seed)
        large = rng.random() < 0.15
        rows, cols, more = (*LARGE, 17) if large else rng.sample(SIZES, 3)
        dtype = rng.choice((cr.float32, cr.float32, cr.float64))
        self.params = [
            cr.nn.Parameter(cr.randn(*shape, dtype=dtype))
            for shape in [(more, cols), (more,), (cols, rows)][: rng.randint(1, 3)]
        ]
        self.buffers = [cr.randn(rows, cols, dtype=dtype), cr.zeros(cols), cr.arange(rows)][
            : rng.randint(0, 3)
        ]
        if self.buffers and rng.random() < 0.3:
            first = self.buffers[0]
            self.buffers.append(rng.choice((first.T, first[..., 1:], first.detach(), first[:1])))
        self.shapes = [(rows, cols), (cols,), ()][: rng.randint(1, 3)]
        self.layouts = [rng.choice(LAYOUTS) for _ in self.shapes]
        self.dtypes = [rng.choice((dtype, dtype, *FLOATS, cr.int64)) for _ in self.shapes]
        self.needs_grad = rng.random() < 0.15
        self.passes_twice = rng.random() < 0.1
        self.passes_window = rng.random() < 0.1
        self.steps = rng.choice((3, 6, 10, 15, 20, 25, 40))
        self.odd_batches = rng.random() < 0.2
        self.mode = rng.choice((*["inside"] * 5, *["outside"] * 3, "no_grad", "inference"))
        self.zero = rng.choice((None, True, True, False))
        self.structure = rng.choice((list, tuple, dict, None))
        make = rng.choice(OPTIMIZERS)
        self.optimizer = make and make(self.params)
        self.events = rng.random() < 0.8
        self.held = []
        self.compiled = compiled
        self.failures = 0
        self.call = cr.compile(self.body) if compiled else self.body

    def arguments(self, call):
        rng = np.random.default_rng([self.seed, call])
        made = []
        for shape, layout, dtype in zip(self.shapes, self.layouts, self.dtypes, strict=True):
            if self.odd_batches and call in (4, 6) and len(shape) == 2 and shape[0]:
                shape = (shape[0] - 1, shape[1])
            made.append(layout(cr.tensor(rng.normal(size=(*shape, 3)) * 2).to(dtype)))
        if self.passes_twice:
            made.append(made[0])
        if self.passes_window:
            made.append(made[0][..., :2].T)
        if self.needs_grad and made[0].dtype in FLOATS:
            made[0].requires_grad_()
        return made

    def body(self, *args, factor=0.5):
        grad = self.mode in ("inside", "outside")
        with cr.inference_mode(self.mode == "inference"), cr.set_grad_enabled(grad):
            return self.run(args, factor)

    def run(self, args, factor):
        program = RandomProgram(self.seed, [*self.params, *self.buffers, *args])
        program.put([t * factor for t in (*self.params, args[0])])  # all of them are guarded
        for _ in range(self.steps):
            try:
                program.step()
            except cr.CaptureError:
                raise
            except (RuntimeError, ValueError, TypeError, IndexError):
                pass  # an operation that does not take these tensors, in every call
        results = program.rng.sample(program.pool, min(4, len(program.pool)))
        total = program.total()
        if total is not None and self.mode == "outside":
            results[0] = total
        if total is not None and self.mode == "inside":
            if self.zero is not None:
                for p in self.params:
                    if self.zero:
                        p.grad = None
                    elif p.grad is not None:
                        p.grad.zero_()
            total.backward()
            results.append(total)
            results += [p.grad for p in self.params if p.grad is not None][
                : program.rng.randint(0, 1)
            ]
            if self.optimizer:
                self.optimizer.step()
        if self.structure is None:
            return results[0]
        return dict(enumerate(results)) if self.structure is dict else self.structure(results)

    # ---- Between calls.
    def keep(self, rng, results):
        """Holds on to results and gradients, as themselves or as views of them."""
        for t in [*results, *(p.grad for p in self.params if p.grad is not None)]:
            ways = (
                lambda t=t: t,
                lambda t=t: t.detach().numpy(),
                lambda t=t: t.detach()[..., :1] if t.ndim else t.detach(),
                lambda t=t: cr.from_dlpack(t.detach()),
                lambda: None,
                lambda: None,
            )
            self.held.append(rng.choice(ways)())

    def happen(self, rng, results):
        """One of the things that users do between calls."""
        p = rng.choice(self.params)
        change = rng.choice(
            [
                "none",
                "none",
                "lr",
                "freeze",
                "scale",
                "replace",
                "clear",
                "zero",
                "ones",
                "write",
                "backward",
                "load",
                "data",
            ]
        )
        with cr.no_grad():
            if change == "lr" and self.optimizer:
                self.optimizer.param_groups[0]["lr"] = rng.random()
            elif change == "freeze":
                p.requires_grad_(not p.requires_grad)
            elif change == "scale":
                p.mul_(0.5)
            elif change == "replace":
                p.data = p.data.clone() + 1
            elif change == "clear":
                p.grad = None
            elif change == "zero" and p.grad is not None:
                p.grad.zero_()
            elif change == "ones" and p.requires_grad:
                p.grad = cr.ones_like(p)
            elif change == "load" and self.optimizer:
                self.optimizer.load_state_dict(self.optimizer.state_dict())
            elif change == "data":
                p.data = p.data.T.contiguous().T.clone()
            elif change == "write":
                plain = [t for t in results if not t.requires_grad and t.dtype in FLOATS]
                for t in plain[:1]:
                    t.mul_(0.75)
        if change == "backward" or self.mode == "outside":
            for t in results[:2]:
                if t.requires_grad and t.numel() and not t.is_leaf:
                    t.sum().backward()

    def turn(self, call):
        """What one call leaves: everything, in words and bytes."""
        rng = random.Random(self.seed * 1000 + call)
        args = self.arguments(call)
        cr.manual_seed(self.seed + call)
        cr.set_num_threads((1, 2, 4)[call % 3] if self.compiled else 1)
        found = []
        try:
            made = self.call(*args, factor=0.5)
            results = list(made.values()) if isinstance(made, dict) else made
            results = [results] if isinstance(results, cr.Tensor) else list(results)
            known = [*results, *args, *self.params, *self.buffers]
            known += [t.grad for t in self.params + args if t.is_leaf and t.grad is not None]
            found += [type(made), who_is_who(known), *map(described, known)]
            self.keep(rng, results)
            if self.events:
                self.happen(rng, results)
        except cr.CaptureError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            self.failures += 1
            # Of several reasons another may be the first in a replay.
            found.append((type(error).__name__, str(error).split("]")[0]))
        known = [*args, *self.params, *self.buffers]
        known += [t.grad for t in self.params + args if t.is_leaf and t.grad is not None]
        if self.optimizer:
            known += [v for s in self.optimizer.state.values() for v in s.values()]
        return [*found, cr.rand(1).item(), *map(described, known)]

    def kept(self):
        return list(map(described, self.held))


@pytest.fixture
def usual_threads():
    usual = cr.get_num_threads()
    yield
    cr.set_num_threads(usual)


def check(seed):
    eager, compiled = Twin(seed, False), Twin(seed, True)
    for call in range(CALLS):
        assert compiled.turn(call) == eager.turn(call), f"call {call} of seed {seed}"
    assert compiled.kept() == eager.kept(), f"what was kept of the calls of seed {seed}"
    replays = compiled.call.stats["replays"]
    assert replays or eager.failures or eager.events, "nothing was replayed"
    return replays


@pytest.mark.filterwarnings("ignore:.* 16 calls in a row")
@pytest.mark.parametrize("seed", range(400))
def test_a_random_program_has_the_bits_of_an_eager_one(seed, usual_threads):
    check(seed)
