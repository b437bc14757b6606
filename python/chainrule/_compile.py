"""compile(fn): records a call as a program and replays it without running Python again.

The first calls of a signature run eagerly with the recorder on. A plan is adopted when two
successive recordings are equal, op by op; from then on the call replays it: compute, then commit,
with the same bits as eager. Anything a recording cannot hold (reading a value, new data from
Python, a changed constant) is a CaptureError that names the line, or with `fallback` ends the
recording: the call goes on eagerly from there.
"""

from __future__ import annotations

from collections.abc import Callable

from ._checks import object_hint, require_bool, type_name
from ._compiled_function import CompiledFunction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, overload

    from ._compiled_function import _P, _R


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
    `backward()` inside through history from outside, an optimizer's step on a parameter that is a
    window of larger memory, changing param_groups, modules or settings.
    Four recordings in a row, each different from the one before, are a CaptureError too. Results
    are tensors and constants, alone or in tuples, lists, dicts and dataclasses; another object is a
    CaptureError. A call that raises it while it is recorded has run as far as that, eagerly: the
    updates that it made before stand.

    With `fallback=True` such a call is no error: the recorder is dropped where it meets what a
    program cannot hold, the call goes on eagerly to its end (the function runs once, no step is
    left half done), one warning says what and where, and later calls of the signature are eager.
    Arrays of NumPy come as tensors in every call, recorded or replayed: copies, so that writes to
    them leave the array as it was, and with the methods of tensors (`std()` divides by n - 1). In a
    dataclass or another object they stay arrays.

    With the environment variable CHAINRULE_AUDIT=n every n-th replay is an eager call that is
    recorded, and the two programs are compared: a difference, so a replay that would not have done
    what the function does by now, is a CaptureError with the line and both values, which comes when
    that eager call has done its work: a step that is audited has been taken. It finds what depends
    on Python state that nothing announces, such as a number in a global; not what the function
    itself changes there, which happens in the calls that are recorded alone. A run of fewer than
    some n replays is audited with a smaller n.

    Arguments count by what they hold: tensors, arrays, numbers and strings, alone or in tuples,
    lists and dicts (and in dataclasses, arrays apart). Any other object counts as itself and by its
    attributes, numbers by value and the rest by identity, so that the next call after a change is
    recorded; what lies deeper, in its class or in other containers is what it was when that was
    done. Modules count as themselves, for
    they announce their changes, and optimizers: a learning rate that the function itself reads from
    param_groups is what it was.

    Numbers, strings and objects that the function reads from globals, its closure or its own object
    of a plain class are what they were when it was recorded: pass what changes as an argument, a
    number that changes with every call as a 0-d tensor, `chainrule.tensor(0.1)` or
    `chainrule.full((), 0.1)`, and run once with CHAINRULE_AUDIT=100 to be told what was missed.

    Assigning an attribute of a module, any module, ends all plans, for a program may hold what it
    was: the next calls are recorded. So do a new module or optimizer and `load_state_dict`. For
    `train()` and `eval()` there are plans of both modes, which wait for each other. A list or dict
    that a module holds is not watched: assign another one.

    The compiled function tells what it does: `program` prints the instructions, `profile(...)`
    times them, `plans` and `stats` count.

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
    require_bool("compile", "fallback", fallback)
    if function is None:
        return lambda function: compile(function, fallback=fallback)
    is_module = isinstance(function, type) and hasattr(function, "parameters")
    if is_module or not callable(function):
        hint = object_hint(function, "...")
        raise TypeError(
            f"[compile] expected a function or a module; got {type_name(function)}.{hint}"
        )
    if _returns_later(function):
        raise TypeError(
            "[compile] expected a function that returns its results; got a generator or coroutine "
            f"function, {function!r}. Return a list instead."
        )
    return CompiledFunction(function, fallback)
