"""What this build runs on."""

from chainrule import _core

__all__ = ["available_isas", "isa"]


def isa() -> str:
    """The instruction set of the kernels in use: "v2", "v3", "v4", "generic" or "reference"."""
    return _core._isa()


def available_isas() -> list[str]:
    """The instruction sets that this build and this processor have."""
    return [name.strip() for name in _core._available_isas().split(",")]
