"""What is computed from measurements: intervals of a mean, and lines through times."""

import math
import statistics

import numpy as np

# Student's t at 97.5 % for 1, 2, ... degrees of freedom; beyond, that of the next smaller number.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def mean_interval(values):
    """(mean, low, high): the 95 % interval of the mean, by Student's t."""
    mean = statistics.mean(values)
    t = _T[min(len(values) - 1, len(_T)) - 1]
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def affine_fit(sizes, times):
    """(fixed, per one, largest distance): times = fixed + per one * size, relative squares least.

    The distance is that of a time from the line, as a share of the line.
    """
    sizes, times = np.asarray(sizes, float), np.asarray(times, float)
    rows = np.stack([1 / times, sizes / times], axis=1)
    (fixed, slope), *_ = np.linalg.lstsq(rows, np.ones(len(times)), rcond=None)
    line = fixed + slope * sizes
    return float(fixed), float(slope), float(np.abs(times / line - 1).max())
