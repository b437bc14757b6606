"""grad and value_and_grad: gradients of a function by its arguments.

One call makes an alias of each tensor to differentiate by, which is a leaf where the tensor needs
no gradient itself, runs the function on these and asks `autograd.grad` for the rest. Source of the
meaning: torch.func.grad (PyTorch 2.13) and jax.value_and_grad.
"""

from __future__ import annotations

from collections.abc import Callable

from . import _core
from ._checks import require_bool, require_callable, type_name
from ._core import Tensor
from ._pytree import mapped
from .autograd import grad as gradients_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def value_and_grad(
    fn: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that returns what `fn` returns, and its gradient by the arguments at `argnums`.

    `fn` returns a scalar tensor, or with `has_aux` a pair of one and anything else. An argument to
    differentiate by is a floating tensor or a dict, list or tuple of such, nested as one likes; its
    gradient has the same structure. With a tuple of `argnums` there is a tuple of gradients. An
    input that the value does not depend on has zeros. No `.grad` is read or written.

    The result is `(value, gradient)`, with `has_aux` `((value, aux), gradient)`. As in `torch.func`
    it can be differentiated again where an argument, or another tensor that `fn` uses, requires a
    gradient: so `grad(grad(fn))` works. Under `no_grad()` there is no such history, and nothing is
    spent on it.

    The parameters of a module become an argument by `chainrule.func.functional_call`. Parameters
    that `fn` reads from the module itself are no arguments.

    Example:
        >>> def loss(params, x, y):
        ...     return ((x @ params["w"] + params["b"] - y) ** 2).mean()
        >>> params = {"w": chainrule.zeros(2, 1), "b": chainrule.zeros(1)}
        >>> x, y = chainrule.ones(4, 2), chainrule.ones(4, 1)
        >>> value, gradient = chainrule.value_and_grad(loss)(params, x, y)
        >>> value.item(), gradient["b"]
        (1.0, tensor([-2.]))
        >>> step = chainrule.compile(chainrule.value_and_grad(loss))  # a replay has the same bits
        >>> [step(params, x, y)[0].item() for _ in range(4)]
        [1.0, 1.0, 1.0, 1.0]
    """
    return _transform(
        "value_and_grad", fn, argnums, has_aux, lambda value, gradient: (value, gradient)
    )


def grad(
    fn: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the gradient of `fn` by the arguments at `argnums`; with `has_aux`
    `(gradient, aux)`.

    See `value_and_grad` for what `fn` and its arguments may be. `chainrule.autograd.grad` is
    another function: it takes tensors that have been computed already.

    Example:
        >>> chainrule.grad(lambda x: x**3)(chainrule.tensor(2.0))
        tensor(12.)
        >>> chainrule.grad(chainrule.grad(lambda x: x**3))(chainrule.tensor(2.0))
        tensor(12.)
        >>> chainrule.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(
        ...     chainrule.tensor([1.0, 2.0]), chainrule.tensor([3.0, 4.0])
        ... )
        (tensor([3., 4.]), tensor([1., 2.]))
    """

    def without_value(value, gradient):
        return (gradient, value[1]) if has_aux else gradient

    return _transform("grad", fn, argnums, has_aux, without_value)


def _transform(name, fn, argnums, has_aux, result_of):
    import functools

    require_callable(name, fn)
    require_bool(name, "has_aux", has_aux)
    wanted = _checked_argnums(name, argnums)

    @functools.wraps(fn, assigned=("__module__", "__doc__"), updated=())
    def transformed(*args, **kwargs):
        value, gradients = _run(name, fn, wanted, has_aux, args, kwargs)
        return result_of(value, gradients if isinstance(argnums, tuple) else gradients[0])

    transformed.__name__ = f"{name}({getattr(fn, '__name__', type(fn).__name__)})"
    transformed.__qualname__ = transformed.__name__
    return transformed


def _checked_argnums(name, argnums):
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    if not wanted or not all(isinstance(i, int) and not isinstance(i, bool) for i in wanted):
        raise TypeError(
            f"[{name}] expected argnums to be an int or a tuple of ints; got {argnums!r}."
        )
    return wanted


def _places(name, argnums, count):
    """The arguments that are meant, each of which there is and none twice."""
    for i in argnums:
        if not -count <= i < count:
            raise ValueError(
                f"[{name}] expected argnums among {count} positional arguments; got {i}."
            )
    places = [i % count for i in argnums]
    if len({*places}) < len(places):
        raise ValueError(f"[{name}] expected argnums that differ; got {argnums}.")
    return places


def _run(name, fn, argnums, has_aux, args, kwargs):
    """(value, or value and aux; a tuple of gradients)."""
    again = _core.is_grad_enabled()  # whether what is outside may ask for gradients of gradients
    inputs = []

    def enter(tensor, path):
        if not tensor.is_floating_point():
            raise _core.DtypeError(
                f"[{name}] expected floating tensors to differentiate by; got {tensor.dtype} "
                f"in argument {path}."
            )
        if again and tensor.requires_grad:
            inputs.append(tensor.view_as(tensor))
        else:  # of inference_mode there is only a copy that can require a gradient
            alias = tensor.clone() if tensor.is_inference() else tensor.detach()
            inputs.append(alias.requires_grad_())
        return inputs[-1]

    def refuse(value, path):
        raise TypeError(
            f"[{name}] expected tensors to differentiate by, or dicts, lists and tuples of them; "
            f"got {type_name(value)} in argument {path}."
        )

    places = _places(name, argnums, len(args))
    with _core.inference_mode(False), _core.enable_grad():
        entered = list(args)
        for place in places:
            entered[place] = mapped(args[place], enter, refuse, str(place))
        value = fn(*entered, **kwargs)
        aux = None
        if has_aux:
            value, aux = _pair(name, value)
        _check_value(name, value)
        again = again and value.requires_grad and _core._depends_on_others(value, inputs)
        if value.requires_grad and inputs:
            found = gradients_of(
                value, inputs, create_graph=again, allow_unused=True, materialize_grads=True
            )
        else:
            found = [_core.zeros_like(tensor) for tensor in inputs]
    if again:
        for tensor in inputs:
            if tensor.is_leaf:  # of this call alone: what is backward later would add to its .grad
                tensor.requires_grad_(False)
    else:
        value = value.detach()
        aux = mapped(aux, lambda tensor, _: tensor.detach(), lambda other, _: other, "aux")
    gradients = iter(found)
    taken = tuple(mapped(args[p], lambda *_: next(gradients), refuse, str(p)) for p in places)
    return ((value, aux) if has_aux else value), taken


def _pair(name, returned):
    if isinstance(returned, tuple) and len(returned) == 2:
        return returned
    raise TypeError(
        f"[{name}] expected a function that returns (value, aux), as has_aux=True says; "
        f"got {type_name(returned)}."
    )


def _check_value(name, value):
    if not isinstance(value, Tensor):
        raise TypeError(
            f"[{name}] expected a function that returns a scalar tensor; got {type_name(value)}."
        )
    if value.dim() != 0:
        raise _core.ShapeError(
            f"[{name}] expected a function that returns a scalar tensor, of shape (); got one of "
            f"shape {tuple(value.shape)}. Return its sum() or mean()."
        )
    if not value.is_floating_point():
        raise _core.DtypeError(
            f"[{name}] expected a function that returns a floating tensor; got {value.dtype}."
        )
