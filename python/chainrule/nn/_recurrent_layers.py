"""What RNN, LSTM and GRU share: layers one above the other, over whole sequences."""

from __future__ import annotations

from .. import _core
from .._checks import require_bool, require_tensor, tensor_hint, type_name
from .._core import Parameter, Tensor, _functional
from .._warn import warn
from ._dropouts import require_probability
from ._inputs import check_dtype
from ._recurrence import (
    Recurrent,
    check_state,
    gates_of,
    require_states,
    run_steps,
)
from ._sizes import require_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class RecurrentLayers(Recurrent):
    """Layers one above the other, each in one direction or two."""

    mode: str
    weight_ih_l0: Parameter
    _states = ("h_0",)

    def __init__(
        self,
        kind: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        owner = type(self).__name__
        self._kind = kind
        self._take_sizes(input_size, hidden_size, bias)
        self.num_layers = require_size(owner, "num_layers", num_layers, 1)
        self.batch_first = require_bool(owner, "batch_first", batch_first)
        self.bidirectional = require_bool(owner, "bidirectional", bidirectional)
        self.dropout = self._require_dropout(dropout)
        self.proj_size = require_size(owner, "proj_size", proj_size)
        if self.proj_size >= self.hidden_size:
            raise ValueError(
                f"[{owner}] expected proj_size < hidden_size, {hidden_size}; got {proj_size}."
            )
        for layer in range(self.num_layers):
            for suffix in self._suffixes(layer):
                self._make(layer, suffix, device=device, dtype=dtype)
        self.reset_parameters()

    def _require_dropout(self, dropout):
        owner = type(self).__name__
        p = require_probability(owner, dropout, "dropout")
        if p > 0 and self.num_layers == 1:
            warn(
                f"[{owner}] dropout stands between layers: with num_layers=1 dropout={dropout} "
                "changes nothing.",
            )
        return p

    def _suffixes(self, layer):
        return [f"_l{layer}", f"_l{layer}_reverse"][: 1 + self.bidirectional]

    def _make(self, layer, suffix, **where):
        state = self.proj_size or self.hidden_size
        width = self.input_size if layer == 0 else state * (1 + self.bidirectional)
        rows = gates_of(self._kind) * self.hidden_size
        shapes = [("weight_ih", (rows, width)), ("weight_hh", (rows, state))]
        if self.bias:
            shapes += [("bias_ih", (rows,)), ("bias_hh", (rows,))]
        if self.proj_size:
            shapes += [("weight_hr", (state, self.hidden_size))]
        for name, shape in shapes:
            self.register_parameter(name + suffix, Parameter(_core.empty(shape, **where)))

    def _weights(self, suffix) -> tuple[Any, ...]:
        names = _NAMES if self.bias else _NAMES[:2]
        return (*(getattr(self, name + suffix) for name in names), None, None)[:4]

    def _projection(self, suffix):
        return getattr(self, "weight_hr" + suffix) if self.proj_size else None

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction, in the order of their names."""
        directions = [s for layer in range(self.num_layers) for s in self._suffixes(layer)]
        weights = [(*self._weights(suffix), self._projection(suffix)) for suffix in directions]
        return [[w for w in of_one if w is not None] for of_one in weights]

    def flatten_parameters(self) -> None:
        """Does nothing: weights are read where they are. For code that calls it, as PyTorch's."""

    def forward(self, input: Tensor, hx: Any = None):
        batched = self._check_input(input)
        sequence = input if batched else input.unsqueeze(1)
        if batched and self.batch_first:
            sequence = sequence.transpose(0, 1)
        first = self._first_states(sequence, hx, batched)
        output, *last = self._run(sequence, first)
        if not batched:
            output, last = output.squeeze(1), [state.squeeze(1) for state in last]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, last[0] if len(last) == 1 else tuple(last)

    def _check_input(self, input):
        owner = type(self).__name__
        if isinstance(input, tuple | list):
            hint = f" Use {self._padded(input)} and mask what is behind the ends."
            if type(input) is tuple and tensor_hint(input):
                hint = tensor_hint(input)
            raise TypeError(f"[{owner}] expected a Tensor; got {type_name(input)}.{hint}")
        require_tensor(owner, input)
        check_dtype(owner, "input", input, self.weight_ih_l0)
        order = "(B, T, {0})" if self.batch_first else "(T, B, {0})"
        wanted = f"{order} or, for one sequence, (T, {{0}})".format(self.input_size)
        steps = 1 if self.batch_first and input.dim() == 3 else 0
        if input.dim() not in (2, 3) or input.shape[-1] != self.input_size:
            raise _core.ShapeError(
                f"[{owner}] expected an input of sizes {wanted}; got {tuple(input.shape)}."
            )
        if input.shape[steps] == 0:
            raise _core.ShapeError(
                f"[{owner}] expected at least one step, T > 0; got sizes {tuple(input.shape)}."
            )
        return input.dim() == 3

    def _padded(self, sequences):
        """The code that makes one tensor of a list, or of what was packed."""
        name = "input" if type(sequences) in (list, tuple) else "sequences"
        return f"nn.utils.rnn.pad_sequence({name}{', batch_first=True' * self.batch_first})"

    def _first_states(self, sequence, hx, batched):
        """The first states of all layers and directions, (L D, B, P or H) and (L D, B, H)."""
        count = self.num_layers * (1 + self.bidirectional)
        batch = sequence.shape[1]
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)[: len(self._states)]
        like = self._weights("_l0")[1]
        if hx is None:
            return [_core.zeros((count, batch, size), dtype=like.dtype) for size in sizes]
        owner = type(self).__name__
        states = require_states(owner, self._states, hx)
        layers = "num_layers * 2" if self.bidirectional else "num_layers"
        widths = ("proj_size" if self.proj_size else "hidden_size", "hidden_size")[: len(sizes)]
        of_batch = {"batch": batch} if batched else {}
        for name, state, width, size in zip(self._states, states, widths, sizes, strict=True):
            check_state(owner, name, state, {layers: count, **of_batch, width: size}, like)
        return [state if batched else state.unsqueeze(1) for state in states]

    def _run(self, sequence, first):
        lasts = []
        for layer in range(self.num_layers):
            if layer and self.dropout > 0:
                sequence = _functional.dropout(sequence, self.dropout, self.training)
            outputs = []
            for suffix in self._suffixes(layer):
                here = [state[len(lasts)] for state in first]
                ran = self._direction(sequence, suffix, *here)
                outputs.append(ran[0])
                place = 0 if suffix.endswith("_reverse") else -1
                lasts.append([states[place] for states in ran[: len(first)]])
            sequence = outputs[0] if len(outputs) == 1 else _core.cat(outputs, -1)
        return sequence, *(_core.stack(states) for states in zip(*lasts, strict=True))

    def _direction(self, sequence, suffix, h0, c0=None):
        weights, reverse = self._weights(suffix), suffix.endswith("_reverse")
        return run_steps(self._kind, sequence, weights, h0, c0, reverse, self._projection(suffix))

    def extra_repr(self):
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ):
            if getattr(self, name) != usual:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)
