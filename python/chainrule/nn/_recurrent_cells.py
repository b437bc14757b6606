"""One step of a recurrent layer as a module: RNNCell, LSTMCell and GRUCell."""

from __future__ import annotations

from .. import _core
from .._checks import require_tensor
from .._core import Parameter, Tensor
from ._inputs import check_dtype
from ._recurrence import (
    Recurrent,
    check_state,
    gates_of,
    require_nonlinearity,
    require_states,
    run_steps,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Cell(Recurrent):
    """The weights of one step, and the step."""

    bias_ih: Parameter | None
    bias_hh: Parameter | None
    _states = ("hx",)

    def _make(self, kind, input_size, hidden_size, bias, **where):
        self._kind = kind
        self._take_sizes(input_size, hidden_size, bias)
        rows = gates_of(kind) * self.hidden_size
        self.weight_ih = Parameter(_core.empty(rows, self.input_size, **where))
        self.weight_hh = Parameter(_core.empty(rows, self.hidden_size, **where))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(_core.empty(rows, **where)) if self.bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def _step(self, input: Tensor, hx: Any) -> list[Tensor]:
        """The next states: h and, of an LSTM, c."""
        owner = type(self).__name__
        sizes = require_tensor(owner, input).shape
        if input.dim() not in (1, 2) or sizes[-1] != self.input_size:
            raise _core.ShapeError(
                f"[{owner}] expected an input of sizes (B, {self.input_size}) or "
                f"({self.input_size},); got {tuple(sizes)}."
            )
        check_dtype(owner, "input", input, self.weight_ih)
        shape = (*sizes[:-1], self.hidden_size)
        if hx is None:
            first = [_core.zeros(shape, dtype=self.weight_hh.dtype)] * len(self._states)
        else:
            first = list(require_states(owner, self._states, hx))
            for name, state in zip(self._states, first, strict=True):
                named = ("hidden_size",) if len(shape) == 1 else ("batch", "hidden_size")
                wanted: dict[str, int] = dict(zip(named, shape, strict=True))
                check_state(owner, name, state, wanted, self.weight_hh)
        rows = (-1, self.hidden_size)
        h, c, *_ = *(state.reshape(rows) for state in first), None
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        ran = run_steps(self._kind, input.reshape(1, -1, self.input_size), weights, h, c)
        return [states.reshape(shape) for states in ran[: len(first)]]

    def extra_repr(self):
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu in the place of tanh.

    Args:
        input_size: size of x, > 0.
        hidden_size: H, size of h, > 0.
        bias: whether there are b_ih and b_hh.
        nonlinearity: 'tanh' or 'relu'.

    Shapes: input (B, input_size) or (input_size,), hx (B, H) or (H,), zeros without it; the result
    has hx's. Parameters: weight_ih (H, input_size), weight_hh (H, H), bias_ih and bias_hh (H,), all
    uniform in ±1/sqrt(H) at first.

    Example:
        >>> nn.RNNCell(3, 4)(chainrule.randn(2, 3)).shape
        chainrule.Size([2, 4])

    Source: as RNN.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device=None,
        dtype=None,
    ):
        super().__init__()
        kind = require_nonlinearity("RNNCell", nonlinearity)
        self.nonlinearity = nonlinearity
        self._make(kind, input_size, hidden_size, bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, hx)[0]

    def extra_repr(self):
        plain = self.nonlinearity == "tanh"
        return super().extra_repr() + ("" if plain else f", nonlinearity={self.nonlinearity}")


class LSTMCell(_Cell):
    """One step of LSTM: `cell(input, (h, c))` gives (h', c').

    Arguments, shapes and initial values as of RNNCell, with weights of 4 H rows in the order of
    LSTM and without `nonlinearity`; h and c are zeros where no pair is given.

    Example:
        >>> h, c = nn.LSTMCell(3, 4)(chainrule.randn(2, 3))
        >>> h.shape, c.shape
        (chainrule.Size([2, 4]), chainrule.Size([2, 4]))

    Source: as LSTM.
    """

    _states = ("hx[0]", "hx[1]")

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__()
        self._make("LSTM", input_size, hidden_size, bias, device=device, dtype=dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        h, c = self._step(input, hx)
        return h, c


class GRUCell(_Cell):
    """One step of GRU.

    Arguments, shapes and initial values as of RNNCell, with weights of 3 H rows in the order of GRU
    and without `nonlinearity`.

    Example:
        >>> nn.GRUCell(3, 4)(chainrule.randn(2, 3)).shape
        chainrule.Size([2, 4])

    Source: as GRU.
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__()
        self._make("GRU", input_size, hidden_size, bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, hx)[0]
