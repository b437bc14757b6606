"""What recurrent layers and cells share: sizes, gates, first states, and the steps themselves."""

from __future__ import annotations

import math

from .. import _core
from .._checks import require_bool, type_name
from .._core import Tensor, _functional, _ops
from . import init
from ._inputs import check_dtype
from ._module import Module
from ._sizes import require_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# By name: the number that the operation knows, and the gates, whose rows the weights stack.
KINDS = {"tanh": (0, 1), "relu": (1, 1), "LSTM": (2, 4), "GRU": (3, 3)}


def gates_of(kind: str) -> int:
    return KINDS[kind][1]


def require_nonlinearity(owner: str, value: Any) -> str:
    """`value`; ValueError unless it is one that a plain RNN has."""
    if value not in ("tanh", "relu"):
        raise ValueError(
            f"[{owner}] expected nonlinearity to be 'tanh' or 'relu'; got {value!r:.60}."
        )
    return value


def run_steps(
    kind: str,
    input: Tensor,
    weights: tuple[Tensor, Tensor, Tensor | None, Tensor | None],
    h0: Tensor,
    c0: Tensor | None,
    reverse: bool = False,
    weight_hr: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """All steps of one direction of a layer: outputs (T, B, H) and, of an LSTM, cells.

    The inputs' part is one product for all steps. The biases of both parts are one, but for a GRU,
    whose reset gate scales that of the states. With `weight_hr` (P, H) of an LSTM outputs and h0
    are what that makes of the units, (T, B, P) and (B, P).
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    if bias_ih is not None and bias_hh is not None and kind != "GRU":
        bias_ih, bias_hh = bias_ih + bias_hh, None
    of_inputs = _functional.linear(input, weight_ih, bias_ih)
    outputs, cells, _, _ = _ops.recurrence(
        of_inputs,
        weight_hh.contiguous(),
        bias_hh if bias_hh is None else bias_hh.contiguous(),
        h0.contiguous(),
        c0 if c0 is None else c0.contiguous(),
        weight_hr if weight_hr is None else weight_hr.contiguous(),
        KINDS[kind][0],
        reverse,
    )
    return outputs, cells


def require_states(owner: str, names: tuple[str, ...], hx: Any) -> tuple[Tensor, ...]:
    """The states as a tuple; TypeError unless `hx` is a tensor, or a pair of an LSTM's."""
    several = isinstance(hx, tuple | list)
    states = (hx,) if len(names) == 1 else tuple(hx) if several else ()
    if len(states) == len(names) and all(isinstance(state, Tensor) for state in states):
        return states
    got = type_name(hx)
    if several:
        got += f" of ({', '.join(type_name(state) for state in hx)})"
    wanted, hint = f"a pair of Tensors, ({', '.join(names)})", ""
    if len(names) == 1:
        wanted, hint = "a Tensor", " Use hx[0]: pairs are an LSTM's." if several and hx else ""
    elif isinstance(hx, Tensor):
        hint = " Use (hx, chainrule.zeros_like(hx))."
    raise TypeError(f"[{owner}] expected hx to be {wanted}; got {got}.{hint}")


def check_state(owner: str, name: str, state: Tensor, sizes: dict[str, int], like: Tensor):
    """An error unless a first state has those sizes, by their names, and the weights' dtype."""
    wanted, got = tuple(sizes.values()), tuple(state.shape)
    if got != wanted:
        raise _core.ShapeError(
            f"[{owner}] expected {name} of sizes ({', '.join(sizes)}{',' * (len(sizes) == 1)}) = "
            f"{wanted}; got {got}.{_state_hint(name, wanted, got)}"
        )
    check_dtype(owner, name, state, like)


def _state_hint(name, wanted, got):
    if len(wanted) == 3 and got == (wanted[1], wanted[0], wanted[2]):
        return f" Use {name}.transpose(0, 1): batch_first says nothing of states."
    if len(wanted) == 3 and got == wanted[1:] and wanted[0] == 1:
        return f" Use {name}.unsqueeze(0)."
    if len(wanted) == 3 and got[::2] == wanted[::2]:
        return " Inputs are (T, B, ...), with batch_first=True (B, T, ...)."
    return ""


class Recurrent(Module):
    """Checked sizes and the initial range of recurrent layers and cells."""

    def _take_sizes(self, input_size: int, hidden_size: int, bias: bool) -> None:
        owner = type(self).__name__
        self.input_size = require_size(owner, "input_size", input_size, 1)
        self.hidden_size = require_size(owner, "hidden_size", hidden_size, 1)
        self.bias = require_bool(owner, "bias", bias)

    def reset_parameters(self) -> None:
        """Draw all weights and biases anew, uniform in ±1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)
