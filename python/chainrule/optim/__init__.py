"""Optimizers, with PyTorch's names, arguments, state and state dicts.

A source such as 003_35a9ce6660cbb7d5.txt is a lecture; docs/lectures.md says which.
"""

from .._later import attach as _attach

__getattr__, __dir__, __all__ = _attach(__name__)
