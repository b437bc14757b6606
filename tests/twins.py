"""NumPy twins that several cases share. They take whatever precision they are given."""

import math

import numpy as np


def elementwise(function):
    """A twin from a function of one double; NumPy has no erf."""
    vectorised = np.vectorize(function, otypes=[np.float64])

    def twin(x):
        x = np.asarray(x)
        return vectorised(x.astype(np.float64)).astype(x.dtype) if x.size else x.copy()

    return twin


erf = elementwise(math.erf)
normal_cdf = elementwise(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)))


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def gelu(x, approximate="none"):
    if approximate == "none":
        return x * normal_cdf(x)
    pi = np.arccos(np.asarray(-1, dtype=x.dtype))
    inner = np.sqrt(2 / pi) * (x + np.asarray(0.044715, x.dtype) * x**3)
    return x * sigmoid(2 * inner)


def axes(dim):
    """PyTorch's dim as NumPy's axis: none or an empty list means all."""
    return None if dim is None or dim in ([], ()) else tuple(dim) if isinstance(dim, list) else dim


def log_softmax(x, dim):
    shifted = x - x.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


def reduced(loss, reduction):
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / max(loss.size, 1)
