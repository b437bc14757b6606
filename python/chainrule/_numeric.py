"""finfo and iinfo: the limits of the dtypes."""

from chainrule import _core

# name: mantissa bits after the point, least and greatest exponent of normal numbers, resolution
_FLOATS = {
    "bfloat16": (7, -126, 127, 1e-2),
    "float32": (23, -126, 127, 1e-6),
    "float64": (52, -1022, 1023, 1e-15),
}
_INTEGERS = {"uint8": (0, 8), "int32": (31, 32), "int64": (63, 64)}


def _name(dtype):
    return str(dtype).rpartition(".")[2]


class finfo:
    """Limits of a floating dtype: eps, max, min, tiny, smallest_normal, resolution, bits."""

    def __init__(self, type: _core.dtype | None = None):
        dtype = _core.get_default_dtype() if type is None else type
        if _name(dtype) not in _FLOATS:
            raise TypeError(f"[finfo] expected a floating dtype; got {dtype}. Use iinfo().")
        mantissa, low, high, self.resolution = _FLOATS[_name(dtype)]
        self.dtype = _name(dtype)
        self.bits = 8 * dtype.itemsize
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0**high
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**low

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.tiny:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: max, min, bits."""

    def __init__(self, type: _core.dtype):
        if _name(type) not in _INTEGERS:
            raise TypeError(f"[iinfo] expected an integer dtype; got {type}.")
        magnitude, self.bits = _INTEGERS[_name(type)]
        self.dtype = _name(type)
        self.max = 2 ** (magnitude or self.bits) - 1
        self.min = -(2**magnitude) if magnitude else 0

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
