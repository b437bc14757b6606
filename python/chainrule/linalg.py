"""Linear algebra: the operations that PyTorch keeps in `torch.linalg`."""

from chainrule import _core

for _name, _function in vars(_core._linalg).items():
    if not _name.startswith("_"):
        globals()[_name] = _function
