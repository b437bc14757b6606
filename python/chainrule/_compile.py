"""compile(fn): records a call as a program and replays it without running Python again.

The first calls of a signature run eagerly with the recorder on. A plan is adopted when two
successive recordings are equal, op by op; from then on the call replays it: compute, then commit,
with the same bits as eager. Anything a recording cannot hold (reading a value, new data from
Python, a changed constant) is a CaptureError that names the line, or with `fallback` ends the
recording: the call goes on eagerly from there.
"""

from __future__ import annotations

from collections.abc import Callable

from . import _core
from ._methods import Methods
from ._nested import copied_in, form, held, no_end
from ._plans import Plans, Recorded, last_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

    _P = ParamSpec("_P")
    _Q = ParamSpec("_Q")
    _R = TypeVar("_R")
    _S = TypeVar("_S")
else:  # what follows names them; typing would be a third of what importing this package takes
    _P = _Q = _R = _S = None

    class Generic:
        def __class_getitem__(cls, parameters):
            return cls


_MAX_TRIES = 4
_MADE_STATE = (
    "optimizer state that every call puts in the place of the one before, which no replay would do; "
    "keep it in a tensor and write into that"
)
_WARN_AT = 16  # signatures of which none has come back, or changes with no replay between them
_MANY_SIGNATURES = (
    f"[compile] {_WARN_AT} calls had {_WARN_AT} signatures and none was replayed. A Python number "
    "that changes with every call makes a new signature: pass it as a 0-d tensor."
)
_UNLIKE = "[compile] expected two successive calls to do the same; got {}."
_AUDITED = (
    "[compile] expected a call to do what is replayed in its place; got, in a call that "
    "CHAINRULE_AUDIT recorded again, {}."
)
_EAGER = "{} This call and later ones of its signature run eagerly, as fallback=True asks."
_MANY_CHANGES = (
    f"[compile] {_WARN_AT} calls in a row were recorded, each after a change that ends all plans; "
    "the last was {}. Keep what changes with every call outside of modules: a program may hold any "
    "attribute of any of them."
)


