"""Recurrent layers over whole sequences: RNN, LSTM and GRU."""

from __future__ import annotations

from ._recurrence import require_nonlinearity
from ._recurrent_layers import RecurrentLayers


class RNN(RecurrentLayers):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or relu in the place of tanh.

    Args:
        input_size: size of x_t, > 0.
        hidden_size: H, size of h_t, > 0.
        num_layers: how many, > 0; each reads the outputs of the one below.
        nonlinearity: 'tanh' or 'relu'.
        bias: whether there are b_ih and b_hh.
        batch_first: input and output are (B, T, ...) instead of (T, B, ...); states never.
        dropout: probability in [0, 1] of zero in what a layer hands to the next, while training.
        bidirectional: D = 2; a second set of weights reads the sequence from its end.

    Shapes: input (T, B, input_size) or, of one sequence, (T, input_size), T > 0; h_0, zeros without
    it, (num_layers D, B, H) or (num_layers D, H). Results: the last layer's states (T, B, D H), and
    h_n as h_0. Anything else is a ShapeError, a PackedSequence a TypeError: sequences of several
    lengths are padded, and what is behind their ends is masked.

    Parameters of layer k are weight_ih_lk (H, input_size or D H), weight_hh_lk (H, H), bias_ih_lk
    and bias_hh_lk (H,), and the same with _reverse behind; all start uniform in ±1/sqrt(H).

    Example:
        >>> output, h_n = nn.RNN(3, 4)(chainrule.randn(7, 2, 3))
        >>> output.shape, h_n.shape
        (chainrule.Size([7, 2, 4]), chainrule.Size([1, 2, 4]))

    Source: recurrent networks, 001_bfbf75e1b9730729.txt, 004_207294fe22f678c8.txt; Elman, "Finding
    structure in time" (1990).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device=None,
        dtype=None,
    ):
        kind = require_nonlinearity("RNN", nonlinearity)
        super().__init__(
            kind,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity
        self.mode = f"RNN_{kind.upper()}"


class LSTM(RecurrentLayers):
    """Long short-term memory: cells that gates write, keep and read.

    i, f, o = sigmoid(W x_t + b + W' h_(t-1) + b'), g = tanh of the same with its own rows,
    c_t = f c_(t-1) + i g, h_t = o tanh(c_t). The rows of the weights, (4 H, ...), are those of
    i, f, g and o, in this order.

    Arguments, shapes, names and initial values as of RNN, without `nonlinearity`. States come in
    pairs: `lstm(input, (h_0, c_0))` gives `output, (h_n, c_n)`.

    Args:
        proj_size: P in [0, H); with P > 0 h_t is W_hr times what it is else, so that outputs and
            h_n have P values in the place of H, and each layer a weight_hr_lk (P, H).

    Example:
        >>> output, (h_n, c_n) = nn.LSTM(3, 4, num_layers=2)(chainrule.randn(7, 2, 3))
        >>> output.shape, c_n.shape
        (chainrule.Size([7, 2, 4]), chainrule.Size([2, 2, 4]))

    Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997); Gers et al., "Learning to
    forget" (2000).
    """

    _states = ("h_0", "c_0")

    def __init__(
        self,
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
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device=device,
            dtype=dtype,
        )
        self.mode = "LSTM"


class GRU(RecurrentLayers):
    """Gated recurrent units.

    r, z = sigmoid(W x_t + b + W' h_(t-1) + b'), n = tanh(W x_t + b + r (W' h_(t-1) + b')) with its
    own rows, h_t = (1 - z) n + z h_(t-1). The rows of the weights, (3 H, ...), are those of r, z
    and n, in this order.

    Arguments, shapes, names and initial values as of RNN, without `nonlinearity`.

    Example:
        >>> output, h_n = nn.GRU(3, 4, bidirectional=True)(chainrule.randn(7, 2, 3))
        >>> output.shape, h_n.shape
        (chainrule.Size([7, 2, 8]), chainrule.Size([2, 2, 4]))

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.mode = "GRU"
