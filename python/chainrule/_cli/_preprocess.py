"""Standardising columns with statistics of the training rows alone."""

_LEAST, _MOST = 2.0**-126, (2 - 2.0**-23) * 2.0**127  # of float32's normal numbers


class Standardizer:
    """(x - mean) / scale; scale is the training rows' standard deviation, 1 for constant columns.

    With `shared`, one mean and one scale serve all columns: pixels have a common unit, and a corner
    pixel that is lit in one image of a thousand must not be blown up.
    """

    def __init__(self, mean, scale, name=""):
        import numpy as np

        self.mean = np.asarray(mean, dtype=np.float64)
        self.scale = np.asarray(scale, dtype=np.float64)
        if self.mean.ndim != 1 or self.mean.shape != self.scale.shape or not self.mean.size:
            shapes = f"{self.mean.shape} and {self.scale.shape}"
            raise ValueError(
                f"[Standardizer] expected mean and scale of equal length; got {shapes}."
            )
        for field, values, low in (("mean", self.mean, -_MOST), ("scale", self.scale, _LEAST)):
            bad = np.flatnonzero(~((low <= values) & (values <= _MOST)))  # NaN is never inside
            if bad.size:
                raise ValueError(
                    f"[Standardizer] expected {name}{field}[{bad[0]}] from {low:.3g} to {_MOST:.3g}, "
                    f"a number for float32; got {values[bad[0]]:g}."
                )

    @classmethod
    def fit(cls, x, shared=False):
        """The statistics of `x` (rows, columns), which should be the training rows."""
        import numpy as np

        axis = None if shared else 0
        mean = np.atleast_1d(np.mean(x, axis=axis, dtype=np.float64))
        scale = np.atleast_1d(np.std(x, axis=axis, dtype=np.float64))
        # A constant column's deviation is not exactly 0 in floating point: it is judged against the
        # mean.
        return cls(mean, np.where(scale <= 1e-12 * np.abs(mean), 1.0, scale))

    def transform(self, x):
        """Standardised float32."""
        import numpy as np

        if x.dtype == np.uint8:  # big image sets: without a float64 copy of everything
            out = x.astype(np.float32)
            out -= self.mean.astype(np.float32)
            out /= self.scale.astype(np.float32)
            return out
        return ((x - self.mean) / self.scale).astype(np.float32)

    def inverse(self, x):
        """Back to the original units, float64."""
        return x * self.scale + self.mean

    def to_dict(self):
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_dict(cls, table, name=""):
        """`name` stands in front of the field that an error names."""
        return cls(table["mean"], table["scale"], name)