class CompiledFunction(Generic[_P, _R]):
    """A function whose calls are recorded, then replayed. Made by `chainrule.compile`.

    What it has not itself it reads from the function: `compile(net).parameters()` are the net's.
    """

    def __init__(self, function: Callable[_P, _R], fallback: bool = False):
        import functools

        from . import _results  # noqa: F401 - not while threads call and a process may fork

        functools.update_wrapper(self, function, updated=())
        self._function: Callable[..., Any] = function
        self._fallback = fallback
        self._plans = Plans()
        self._latest = None
        self._fast = _core._FastCall()  # the latest replay, once more without Python
        self._warned = set()

    def __getattr__(self, name: str) -> Any:
        if name == "_function" or name.startswith(
            "__"
        ):  # copying and pickling ask before it is there
            raise AttributeError(name)
        return getattr(self._function, name)

    def __repr__(self):
        name = getattr(self._function, "__qualname__", type(self._function).__name__)
        counts = {"plan": self.plans, "replay": self.stats["replays"]}
        words = [f"{count} {word}{'s' * (count != 1)}" for word, count in counts.items()]
        return f"<compiled {name}: {', '.join(words)}>"

    def __reduce__(self):
        # Plans stay behind: they hold live tensors.
        return (CompiledFunction, (self._function, self._fallback))

    if TYPE_CHECKING:

        @overload
        def __get__(
            self, instance: None, owner: type | None = None
        ) -> CompiledFunction[_P, _R]: ...
        @overload
        def __get__(
            self: CompiledFunction[Concatenate[_S, _Q], _R], instance: _S, owner: type | None = None
        ) -> CompiledFunction[_Q, _R]: ...

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        methods = Methods.of(instance)
        bound = methods.get(self)
        if bound is None:
            function = self._function.__get__(instance, owner)
            bound = methods[self] = CompiledFunction(function, self._fallback)
        return bound

    @property
    def program(self) -> _core.Program | None:
        """The program of the latest call that had one; print it to read it. None before."""
        return self._latest.adopted if self._latest else None

    @property
    def plans(self) -> int:
        """How many signatures have an adopted program."""
        return sum(plan.adopted is not None for plan in self._plans.all())

    @property
    def stats(self) -> dict[str, int]:
        """Replays and recordings so far: {"replays": int, "recordings": int}."""
        plans = self._plans.all()
        return {
            "replays": sum(p.replays for p in plans),
            "recordings": sum(p.recordings for p in plans),
        }

    def profile(self, *args: _P.args, **kwargs: _P.kwargs) -> list[tuple[str, int]]:
        """Runs the call once for real and returns [(operation, nanoseconds), ...]."""
        args, kwargs, tensors, _, key = self._read(args, kwargs)
        plan = self._plans.get(key)
        recorded = plan.like(tensors) if plan is not None else None
        if recorded is not None and recorded.ready():
            times = recorded.program._profile(tensors)
            if times is not None:
                return list(zip(recorded.program._steps(), times, strict=True))
        raise _core.StateError(
            "[profile] expected arguments of a call that has a plan; got others. Call the "
            "function three times with them first."
        )

    def _record_again(self):
        """Has the next call of every signature recorded, and compared with the plan it has."""
        for plan in self._plans.all():
            plan.record_again()
        self._fast.forget()

    def _read(self, args, kwargs) -> tuple[Any, Any, list, list, tuple]:
        """The arguments with arrays copied in, their tensors and other objects, the signature."""
        tensors, objects = [], []
        try:
            args, kwargs = copied_in(args), copied_in(kwargs)
            key = self._key(args, kwargs, tensors, objects)
        except RecursionError:
            raise no_end("arguments") from None
        return args, kwargs, tensors, objects, key

    def _key(self, args, kwargs, tensors, objects):
        forms = (form(args, tensors, objects), form(kwargs, tensors, objects))
        described = tuple((t.dtype, tuple(t.shape), t.stride(), t.requires_grad) for t in tensors)
        places = {}
        # Which arguments are the same tensor is part of the signature.
        identity = tuple(places.setdefault(id(t), i) for i, t in enumerate(tensors))
        mode = _core.is_grad_enabled() or (  # inference_mode turns it off as no_grad does
            "inference" if _core.is_inference_mode_enabled() else "no_grad"
        )
        autocast = _core._is_autocast_enabled()
        return (forms, described, identity, mode, autocast, _core.get_default_dtype())

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        result = self._fast.call(args, kwargs)
        if result is not NotImplemented:
            return result
        if _core._recording() is not None:
            return self._function(*args, **kwargs)  # inside another compiled function
        given = args, kwargs
        args, kwargs, tensors, objects, key = self._read(args, kwargs)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans.add(key, objects)
            if len(self._plans) == _WARN_AT and not self.plans:
                self._warn(_MANY_SIGNATURES)
        elif plan is not self._latest:
            self._plans.used(key)
        self._latest = plan
        recorded, results = plan.replay(tensors)
        if recorded is not None:
            self._remember(plan, recorded, *given)
            return recorded.rebuild(iter(results))
        self._fast.forget()
        if plan.refusal:
            self._warn(_EAGER, plan.refusal)
            return self._function(*args, **kwargs)
        if plan.count_change() == _WARN_AT:
            self._warn(_MANY_CHANGES, last_change())
        result = self._record(plan, tensors, args, kwargs, audited=results)
        if plan.refusal:
            self._warn(_EAGER, plan.refusal)
        return result

    def _remember(self, plan, recorded, args, kwargs):
        if plan.audited:
            return self._fast.forget()
        self._fast.remember(
            recorded.program,
            args,
            kwargs,
            recorded.ready,
            recorded.watched(),
            recorded.rebuild,
            recorded.generation,
        )

    def _warn(self, message, *of):
        if message not in self._warned:
            import warnings

            self._warned.add(message)
            warnings.warn(message.format(*of), stacklevel=3)

    def _record(self, plan, tensors, args, kwargs, audited):
        """Calls the function, once, with the recorder on: a recording for the plan, or one to
        compare with `audited`, which would have been replayed.

        With `fallback` a call that cannot be captured runs to its end all the same, eagerly from
        there on, and the plan knows why.
        """
        gives_up = self._fallback and audited is None
        like = audited or plan.like(tensors)
        before = like or plan.recorded
        comparable = before and before.comparable(tensors)
        recording = _core._Recording(tensors, gives_up)
        try:
            arguments = held(args, kwargs)
            result = self._function(*args, **kwargs)
            if recording.refusal:
                return result
            try:
                recorded = _finish(recording, arguments, held(args, kwargs), result)
            except _core.CaptureError as error:
                if not gives_up:
                    raise
                plan.refuse(str(error))
                return result
        finally:
            recording.abort()
            if recording.refusal:
                plan.refuse(recording.refusal)
                if recording.made_state:  # which is announced where nobody records
                    _core._invalidate_plans()
        plan.recordings += 1
        difference = _difference(before, recorded, recording.made_state)
        if audited and difference == "":
            return result  # and what has been replayed so far will be
        # Else something announced a change, or arguments share other memory (a new plan starts).
        unlike = comparable and difference and (audited or not before.adopted)
        if audited and not audited.program._places_equal(recorded.program):
            unlike = False  # arguments that are only read may share what they like in a replay
        tries = before.tries + 1 if unlike else 1
        adopted = difference == "" and not recording.made_state
        plan.put(recorded._replace(adopted=adopted, tries=tries % _MAX_TRIES), like)
        if audited and unlike:
            raise _core.CaptureError(_AUDITED.format(difference))
        if tries >= _MAX_TRIES:
            problem = _UNLIKE.format(difference)
            if not gives_up:
                raise _core.CaptureError(problem)
            plan.refuse(problem)
        return result


