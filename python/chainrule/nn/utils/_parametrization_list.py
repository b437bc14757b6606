"""ParametrizationList: what a parametrized tensor is computed by, and from."""

from __future__ import annotations

from collections.abc import Sequence

from ... import _core
from ..._checks import type_name
from ..._core import Parameter, Tensor
from .._container import ModuleList
from .._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ParametrizationList(ModuleList):
    """What one tensor is computed by, in order, and the tensors it is computed from.

    These are `original`, or `original0`, `original1`, ... where the first module's `right_inverse`
    gave several. `register_parametrization` makes it.
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        modules = list(modules)
        if not modules:
            raise ValueError("[ParametrizationList] expected at least one module; got none.")
        super().__init__(modules)
        self.unsafe = unsafe
        new = self._inverted(original)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if new.dtype != original.dtype:
                raise ValueError(
                    "[ParametrizationList] expected right_inverse to keep the dtype "
                    f"{original.dtype}; got {new.dtype}."
                )
            if new is not original:
                with _core.no_grad():
                    original.data = new.detach()
            register(self, "original", original)
        else:
            for position, tensor in enumerate(new):
                register(self, f"original{position}", _like(original, tensor))
        if not unsafe:
            require_same("the computed tensor", original, self())

    def _inverted(self, value):
        """What `value` is computed from; a Tensor or a list of tensors."""
        with _core.no_grad():
            new: Any = value
            for module in reversed(_modules(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass  # as without one: it is the identity
        if isinstance(new, Tensor):
            return new
        if not isinstance(new, Sequence) or not all(isinstance(t, Tensor) for t in new):
            raise ValueError(
                "[ParametrizationList] expected a tensor or a sequence of tensors from "
                f"right_inverse; got {type_name(new)}."
            )
        return list(new)

    def _originals(self):
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{position}") for position in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Write into the originals what makes the computed tensor `value`."""
        for module in self:
            if not hasattr(module, "right_inverse"):
                raise _core.StateError(
                    "[ParametrizationList] expected right_inverse, to assign a computed tensor; "
                    f"got {type(module).__name__}, which has none."
                )
        new = self._inverted(value)
        tensors = [new] if isinstance(new, Tensor) else new
        if len(tensors) != self.ntensors:
            raise ValueError(
                f"[ParametrizationList] expected {self.ntensors} tensors from right_inverse; "
                f"got {len(tensors)}."
            )
        with _core.no_grad():
            for own, tensor in zip(self._originals(), tensors, strict=True):
                own.copy_(tensor)

    def forward(self) -> Tensor:
        modules = iter(self)
        value = next(modules)(*self._originals())
        for module in modules:
            value = module(value)
        return value


def _modules(chain) -> list[Any]:
    return list(chain)


def register(module, name, tensor):
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _like(original, tensor):
    """`tensor` as a parameter where the original is one, trained where that is."""
    if isinstance(original, Parameter):
        return Parameter(tensor.detach(), original.requires_grad)
    return tensor.detach().requires_grad_(original.requires_grad)


def require_same(what, before, after):
    if not isinstance(after, Tensor):
        raise ValueError(  # noqa: TRY004 - PyTorch's class
            f"[register_parametrization] expected {what} to be a Tensor; got {type_name(after)}."
        )
    if (after.dtype, after.shape) != (before.dtype, before.shape):
        raise ValueError(
            f"[register_parametrization] expected {what} to be of {before.dtype} and shape "
            f"{tuple(before.shape)}; got {after.dtype} and {tuple(after.shape)}. unsafe=True allows it."
        )
