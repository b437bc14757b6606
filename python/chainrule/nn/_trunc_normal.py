"""Samples of a normal distribution kept to an interval, by rejection.

Each round proposes a value for every element and keeps those accepted first. Of three proposals the
one is taken that accepts at least 0.3 of its values wherever the interval lies: the normal itself
where the interval holds much of it, a uniform one around the mean, and in the tail an exponential
one. Source: Robert, "Simulation of truncated normal variables" (1995).
"""

import math

from .. import _core


def standard(shape, low, high, generator):
    """float64 samples of N(0, 1) between `low` and `high`, low < high."""
    if high < 0:
        return -standard(shape, -high, -low, generator)
    if (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2 > 0.3:
        propose = _normal
    else:
        propose = _uniform if low <= 0 else _exponential
    values, accepted = propose(shape, low, high, generator)
    while not bool(accepted.all()):
        again, accepted_now = propose(shape, low, high, generator)
        values = _core.where(accepted, values, again)
        accepted = accepted | accepted_now
    return values


def _rand(shape, generator):
    return _core.rand(shape, dtype=_core.float64, generator=generator)


def _normal(shape, low, high, generator):
    x = _core.randn(shape, dtype=_core.float64, generator=generator)
    return x, (x >= low) & (x <= high)


def _uniform(shape, low, high, generator):
    x = low + (high - low) * _rand(shape, generator)
    return x, _rand(shape, generator) < _core.exp(-0.5 * x * x)


def _exponential(shape, low, high, generator):
    """Density rate * e^(-rate (x - low)) on [low, high]; the rate is Robert's optimum."""
    rate = (low + math.sqrt(low * low + 4)) / 2
    share = -math.expm1(-rate * (high - low))  # of the exponential that lies below `high`
    x = low - _core.log1p(-share * _rand(shape, generator)) / rate
    peak = min(max(rate, low), high)  # where the ratio of the two densities is largest
    ratio = 0.5 * ((peak - rate) ** 2 - (x - rate) ** 2)
    return x, _rand(shape, generator) < _core.exp(ratio)