def _difference(before, recorded, made_state):
    """What a recording does otherwise than the one before; "" for nothing, None without one."""
    from ._results import changed

    if before is None:
        return None
    difference = before.program._difference(recorded.program)
    return difference or changed(before.seen, recorded.seen) or (_MADE_STATE if made_state else "")


def _finish(recording, before, after, result):
    """What a recording has made of a call; CaptureError if the call has changed a list or a dict
    among its arguments."""
    from ._results import leaves  # needs modules that chainrule's import does not

    for old, new in zip(before, after, strict=True):
        if old != new:
            raise _core.CaptureError(
                "[compile] expected a function that leaves lists and dicts among its arguments "
                f"as they are; got one that changes argument {old[0]!r}. Return what is new."
            )
    outputs, seen = [], []
    try:
        rebuild = leaves(result, outputs, seen)
    except RecursionError:
        raise no_end("a result") from None
    if type(result) in (tuple, list) and len(outputs) == len(result) == len(seen) - 1:
        rebuild = type(result)  # of tensors alone
    program = recording.finish(outputs)
    program._verify()
    return Recorded(
        program=program,
        adopted=False,
        rebuild=rebuild,
        seen=tuple(seen),
        refreshers=tuple(recording.refreshers),
        generation=_core._plans_generation(),
        tries=1,
    )


def _returns_later(function):
    """Whether a call makes something to be run afterwards: a generator or a coroutine."""
    import inspect

    kinds = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    return any(kind(f) for kind in kinds for f in (function, type(function).__call__))


if TYPE_CHECKING:

    @overload
    def compile(
        function: Callable[_P, _R], *, fallback: bool = False
    ) -> CompiledFunction[_P, _R]: ...
    @overload
    def compile(
        function: None = None, *, fallback: bool = False
    ) -> Callable[[Callable[_P, _R]], CompiledFunction[_P, _R]]: ...


