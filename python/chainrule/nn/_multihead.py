"""Attention of several heads as a layer."""

from __future__ import annotations

from .. import _core
from .._checks import require_bool, require_bools
from .._core import Parameter, Tensor, _functional
from . import init
from ._attention import added, one_over_root, scaled_dot_product_attention
from ._dropouts import require_probability
from ._linear import Linear
from ._module import Module
from ._multihead_checks import check_call, checked_sizes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NonDynamicallyQuantizableLinear(Linear):
    """Linear under the name that PyTorch prints."""


class MultiheadAttention(Module):
    """Attention of several heads side by side, with a projection before and after.

    Each head has head_dim = embed_dim / num_heads of the features of the three projections:
        head = softmax(q kᵀ / sqrt(head_dim) + masks) v,  output = [head₁ ... headₕ] Wᵀ + b

    Args:
        embed_dim: E, >= 1, of queries and outputs.
        num_heads: >= 1, a divisor of embed_dim.
        dropout: 0 <= dropout <= 1, how many of the weights become 0 while training.
        bias: add biases in the projections.
        add_bias_kv: learn one more key and value.
        add_zero_attn: append one more key and value of zeros.
        kdim, vdim: sizes of keys and values; embed_dim when None.
        batch_first: sequences are (N, L, E), not (L, N, E).
        device: where the parameters live.
        dtype: a floating dtype; the default dtype when None.

    Called as `(query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
    average_attn_weights=True, is_causal=False)`, it returns the outputs and, with `need_weights`, the
    weights, else None.

    Shapes: query (L, N, E), key (S, N, kdim), value (S, N, vdim), outputs (L, N, E), weights (N, L,
    S), or (N, num_heads, L, S) without `average_attn_weights`; all of them also without N.
    `key_padding_mask` (N, S) and `attn_mask` (L, S) or (N * num_heads, L, S) are bools, True where a
    key is not looked at, or floats that are added to the scores. `is_causal` says that `attn_mask` is
    the mask of is_causal in `functional.scaled_dot_product_attention`, which then may be taken in
    its place. A query that may look at no key gets weights of NaN, without `need_weights` of 0.

    The projections' weights start with `init.xavier_uniform_`, biases with 0. ShapeError, DtypeError
    or ValueError for arguments that do not fit.

    Example:
        >>> attention = nn.MultiheadAttention(8, 2, batch_first=True)
        >>> x = chainrule.randn(3, 5, 8)
        >>> output, weights = attention(x, x, x)
        >>> output.shape, weights.shape
        (chainrule.Size([3, 5, 8]), chainrule.Size([3, 5, 5]))

    Source: Vaswani et al., "Attention is all you need" (2017), section 3.2.2.
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device=None,
        dtype=None,
    ):
        embed_dim, num_heads, kdim, vdim = checked_sizes(embed_dim, num_heads, kdim, vdim)
        name = type(self).__name__
        require_probability(name, dropout, "dropout")
        require_bools(name, bias=bias, add_bias_kv=add_bias_kv, add_zero_attn=add_zero_attn)
        require_bool(name, "batch_first", batch_first)
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = kdim
        self.vdim = vdim
        self._qkv_same_embed_dim = kdim == vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn

        same, where = self._qkv_same_embed_dim, {"device": device, "dtype": dtype}
        self._learned("in_proj_weight", (3 * embed_dim, embed_dim) if same else None, where)
        for name, size in (("q", embed_dim), ("k", kdim), ("v", vdim)):
            self._learned(f"{name}_proj_weight", None if same else (embed_dim, size), where)
        self._learned("in_proj_bias", (3 * embed_dim,) if bias else None, where)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **where)
        for name in ("bias_k", "bias_v"):
            self._learned(name, (1, 1, embed_dim) if add_bias_kv else None, where)
        self.reset_parameters()

    def _learned(self, name, shape, where):
        """A parameter of this shape, or None in its place."""
        made = None if shape is None else Parameter(_core.empty(*shape, **where))
        self.register_parameter(name, made)

    def reset_parameters(self) -> None:
        """Draw new weights of the projections before the heads; biases of 0."""
        for weight in self._weights():
            init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def _weights(self) -> Any:
        """The weights before the heads: one of all three projections, or three."""
        if self._qkv_same_embed_dim:
            return [self.in_proj_weight]
        return [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        check_call(self, query, key, value, key_padding_mask, attn_mask, is_causal)
        batched = query.dim() == 3
        if not batched or not self.batch_first:
            turned = {
                id(x): x.transpose(0, 1) if batched else x.unsqueeze(0) for x in (query, key, value)
            }
            query, key, value = (turned[id(x)] for x in (query, key, value))
        # What is appended to the keys is hidden from no query, which the mask's own form cannot say.
        appended = self.bias_k is not None or self.add_zero_attn
        causal = is_causal and key_padding_mask is None and not (need_weights or appended)
        masks = [] if causal else self._masks(query, key, key_padding_mask, attn_mask)
        q, k, v = self._heads(query, key, value)
        masks = [self._extended(mask, k.size(2)) for mask in masks]
        mask = masks[0] + masks[1] if len(masks) == 2 else masks[0] if masks else None
        dropout = self.dropout if self.training else 0.0
        if need_weights:
            output, weights = _with_weights(q, k, v, mask, dropout)
            if average_attn_weights:
                weights = weights.mean(1)
        else:
            output, weights = scaled_dot_product_attention(q, k, v, mask, dropout, causal), None
        output = self.out_proj(output.transpose(1, 2).reshape(query.shape))
        if not batched:
            return output.squeeze(0), None if weights is None else weights.squeeze(0)
        return output if self.batch_first else output.transpose(0, 1), weights

    def _heads(self, query, key, value):
        """Queries, keys and values as (N, num_heads, L or S, head_dim)."""
        projected = self._projected(query, key, value)
        if self.bias_k is not None and self.bias_v is not None:
            for at, extra in ((1, self.bias_k), (2, self.bias_v)):
                rows = extra.to(projected[at].dtype).expand(query.size(0), 1, self.embed_dim)
                projected[at] = _core.cat([projected[at], rows], 1)
        heads = [
            x.reshape(x.size(0), x.size(1), self.num_heads, self.head_dim).transpose(1, 2)
            for x in projected
        ]
        if self.add_zero_attn:
            zeros = heads[1].new_zeros(query.size(0), self.num_heads, 1, self.head_dim)
            heads[1:] = [_core.cat([x, zeros], 2) for x in heads[1:]]
        return heads

    def _projected(self, query, key, value):
        linear, weights, bias = _functional.linear, self._weights(), self.in_proj_bias
        if len(weights) == 1:
            if query is key and key is value:
                return list(linear(query, weights[0], bias).chunk(3, -1))
            weights = weights[0].chunk(3)
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        return [
            linear(x, weight, b)
            for x, weight, b in zip((query, key, value), weights, biases, strict=True)
        ]

    def _masks(self, query, key, key_padding_mask, attn_mask):
        """What is added to the scores, (N, num_heads, L, S) or sizes of 1 in their place."""
        batch, length, count = query.size(0), query.size(1), key.size(1)
        masks = []
        if attn_mask is not None:
            heads = (1, 1) if attn_mask.dim() == 2 else (batch, self.num_heads)
            masks.append((attn_mask, (*heads, length, count)))
        if key_padding_mask is not None:
            masks.append((key_padding_mask, (batch, 1, 1, count)))
        return [added(mask, query.dtype, allowed=False).reshape(shape) for mask, shape in masks]

    def _extended(self, mask, count):
        """0 for the keys that were appended."""
        missing = count - mask.size(-1)
        return _core.cat([mask, mask.new_zeros(*mask.shape[:-1], missing)], -1) if missing else mask


def _with_weights(query, key, value, mask, dropout):
    scores = _core.matmul(query * one_over_root(query.size(-1)), key.mT)
    weights = _core.softmax(scores if mask is None else scores + mask, -1)
    if dropout > 0:
        weights = _functional.dropout(weights, dropout)
    return _core.matmul(weights, value), weights
