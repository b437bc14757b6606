"""What layers say of inputs of another dtype or arrangement than theirs."""

from __future__ import annotations

from .. import _core
from .._core import Tensor


def check_dtype(owner: str, name: str, tensor: Tensor, like: Tensor) -> None:
    """DtypeError unless a tensor has the weights' dtype."""
    if tensor.dtype == like.dtype or _core._is_autocast_enabled():
        return
    hint = f"{name}.to({like.dtype})."
    if tensor.dtype in (_core.int64, _core.int32):
        hint = f"nn.Embedding for numbers of words, {name}.to({like.dtype}) for values."
    raise _core.DtypeError(
        f"[{owner}] expected {name} of the weights' dtype, {like.dtype}; got {tensor.dtype}. "
        f"Use {hint}"
    )


def channels_hint(input: Tensor, channels: int) -> str:
    """What to write where the channels are the last dimension instead of dimension 1."""
    if input.dim() < 3 or input.shape[-1] != channels:
        return ""
    return f" Use input.{'transpose(1, 2)' if input.dim() == 3 else 'movedim(-1, 1)'}."
