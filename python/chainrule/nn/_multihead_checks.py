"""What nn.MultiheadAttention refuses."""

from __future__ import annotations

from .. import _core
from .._checks import require_tensor
from ._dropouts import require_probability
from ._sizes import require_size

_NAME = "MultiheadAttention"


def check_settings(embed_dim, num_heads, dropout, kdim, vdim):
    """Raise unless a layer can be made of these."""
    sizes = {"embed_dim": embed_dim, "num_heads": num_heads, "kdim": kdim, "vdim": vdim}
    for name, size in sizes.items():
        require_size(_NAME, name, size, least=1)
    if embed_dim % num_heads != 0:
        raise ValueError(
            f"[{_NAME}] expected num_heads that divides embed_dim, {embed_dim}; got {num_heads}."
        )
    require_probability(_NAME, dropout, "dropout")


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
    batch = before[0] if before else 1
    _check_mask("key_padding_mask", key_padding_mask, [(*before, count)])
    several = (batch * layer.num_heads, length, count)
    _check_mask("attn_mask", attn_mask, [(length, count), several])
    if is_causal and attn_mask is None:
        raise ValueError(f"[{_NAME}] expected attn_mask with is_causal=True; got None.")


def _batch_first(layer, shape):
    """(L, N, E) of the layer as (N, L, E), and back."""
    return shape if layer.batch_first or len(shape) != 3 else (shape[1], shape[0], shape[2])


def _check_mask(name, mask, shapes):
    if mask is None:
        return
    if require_tensor(_NAME, mask).dtype != _core.bool and not mask.is_floating_point():
        raise _core.DtypeError(f"[{_NAME}] expected {name} of bools or floats; got {mask.dtype}.")
    if tuple(mask.shape) not in shapes:
        raise _core.ShapeError(
            f"[{_NAME}] expected {name} of shape {' or '.join(map(str, shapes))}; "
            f"got {tuple(mask.shape)}."
        )
