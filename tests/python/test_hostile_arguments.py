"""Nothing that Python can pass ends the process."""

import gc
import itertools
import math
import random

import numpy as np
import pytest

import chainrule as cr


class Hostile:
    """Answers every conversion in the worst way."""

    def __init__(self, kind):
        self.kind = kind

    def _answer(self):
        if self.kind == "raise":
            raise KeyboardInterrupt
        return {"str": "x", "none": None, "huge": 2**100, "nan": math.nan, "tensor": cr.ones(2)}[
            self.kind
        ]

    __index__ = __float__ = __int__ = __len__ = __bool__ = __iter__ = lambda self: self._answer()
    __array__ = __dlpack__ = __dlpack_device__ = lambda self, *a, **k: self._answer()

    def __getitem__(self, i):
        return self._answer()

    def __repr__(self):
        return f"Hostile({self.kind})"


def values():
    loop = []
    loop.append(loop)
    return [
        None, True, False, 0, 1, -1, 3, 2**31, -(2**63), 2**63 - 1, 2**64, 2**200, 0.0, -0.5, math.nan,
        math.inf, 1e308, "", "mean", "cpu", b"x", [], [0], [1, 2], [-1, -1], [2**62, 2**62], [None], loop,
        (), (0, 1), {}, {1}, object(), type, len, ..., slice(None), 1j, np.ones(2), np.int8(3),
        np.float16(1), np.array("a"), np.ones((1,) * 12), memoryview(b"ab"),
        cr.ones(2), cr.ones(2, 3), cr.ones(()), cr.zeros(0, 2), cr.tensor([1, 0]), cr.tensor([True, False]),
        cr.ones(2, dtype=cr.float64), cr.ones(2, requires_grad=True), cr.ones(3).expand(2, 3),
        cr.ones(2, 3).T, cr.float32, cr.int64, cr.device("cpu"), cr.Generator(), cr.Size([2]),
        cr.nn.Parameter(cr.ones(2)), [cr.ones(2)], [cr.ones(2), cr.ones(3)], (cr.ones(2), None),
        *map(Hostile, ("raise", "str", "none", "huge", "nan", "tensor")),
    ]  # fmt: skip


HARMLESS = (Exception, KeyboardInterrupt)


def functions():
    core = cr._core
    # These change the process, or wait.
    skipped = {
        "set_num_threads",
        "set_default_dtype",
        "_select_isa",
        "_set_autocast",
        "set_grad_enabled",
        "_empty_cache",
        "_Recording",  # leaves the process recording, where new data is an error
    }
    for space in (core, core._functional, core._linalg, core._ops):
        for name, f in vars(space).items():
            if callable(f) and name not in skipped and not name.startswith("__"):
                yield name, f
    for name in dir(cr.Tensor):
        f = getattr(cr.Tensor, name)
        if callable(f) and name not in {"__class__", "__init_subclass__", "__subclasshook__"}:
            yield f"Tensor.{name}", f


@pytest.mark.parametrize("seed", range(8))
def test_no_arguments_end_the_process(seed):
    """Every function with random arguments: any answer or exception is right, a crash is not."""
    rng = random.Random(seed)
    keywords = [
        "dim",
        "dtype",
        "keepdim",
        "out",
        "size",
        "generator",
        "requires_grad",
        "alpha",
        "axis",
    ]
    mode = cr.is_grad_enabled()
    for name, f in functions():
        for _ in range(12):
            pool = values()
            arguments = [rng.choice(pool) for _ in range(rng.randrange(5))]
            if name.startswith("Tensor.") and rng.random() < 0.9:
                arguments.insert(0, rng.choice([v for v in pool if isinstance(v, cr.Tensor)]))
            extra = {rng.choice(keywords): rng.choice(pool) for _ in range(rng.randrange(2))}
            try:
                result = f(*arguments, **extra)
                if rng.random() < 0.3:
                    repr(result)
            except HARMLESS:
                pass
    cr.set_grad_enabled(mode)
    assert (cr.ones(2, requires_grad=True) * 2).requires_grad == mode


def test_attributes_take_no_nonsense():
    rng = random.Random(0)
    for name, value in itertools.product(
        (
            "data",
            "grad",
            "requires_grad",
            "shape",
            "dtype",
            "__dict__",
            "T",
            "grad_fn",
            "__class__",
        ),
        values(),
    ):
        t = rng.choice(
            [cr.ones(2), cr.ones(2, requires_grad=True), cr.ones(2, requires_grad=True) * 2]
        )
        try:
            setattr(t, name, value)
        except HARMLESS:
            pass
        repr(t)
    for name in ("data", "requires_grad", "shape"):
        with pytest.raises((TypeError, AttributeError)):
            delattr(cr.ones(2), name)


HALF = "x\udcff"  # half a surrogate pair, as in file names that are no UTF-8; no encoding has it


@pytest.mark.parametrize(
    "call",
    [
        lambda: cr.tensor([1], **{HALF: 1}),
        lambda: cr.manual_seed(**{HALF: 1}),
        lambda: cr.ones(2).requires_grad_(**{HALF: 1}),
        lambda: cr.ones(2).size(**{HALF: 1}),
        lambda: cr.no_grad(**{HALF: 1}),
        lambda: cr.nn.Parameter(**{HALF: 1}),
        lambda: cr.sum(cr.ones(2), **{HALF: 1}),
        lambda: cr.device(HALF),
        lambda: cr.zeros(2, dtype=HALF),
    ],
)
def test_text_that_no_encoding_has(call):
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        call()


def in_a_file_whose_name_is_no_text(function):
    function.__code__ = function.__code__.replace(co_filename="a\udcff.py", co_firstlineno=1)
    return cr.compile(function)


def test_a_program_in_a_file_whose_name_is_no_text():
    twice = in_a_file_whose_name_is_no_text(lambda x: x.sum() * 2)
    assert [twice(cr.ones(3)).item() for _ in range(4)] == [6.0] * 4
    reads = in_a_file_whose_name_is_no_text(lambda x: x * x.item())
    with pytest.raises(cr.CaptureError, match=r"a\\udcff.py:1"):
        reads(cr.ones(()))


@pytest.mark.parametrize("read", [lambda x: x.shape, lambda x: x.stride(), lambda x: x.tolist()])
def test_a_finalizer_changes_the_tensor_that_is_read(read):
    """Up to Python 3.11 the collector runs while objects are made."""
    big = cr.zeros((2,) * 8)

    class Cycle:
        def __init__(self, x):
            self.x, self.itself = x, self

        def __del__(self):
            self.x.data = big

    threshold = gc.get_threshold()
    try:
        for _ in range(50):
            gc.disable()
            x = cr.zeros(3, 2)
            Cycle(x)
            gc.set_threshold(1)
            gc.enable()
            assert len(read(x)) in (2, 3, 8)
    finally:
        gc.set_threshold(*threshold)
        gc.enable()
        gc.collect()  # not within a test that follows