def compile(
    function: Callable[..., Any] | None = None, *, fallback: bool = False, **settings: Any
) -> Any:
    """Records `function` and replays it as one native program; also a decorator.

    Works for whole training steps (forward, backward, `zero_grad`, `optimizer.step()`), for modules
    under `no_grad` and for results that still need a gradient. The first calls of a signature
    (structure of the arguments, shapes, dtypes, values of Python numbers) run eagerly; a plan is
    adopted when two successive recordings are equal, and kept while the signature is among the 64
    used last. Replays give the same bits as eager calls, and a replay that fails has changed
    nothing. No result of a replay leads to another: hooks and `retain_grad()` of one see nothing of
    the backward of another, as in `torch.compile`. A result that still
    needs a gradient goes backward once, or again after
    `retain_graph=True`, like an eager one; its gradients have no history, so `create_graph=True` is
    refused.

    Python code other than tensor operations runs only while recording: a list from outside to which
    the function appends its losses stops growing, so return the loss and append it outside. What a
    program cannot hold raises CaptureError and names the line: reading a value (`item`, `float`,
    `print`, NumPy), shapes that depend on data, tensors made from Python data, hooks of tensors,
    `autograd.Function`, writing with gradients into an argument or another tensor from outside,
    `backward()` inside through history from outside, changing param_groups, modules or settings.
    Four recordings in a row, each different from the one before, are a CaptureError too. Results
    are tensors and constants, alone or in tuples, lists, dicts and dataclasses; another object is a
    CaptureError.

    With `fallback=True` such a call is no error: the recorder is dropped where it meets what a
    program cannot hold, the call goes on eagerly to its end (the function runs once, no step is
    left half done), one warning says what and where, and later calls of the signature are eager.

    With the environment variable CHAINRULE_AUDIT=n every n-th replay is an eager call that is
    recorded, and the two programs are compared: a difference, so a replay that would not have done
    what the function does by now, is a CaptureError with the line and both values. It finds what
    depends on Python state that nothing announces, such as a number in a global.

    Assigning an attribute of a module, any module, ends all plans, for a program may hold what it
    was: the next call is recorded.

    A tensor that the function gets as an argument (or that is the `.grad` of a leaf) and also uses
    by itself is taken for the argument: pass it in every call or in none. A replay writes a window
    of a larger tensor back with the elements between its own, which no other thread may write
    meanwhile.

    Example:
        >>> net, loss_fn = chainrule.nn.Linear(4, 1), chainrule.nn.MSELoss()
        >>> optimizer = chainrule.optim.SGD(net.parameters(), lr=0.1)
        >>> @chainrule.compile
        ... def step(x, y):
        ...     optimizer.zero_grad()
        ...     loss = loss_fn(net(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> x, y = chainrule.randn(8, 4), chainrule.randn(8, 1)
        >>> losses = [step(x, y).item() for _ in range(10)]
        >>> losses[-1] < losses[0], step.stats["replays"] > 0
        (True, True)
    """
    if settings:
        raise TypeError(
            f"[compile] expected a function or a module alone; got {', '.join(settings)}. Leave "
            "that out: a call is always recorded whole, with one plan for each shape."
        )
    if not isinstance(fallback, bool):
        raise TypeError(f"[compile] expected fallback to be a bool; got {type(fallback).__name__}.")
    if function is None:
        return lambda function: compile(function, fallback=fallback)
    if not callable(function):
        raise TypeError(
            f"[compile] expected a function or a module; got {type(function).__name__}."
        )
    if _returns_later(function):
        raise TypeError(
            "[compile] expected a function that returns its results; got a generator or coroutine "
            f"function, {function!r}. Return a list instead."
        )
    return CompiledFunction(function, fallback)
