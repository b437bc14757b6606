"""Short forms for the cases of operations that move elements."""

import numpy as np

from cases import Bad, Case, In, Sample, samples

INTEGERS = ("int64", "int32", "uint8", "bool")


def exact(name, twin, calls, **fields) -> Case:
    """A case that moves elements: results are equal to the last bit."""
    return Case(name, twin, samples(*calls), ulp=0.0, **fields)


def bad(match, *args, error=(ValueError, RuntimeError), **kwargs) -> Bad:
    """A call that must raise `error` with a message that matches."""
    return Bad(error, match, Sample(args, kwargs))


def index(values, dtype="int64") -> In:
    """An index tensor of given values."""
    array = np.asarray(values, dtype=dtype)
    return In(array.shape, dtype=dtype, grad=False, values=array)
