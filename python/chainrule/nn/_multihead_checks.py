"""What nn.MultiheadAttention refuses."""

from __future__ import annotations

from .. import _core
from .._checks import require_tensor
from ._inputs import check_dtype
from ._sizes import require_size

_NAME = "MultiheadAttention"


def checked_sizes(embed_dim, num_heads, kdim, vdim):
    """These sizes, embed_dim where there is no kdim or vdim; raise unless a layer can have them."""
    kdim, vdim = (embed_dim if size is None else size for size in (kdim, vdim))
    sizes = {"embed_dim": embed_dim, "num_heads": num_heads, "kdim": kdim, "vdim": vdim}
    checked = [require_size(_NAME, name, size, least=1) for name, size in sizes.items()]
    embed_dim, num_heads, *_ = checked
    if embed_dim % num_heads != 0:
        raise ValueError(
            f"[{_NAME}] expected num_heads that divides embed_dim, {embed_dim}; got {num_heads}."
        )
    return checked


def check_call(layer, query, key, value, key_padding_mask, attn_mask, is_causal):
    """Raise unless the layer can be called so."""
    shapes = [tuple(require_tensor(_NAME, x).shape) for x in (query, key, value)]
    if {len(shape) for shape in shapes} not in ({2}, {3}):
        raise _core.ShapeError(
            f"[{_NAME}] expected query, key and value of 3 dimensions, or 2 without a batch; got "
            f"{shapes[0]}, {shapes[1]} and {shapes[2]}."
        )
    *before, length, _ = _batch_first(layer, shapes[0])
    count = _batch_first(layer, shapes[1])[-2]
    wanted = {
        "query": (*before, length, layer.embed_dim),
        "key": (*before, count, layer.kdim),
        "value": (*before, count, layer.vdim),
    }
    for (name, sizes), shape in zip(wanted.items(), shapes, strict=True):
        if _batch_first(layer, shape) != sizes:
            raise _core.ShapeError(
                f"[{_NAME}] expected {name} of shape {_batch_first(layer, sizes)}; got {shape}."
            )
    weight = layer._weights()[0]
    for name, x in zip(wanted, (query, key, value), strict=True):
        check_dtype(_NAME, name, x, weight)
    batch = before[0] if before else 1
    _check_mask("key_padding_mask", key_padding_mask, [(*before, count)])
    several = (batch * layer.num_heads, length, count)

    def hint(shape):
        if shape == (batch, count):
            return "Use key_padding_mask."
        if shape == (batch, length, count):
            heads = f"expand(-1, {layer.num_heads}, -1, -1)"
            return f"Use attn_mask.unsqueeze(1).{heads}.flatten(0, 1)."
        return ""

    _check_mask("attn_mask", attn_mask, [(length, count), several], hint)
    if is_causal and attn_mask is None:
        raise ValueError(f"[{_NAME}] expected attn_mask with is_causal=True; got None.")


def _batch_first(layer, shape):
    """(L, N, E) of the layer as (N, L, E), and back."""
    return shape if layer.batch_first or len(shape) != 3 else (shape[1], shape[0], shape[2])


def _check_mask(name, mask, shapes, hint_for=None):
    if mask is None:
        return
    if require_tensor(_NAME, mask).dtype != _core.bool and not mask.is_floating_point():
        raise _core.DtypeError(
            f"[{_NAME}] expected {name} of bools or floats; got {mask.dtype}. Use {name}.bool(), "
            "True where no query looks."
        )
    shape = tuple(mask.shape)
    if shape not in shapes:
        hint = hint_for(shape) if hint_for else ""
        if not hint and shape[::-1] in shapes:
            hint = f"Use {name}.T."
        raise _core.ShapeError(
            f"[{_NAME}] expected {name} of shape {' or '.join(map(str, shapes))}; got {shape}."
            + (f" {hint}" if hint else "")
        )
