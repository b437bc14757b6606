"""Functions from functions: gradients of a function by its arguments, and modules as functions.

The meaning is that of `torch.func` and of JAX: arguments are nested dicts, lists and tuples of
tensors, gradients come in the same structure, and no `.grad` is touched.
"""

from ._functional_call import functional_call
from ._transforms import grad, value_and_grad

__all__ = ["functional_call", "grad", "value_and_grad"]
