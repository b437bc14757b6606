"""Linear algebra: the operations that PyTorch keeps in `torch.linalg`."""

from chainrule import _core

__all__ = sorted(name for name in vars(_core._linalg) if not name.startswith("_"))
globals().update({name: getattr(_core._linalg, name) for name in __all__})
