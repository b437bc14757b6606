"""A compiled function: finds the plan of a call and replays it, or has the call recorded.

A call like the one before needs no Python but its own (`_core._FastCall`); another one is looked up
by its signature; what no plan serves is recorded.
"""

from __future__ import annotations

from collections.abc import Callable

from . import _core
from ._methods import Methods
from ._nested import Found, copied_in, form, no_end
from ._plans import Plans, last_change
from ._recording import record
from ._signatures import unlike
from ._warn import warn

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


_WARN_AT = 16  # signatures of which none has come back, or changes with no replay between them
_MANY_SIGNATURES = (
    f"[compile] {_WARN_AT} calls had {_WARN_AT} signatures and none was replayed; the last differs "
    "from the one before in {}"
)
_MANY_DROPPED = (
    f"[compile] {_core._MAX_PLANS} signatures made room for newer ones before any of their calls was "
    "replayed; the last differs from the one before in {}"
)
EAGER = "{} This call and later ones of its signature run eagerly, as fallback=True asks."
_MANY_CHANGES = (
    f"[compile] {_WARN_AT} calls in a row were recorded, each after a change that ends all plans; "
    "the last was {}. Keep what changes with every call outside of modules: a program may hold any "
    "attribute of any of them."
)


def _without_plan(plan):
    """Why a call of that signature, or of one that is not known, would not be replayed; and what to
    do about it."""
    if plan is None:
        return "others. Call the function three times with them first"
    if plan.refusal:
        return "those of calls that run eagerly, as fallback=True asks"
    if plan.adopted is None:
        return "those of a call not yet recorded twice alike. Call the function again first"
    if plan.recorded.outdated():
        return (
            f"those of a plan that a change has ended; the last was {last_change(plan.recorded)}. "
            "Call the function again first"
        )
    return "those of a call that finds other gradients or memory. Call the function again first"


class CompiledFunction(Generic[_P, _R]):
    """A function whose calls are recorded, then replayed. Made by `chainrule.compile`.

    What it has not itself it reads from the function: `compile(net).parameters()` are the net's, and
    `compile(net).eval()` is the compiled net again. Attributes that are assigned to a compiled
    module are the module's.
    """

    _announces = True  # as an argument it is what it calls

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
        value = getattr(self._function, name)
        of_module = getattr(value, "__self__", None) is self._function and self._is_module()
        return self._returning_itself(value) if of_module else value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or not self._is_module():
            object.__setattr__(self, name, value)
        else:
            setattr(self._function, name, value)

    def _is_module(self):
        return hasattr(type(self.__dict__.get("_function")), "named_parameters")

    def _returning_itself(self, method):
        """`net.eval()` and its like return the module: of a compiled one, the compiled one."""
        import functools

        @functools.wraps(method)
        def call(*args, **kwargs):
            result = method(*args, **kwargs)
            return self if result is self._function else result

        return call

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

    def profile(self, /, *args: _P.args, **kwargs: _P.kwargs) -> list[tuple[str, int]]:
        """Runs the call once for real, by its plan, and returns [(operation, nanoseconds), ...].

        StateError where there is none yet. `stats` does not count the run.
        """
        args, kwargs, found, key = self._read(args, kwargs)
        tensors = found.tensors
        plan = self._plans.get(key)
        recorded = plan.like(tensors) if plan is not None else None
        if recorded is not None and recorded.ready():
            times = recorded.program._profile(tensors)
            if times is not None:
                return list(zip(recorded.program._steps(), times, strict=True))
        raise _core.StateError(
            f"[profile] expected arguments of a call that has a plan; got {_without_plan(plan)}."
        )

    def _record_again(self):
        """Has the next call of every signature recorded, and compared with the plan it has."""
        for plan in self._plans.all():
            plan.record_again()
        self._fast.forget()

    def _read(self, args, kwargs) -> tuple[Any, Any, Found, tuple]:
        """The arguments with arrays copied in, what is in them, the signature."""
        found = Found()
        try:
            args, kwargs = copied_in(args), copied_in(kwargs)
            key = self._key(form(args, found), form(kwargs, found), found.tensors)
        except RecursionError:
            raise no_end("arguments") from None
        return args, kwargs, found, key

    def _key(self, positional, named, tensors):
        described = tuple(
            (t.dtype, tuple(t.shape), t.stride(), _core._standing(t)) for t in tensors
        )
        places = {}
        # Which arguments are the same tensor is part of the signature.
        identity = tuple(places.setdefault(id(t), i) for i, t in enumerate(tensors))
        mode = _core.is_grad_enabled() or (  # inference_mode turns it off as no_grad does
            "inference" if _core.is_inference_mode_enabled() else "no_grad"
        )
        autocast = _core._is_autocast_enabled()
        return (positional, named, described, identity, mode, autocast, _core.get_default_dtype())

    def __call__(self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        result = self._fast.call(args, kwargs)
        if result is not NotImplemented:
            return result
        if _core._recording() is not None:
            return self._function(*args, **kwargs)  # inside another compiled function
        given = args, kwargs
        args, kwargs, found, key = self._read(args, kwargs)
        tensors = found.tensors
        plan = self._plans.get(key)
        if plan is None:
            plan = self._add_plan(key, found.objects)
        elif plan is not self._latest:
            self._plans.used(key)
        self._latest = plan
        recorded, results = plan.replay(tensors)
        if recorded is not None:
            self._remember(plan, recorded, *given, found.watched)
            return recorded.rebuild(iter(results))
        self._fast.forget()
        if plan.refusal:
            self._warn(EAGER, plan.refusal)
            return self._function(*args, **kwargs)
        if plan.count_change() == _WARN_AT:
            self._warn(_MANY_CHANGES, last_change(plan.recorded))
        result = self._record(plan, tensors, args, kwargs, audited=results)
        if plan.refusal:
            self._warn(EAGER, plan.refusal)
        return result

    def _add_plan(self, key, objects):
        before = self._plans.latest_key()
        plan = self._plans.add(key, objects)
        if len(self._plans) == _WARN_AT and not self.plans:
            self._warn(_MANY_SIGNATURES, unlike(before, key))
        elif self._plans.wasted == _core._MAX_PLANS and _MANY_SIGNATURES not in self._warned:
            self._warn(_MANY_DROPPED, unlike(before, key))
        return plan

    def _remember(self, plan, recorded, args, kwargs, attributes):
        if plan.audited or attributes is None:
            return self._fast.forget()
        # What is watched first, then brought up to date: a change in between is noticed.
        self._fast.remember(
            recorded.program,
            args,
            kwargs,
            recorded.ready,
            recorded.watched(),
            recorded.rebuild,
            recorded.generation,
            attributes,
        )
        if not recorded.ready():
            self._fast.forget()

    def _warn(self, message, *of):
        if message not in self._warned:
            self._warned.add(message)
            warn(message.format(*of))

    def _record(self, plan, tensors, args, kwargs, audited):
        return record(self._function, plan, tensors, args, kwargs, self._fallback, audited)
