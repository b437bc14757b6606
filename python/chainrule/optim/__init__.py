"""Optimizers, with PyTorch's names, arguments, state and state dicts.

A source such as 003_35a9ce6660cbb7d5.txt is a lecture; docs/lectures.md says which.
"""

from ._adam import Adam, AdamW
from ._optimizer import Optimizer
from ._sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
