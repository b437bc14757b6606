"""Linear algebra: the operations that PyTorch keeps in `torch.linalg`."""

from ._core import _linalg

__all__ = ["vector_norm"]

vector_norm = _linalg.vector_norm
