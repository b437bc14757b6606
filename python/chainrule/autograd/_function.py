"""autograd.Function: operations written in Python, with their own backward.

forward runs without history; what backward needs is saved on `ctx`. Two forms, as in PyTorch:
`forward(ctx, *args)`, or `forward(*args)` with `setup_context(ctx, inputs, output)`.
"""

from chainrule import _core
from chainrule._core import StateError, Tensor


class FunctionCtx:
    """What forward leaves for backward."""

    def __init__(self, name, needs_input_grad):
        self.needs_input_grad = needs_input_grad
        self._state = _core._function_state(name)
        self._to_save = ()
        self._dirty = ()
        self._not_differentiable = ()
        self._materialize = True

    def save_for_backward(self, *tensors):
        """Keeps tensors (inputs, outputs or others; None is allowed) for backward."""
        self._to_save = tensors

    @property
    def saved_tensors(self):
        """What was saved; an error when it was changed in place since, or freed."""
        return self._state.unpack()

    def mark_dirty(self, *tensors):
        """Says that forward changed these inputs in place and returns them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Says that these outputs have no gradient."""
        self._not_differentiable = tensors

    def set_materialize_grads(self, value):
        """Whether backward gets zeros (the default) or None where no gradient came."""
        self._materialize = bool(value)


class Function:
    """A differentiable operation in Python: subclass it, write the two static methods, call apply.

    Example:
        >>> class Cube(chainrule.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...     @staticmethod
        ...     def backward(ctx, dy):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * dy
        >>> x = chainrule.tensor([1.0, 2.0], requires_grad=True)
        >>> Cube.apply(x).sum().backward()
        >>> x.grad
        tensor([ 3., 12.])
    """

    def __init__(self, *args, **kwargs):
        raise TypeError(
            f"[{type(self).__name__}] expected a call of apply(); got one of the class."
        )

    @staticmethod
    def forward(*args, **kwargs):
        """forward(ctx, *inputs), or forward(*inputs) beside setup_context: the outputs, a Tensor or
        a tuple."""
        raise TypeError("[Function] expected the subclass to define forward; got none.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """One gradient for each input of forward, None where there is none, from those of the
        outputs."""
        raise TypeError("[Function] expected the subclass to define backward; got none.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Fills ctx after a forward that does not take it."""
        raise TypeError("[Function] expected the subclass to define setup_context; got none.")

    @classmethod
    def apply(cls, *args):
        """Runs forward and hangs backward on its outputs."""
        if _core._recording() is not None:
            _core._refuse_while_recording(
                f"{cls.__name__}.apply (a replay runs no Python)",
                "Write it in operations of tensors, or compile(..., fallback=True).",
            )
        needs = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        ctx = FunctionCtx(f"{cls.__name__}Backward", needs)
        with _core.no_grad():
            if cls.setup_context is Function.setup_context:
                output = cls.forward(ctx, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
        return _record(cls, ctx, args, output)


def _record(cls, ctx, args, output):
    single = not isinstance(output, (tuple, list))
    outputs = [output] if single else list(output)
    recorded = any(ctx.needs_input_grad) and _core.is_grad_enabled()
    if recorded:
        _check_dirty(cls, ctx, args)
    inputs = [a for a in args if isinstance(a, Tensor)]
    # An input that is returned unchanged gets a handle of its own, which the node can own.
    dirty = [id(t) for t in ctx._dirty]
    kept = {id(t) for t in inputs if id(t) not in dirty}
    outputs = [o.detach() if isinstance(o, Tensor) and id(o) in kept else o for o in outputs]
    tensors = [o for o in outputs if isinstance(o, Tensor)]
    ctx._state.save(ctx._to_save, tensors)
    ctx._to_save = ()
    if recorded:
        fixed = {id(t) for t in ctx._not_differentiable}
        differentiable = [o.is_floating_point() and id(o) not in fixed for o in tensors]
        backward = _Backward(cls, ctx, args, tensors)
        _core._attach(ctx._state, backward, inputs, tensors, differentiable)
    return outputs[0] if single else tuple(outputs)


def _check_dirty(cls, ctx, args):
    given = {id(a) for a in args}
    for t in ctx._dirty:
        if id(t) not in given:
            raise ValueError(
                f"[{cls.__name__}] expected mark_dirty to name inputs; got another tensor."
            )
        if t._base is not None:
            raise StateError(
                f"[{cls.__name__}] expected no view among the dirty inputs; got one. Its base would "
                "not know of the write: use clone(), or a function that returns a new tensor."
            )
        if t.is_leaf and t.requires_grad:
            raise StateError(
                f"[{cls.__name__}] expected no leaf with requires_grad among the dirty inputs; "
                "got one. Clone it first."
            )


class _Backward:
    """Gradients of the outputs in, one gradient per tensor input out."""

    def __init__(self, cls, ctx, args, outputs):
        self.cls, self.ctx = cls, ctx
        self.is_tensor = [isinstance(a, Tensor) for a in args]
        self.specs = [(tuple(o.shape), o.dtype) for o in outputs]

    def __call__(self, grads):
        if self.ctx._materialize:
            grads = [
                _core.zeros(shape, dtype=dtype) if g is None else g
                for g, (shape, dtype) in zip(grads, self.specs, strict=True)
            ]
        result = self.cls.backward(self.ctx, *grads)
        result = result if isinstance(result, tuple) else (result,)
        n = len(self.is_tensor)
        if len(result) > n and all(g is None for g in result[n:]):
            result = result[:n]
        if len(result) != n:
            raise StateError(
                f"[{self.cls.__name__}Backward] expected backward to return one gradient per input "
                f"of forward ({n}); got {len(result)}."
            )
        return tuple(g for g, tensor in zip(result, self.is_tensor, strict=True) if tensor)


def once_differentiable(backward):
    """Decorator for a backward that cannot itself be differentiated."""
    import functools

    @functools.wraps(backward)
    def wrapped(ctx, *grads):
        with _core.no_grad():
            result = backward(ctx, *grads)
        if not _core.is_grad_enabled() or not any(g is not None and g.requires_grad for g in grads):
            return result
        tensors = result if isinstance(result, tuple) else (result,)
        marked = tuple(_Once.apply(g, *grads) if isinstance(g, Tensor) else g for g in tensors)
        return marked if isinstance(result, tuple) else marked[0]

    return wrapped


class _Once(Function):
    """Passes a gradient on and refuses a second derivative."""

    @staticmethod
    def forward(ctx, gradient, *grads):
        return gradient.clone()

    @staticmethod
    def backward(ctx, *grads):
        raise StateError(
            "[once_differentiable] expected one differentiation; got a second. Write backward with "
            "differentiable operations and drop the decorator."
        )
