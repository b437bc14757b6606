"""What the modules of elementwise activations share."""

from __future__ import annotations

from .._checks import require_bool, require_number, shown
from .._core import Tensor
from ._activations import in_place
from ._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar, Never


class Elementwise(Module):
    """What applies `_function` to each element: _function(input, *settings)."""

    _function: ClassVar[Callable[..., Tensor]]  # the native one, as a staticmethod
    _settings: tuple[str, ...] = ()  # names of attributes, in the function's order

    def __init__(self, *settings: Never):
        if settings:
            name = type(self).__name__
            raise TypeError(f"[{name}] expected no settings; got {shown(name, settings[0])}")
        super().__init__()

    def _keep(self, **settings: float) -> None:
        """The settings as attributes; TypeError unless they are numbers."""
        for name, value in settings.items():
            setattr(self, name, require_number(type(self).__name__, name, value))
        self._settings = tuple(settings)

    def _values(self) -> list[float]:
        return [getattr(self, name) for name in self._settings]

    def forward(self, input: Tensor) -> Tensor:
        return self._function(input, *self._values())

    def extra_repr(self):
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._settings)


class InPlace(Elementwise):
    """An elementwise activation that can write its result into its input."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = require_bool(type(self).__name__, "inplace", inplace)

    def forward(self, input: Tensor) -> Tensor:
        if self.inplace:
            return in_place(self._function, input, *self._values())
        return self._function(input, *self._values())

    def extra_repr(self):
        settings = super().extra_repr()
        if not self.inplace:
            return settings
        return f"{settings}, inplace=True" if settings else "inplace=True"
