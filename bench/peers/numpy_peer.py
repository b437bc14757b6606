"""The step written out in NumPy, as a course would: one product a layer and direction."""

import numpy as np


def set_threads(n):
    """NumPy's BLAS reads OMP_NUM_THREADS when it loads; bench.harness.pin sets it."""


def steps(network):
    params = [p.copy() for layer in network.weights() for p in layer]
    x, y = network.data()
    state = [[np.zeros_like(p) for p in params] for _ in range(2)]
    count = [0]
    tanh = network.activation == "tanh"

    def gradients():
        hs, h = [x], x
        for i in range(0, len(params), 2):
            h = h @ params[i].T + params[i + 1]
            if i < len(params) - 2:
                h = np.tanh(h) if tanh else np.maximum(h, 0)
            hs.append(h)
        if network.regression:
            d = 2 * (h - y) / h.size
            loss = ((h - y) ** 2).mean()
        else:
            e = np.exp(h - h.max(1, keepdims=True))
            p = e / e.sum(1, keepdims=True)
            loss = -np.log(p[np.arange(len(y)), y]).mean()
            d = p
            d[np.arange(len(y)), y] -= 1
            d /= len(y)
        grads = [None] * len(params)
        for i in range(len(params) - 2, -1, -2):
            grads[i], grads[i + 1] = d.T @ hs[i // 2], d.sum(0)
            if i:
                h = hs[i // 2]
                d = (d @ params[i]) * (1 - h * h if tanh else h > 0)
        return loss, grads

    def step():
        loss, grads = gradients()
        count[0] += 1
        for p, g, m, v in zip(params, grads, *state, strict=True):
            if network.optimizer == "sgd":
                m *= 0.9
                m += g
                p -= 0.01 * m
            else:
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                corrected = np.sqrt(v / (1 - 0.999 ** count[0])) + 1e-8
                p -= (0.001 / (1 - 0.9 ** count[0])) * m / corrected
        return loss

    return {"numpy": step}
