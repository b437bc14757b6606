"""no_grad and its relatives as decorators; the native types call this."""

import functools

_GENERATOR = 0x20  # of code.co_flags; inspect would cost milliseconds at import


def decorate(mode, function):
    """`function` with every call under `mode`; a generator function with every step."""
    if isinstance(function, type):
        raise TypeError(
            f"[{type(mode).__name__}] expected a function; got class {function.__name__}."
        )
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    wrap = _decorate_generator if code and code.co_flags & _GENERATOR else _decorate_function
    return functools.update_wrapper(wrap(mode, function), function)


def _decorate_function(mode, function):
    def wrapped(*args, **kwargs):
        with mode._fresh():
            return function(*args, **kwargs)

    return wrapped


def _decorate_generator(mode, function):
    """Between two steps the caller's own mode holds."""

    def wrapped(*args, **kwargs):
        own = mode._fresh()
        with own:
            generator = function(*args, **kwargs)
        step, value = generator.send, None
        while True:
            try:
                with own:
                    item = step(value)
            except StopIteration as end:
                return end.value
            try:
                step, value = generator.send, (yield item)
            except GeneratorExit:
                with own:
                    generator.close()
                raise
            except BaseException as error:  # noqa: BLE001  # whatever the caller throws in
                step, value = generator.throw, error

    return wrapped
