"""`nn.Module`: a function with parameters, built from smaller ones."""

from __future__ import annotations

from collections.abc import Callable

from .. import _core
from .._checks import require_callable
from .._core import Tensor
from . import _cycle, _hooks, _load, _path, _print
from ._grads import zero_grads
from ._members import BUFFER, BUFFERS, MODULE, PARAMETER
from ._registry import Registry

TYPE_CHECKING = False  # typing itself would double the time that importing this package takes
if TYPE_CHECKING:
    from typing import Any, Self


class Module(Registry):
    """Base class of all layers and networks.

    A subclass calls `super().__init__()`, assigns parameters and child modules as attributes, and
    defines `forward`. Calling the module runs `forward`. An error in it says where it happened: `in
    Net.layers.2 (Linear): ...`.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = nn.Linear(4, 10)
        ...         self.out = nn.Linear(10, 3)
        ...
        ...     def forward(self, x):
        ...         return self.out(nn.functional.relu(self.hidden(x)))
        >>> sum(p.numel() for p in Net().parameters())
        83

    Source: "layers as plug-and-play objects", 001_bfbf75e1b9730729.txt; the 4-10-3 network,
    000_4bfdbb0e825250a6.txt.
    """

    training: bool
    _hooks = None  # a _hooks.Hooks once a hook is registered; None keeps the call short

    def __init__(self):
        super().__init__()
        _core._set_training(self, True)

    # ---- the call

    def __call__(self, *args, **kwargs):
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return _hooks.run(self, self._hooks, args, kwargs)
        except Exception as error:
            _path.add(error, self)
            raise

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; every subclass defines it."""
        name = type(self).__name__
        raise NotImplementedError(
            f"[{name}] expected a forward method; got a class that defines none."
        )

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> _hooks.RemovableHandle:
        """Run `hook(module, args)` before every forward; what it returns replaces the arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)` and returns None or (args, kwargs).
        Returns a handle whose `remove()` takes the hook away.
        """
        require_callable("register_forward_pre_hook", hook)
        return _hooks.RemovableHandle(self._own_hooks().before, hook, with_kwargs, prepend)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> _hooks.RemovableHandle:
        """Run `hook(module, args, output)` after every forward; what it returns replaces the
        output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`.
        """
        require_callable("register_forward_hook", hook)
        return _hooks.RemovableHandle(self._own_hooks().after, hook, with_kwargs, prepend)

    def _own_hooks(self):
        _core._invalidate_plans("change of hooks")
        if self._hooks is None:
            self._hooks = _hooks.Hooks()
        return self._hooks

    # ---- modes

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops) or, with False, evaluation mode, here and below."""
        if not isinstance(mode, bool):
            raise ValueError(  # noqa: TRY004 - PyTorch's class
                f"[train] expected mode to be True or False; got {mode!r}."
            )
        self.training = mode
        try:
            for child in self.children():
                child.train(mode)
        except RecursionError as error:
            _cycle.explain("train", self, error)
            raise
        return self

    def eval(self) -> Self:
        """Set evaluation mode: the same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Switch the gradients of all parameters on or off (off freezes them)."""
        _core._invalidate_plans("requires_grad_")
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        zero_grads(self.parameters(), set_to_none)

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call `fn` on every module below, then on this one, for example to initialise weights."""
        require_callable("apply", fn)
        try:
            for child in self.children():
                child.apply(fn)
        except RecursionError as error:
            _cycle.explain("apply", self, error)
            raise
        fn(self)
        return self

    # ---- dtype and device

    def to(self, device=None, dtype=None, non_blocking: bool = False) -> Self:
        """Move to a device, to a floating dtype, or both; parameters stay the same objects.

        Written `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(tensor)`. Integer and bool
        buffers keep their dtype. `non_blocking` has no meaning here.

        Raises TypeError for a dtype that is not floating.
        """
        if isinstance(device, Tensor):
            device, dtype = device.device, device.dtype
        elif isinstance(device, _core.dtype):
            device, dtype = None, device
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"[Module.to] expected a floating dtype; got {dtype}.")
        if device is not None:
            device = _core.device(device)

        def convert(tensor):
            if device is not None:
                tensor = tensor.to(device)
            return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

        return self._apply(convert)

    def float(self) -> Self:
        """Cast floating parameters and buffers to float32."""
        return self.to(dtype=_core.float32)

    def double(self) -> Self:
        """Cast floating parameters and buffers to float64."""
        return self.to(dtype=_core.float64)

    def bfloat16(self) -> Self:
        """Cast floating parameters and buffers to bfloat16."""
        return self.to(dtype=_core.bfloat16)

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self.to("cpu")

    def _apply(self, fn):
        """Replace the value of every parameter, its gradient and every buffer by fn(value)."""
        _core._invalidate_plans("change of dtype or device")
        buffers = {}  # a buffer that two modules share stays shared
        with _core.no_grad():
            for module in self.modules():
                for _, parameter in module._own(PARAMETER):
                    value, grad = fn(parameter.detach()), parameter.grad
                    parameter.grad = None
                    parameter.data = value
                    if grad is not None:
                        parameter.grad = fn(grad)
                for name, buffer in module._own(*BUFFERS):
                    if id(buffer) not in buffers:
                        buffers[id(buffer)] = (buffer, fn(buffer))
                    setattr(module, name, buffers[id(buffer)][1])
        return self

    # ---- state

    def state_dict(
        self, *, destination=None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by dotted name, sharing memory with the module.

        The tensors are detached unless `keep_vars`. `destination` is a dict to add to; `prefix`
        goes before each name. Save with `chainrule.save(net.state_dict(), "net.safetensors")`.
        """
        state = {} if destination is None else destination
        for name, tensor in (*self._own(PARAMETER), *self._own(BUFFER)):
            state[prefix + name] = tensor if keep_vars else tensor.detach()
        try:
            for name, module in self._own(MODULE):
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        except RecursionError as error:
            _cycle.explain("state_dict", self, error)
            raise
        return state

    def load_state_dict(
        self, state_dict: dict[str, Any], strict: bool = True, assign: bool = False
    ) -> _load.IncompatibleKeys:
        """Copy a state dict into the parameters and buffers; nothing is changed when it does not
        fit.

        With `strict` the keys must be the same; without it, keys without a partner are passed over
        and returned as `(missing_keys, unexpected_keys)`. Values are cast to the dtype of the
        parameter. With `assign` the tensors themselves take the place of the present ones, in their
        own dtype.

        Raises StateError (a RuntimeError) listing every key that is missing, unexpected or of another
        shape.
        """
        return _load.load(self, state_dict, strict, assign)

    # ---- text

    def extra_repr(self) -> str:
        """What stands between the brackets of `repr`; a subclass gives its settings."""
        return ""

    def _get_name(self):
        return type(self).__name__

    def _lines(self):
        return [(name, repr(module)) for name, module in self._own(MODULE)]

    def __repr__(self):
        try:
            lines = self._lines()
        except RecursionError as error:
            _cycle.explain("repr", self, error)
            raise
        return _print.describe(self, lines)
