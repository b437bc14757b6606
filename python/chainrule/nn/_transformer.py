"""Encoders of the transformer."""

from __future__ import annotations

from collections.abc import Callable

from .._checks import object_hint, require_bools, type_name
from .._core import Tensor
from . import functional
from ._container import ModuleList
from ._dropout import Dropout
from ._dropouts import require_probability
from ._linear import Linear
from ._module import Module
from ._multihead import MultiheadAttention
from ._normalization import LayerNorm
from ._sizes import require_size

_ACTIVATIONS = {"relu": functional.relu, "gelu": functional.gelu}


class TransformerEncoderLayer(Module):
    """Attention of a sequence to itself, then two layers for each position, with a shortcut around
    either.

    With A the attention, F(x) = linear2(dropout(activation(linear1(x)))) and dropout after both:
        x ← norm1(x + A(x)),  y = norm2(x + F(x))
    or with `norm_first`:
        x ← x + A(norm1(x)),  y = x + F(norm2(x))

    Args:
        d_model: E, >= 1.
        nhead: number of heads, a divisor of d_model.
        dim_feedforward: outputs of linear1, >= 0.
        dropout: probability of zero while training, of attention weights, too.
        activation: "relu", "gelu" or a function; a module is one of the layer's own.
        layer_norm_eps: >= 0.
        batch_first: sequences are (N, L, E), not (L, N, E).
        norm_first: normalise before and not after.
        bias: False leaves all biases out.
        device: where the parameters live.
        dtype: a floating dtype; the default dtype when None.

    Called as `(src, src_mask=None, src_key_padding_mask=None, is_causal=False)`. Shapes: src (L, N,
    E), or (L, E) for one sequence, the output has its shape; masks as `attn_mask` and
    `key_padding_mask` of `nn.MultiheadAttention`, without its weights.

    Example:
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> layer(chainrule.randn(3, 5, 8)).shape
        chainrule.Size([3, 5, 8])

    Source: Vaswani et al., "Attention is all you need" (2017), section 3.1; Xiong et al. (2020) for
    norm_first.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = functional.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        name = "TransformerEncoderLayer"
        d_model = require_size(name, "d_model", d_model, least=1)
        nhead = require_size(name, "nhead", nhead, least=1)
        dim_feedforward = require_size(name, "dim_feedforward", dim_feedforward)
        activation = _function_of(activation)
        require_probability(name, dropout, "dropout")
        require_bools(name, batch_first=batch_first, norm_first=norm_first, bias=bias)
        super().__init__()
        where = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout=dropout, batch_first=batch_first, **where
        )
        self.linear1 = Linear(d_model, dim_feedforward, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, eps=layer_norm_eps, **where)
        self.norm2 = LayerNorm(d_model, eps=layer_norm_eps, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        masks = src_mask, src_key_padding_mask, is_causal
        if self.norm_first:
            x = src + self._attention(self.norm1(src), *masks)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(src + self._attention(src, *masks))
        return self.norm2(x + self._feed_forward(x))

    def _attention(self, x, mask, key_padding_mask, is_causal):
        output, _ = self.self_attn(
            x,
            x,
            x,
            attn_mask=mask,
            key_padding_mask=key_padding_mask,
            need_weights=False,
            is_causal=is_causal,
        )
        return self.dropout1(output)

    def _feed_forward(self, x):
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """Layers of one kind, one after another.

    Args:
        encoder_layer: a `TransformerEncoderLayer` or another module that is called as one; every
            layer is a copy, so all start alike. `init.reset_parameters(encoder)` draws them anew.
        num_layers: >= 1.
        norm: what is applied to the last output, or None.
        enable_nested_tensor, mask_check: accepted as PyTorch's and without meaning.

    Called as `(src, mask=None, src_key_padding_mask=None, is_causal=None)`; None says nothing of
    the mask. Shapes: those of the layers.

    Example:
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> encoder = nn.TransformerEncoder(layer, 3, nn.LayerNorm(8))
        >>> encoder(chainrule.randn(3, 5, 8)).shape
        chainrule.Size([3, 5, 8])

    Source: Vaswani et al., "Attention is all you need" (2017), section 3.1.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ):
        name = "TransformerEncoder"
        for argument, module in (("encoder_layer", encoder_layer), ("norm", norm)):
            if not isinstance(module, Module) and not (argument == "norm" and module is None):
                hint = object_hint(module, "...")
                raise TypeError(
                    f"[{name}] expected {argument} as a Module; got {type_name(module)}.{hint}"
                )
        num_layers = require_size(name, "num_layers", num_layers, least=1)
        require_bools(name, enable_nested_tensor=enable_nested_tensor, mask_check=mask_check)
        from copy import deepcopy  # here, as `import chainrule` does without

        super().__init__()
        self.layers = ModuleList([deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(
                src,
                src_mask=mask,
                is_causal=bool(is_causal),
                src_key_padding_mask=src_key_padding_mask,
            )
        return src if self.norm is None else self.norm(src)


def _function_of(activation):
    if isinstance(activation, str):
        if activation not in _ACTIVATIONS:
            raise ValueError(
                "[TransformerEncoderLayer] expected activation to be 'relu', 'gelu' or a function; "
                f"got {activation!r:.60}."
            )
        return _ACTIVATIONS[activation]
    if isinstance(activation, type) or not callable(activation):
        raise TypeError(
            "[TransformerEncoderLayer] expected activation to be 'relu', 'gelu' or a function; "
            f"got {type_name(activation)}.{object_hint(activation)}"
        )
    return activation
