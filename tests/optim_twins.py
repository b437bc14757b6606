"""float64 NumPy twins of the optimizers: generators that yield the weights after each step, straight
from the formulas of the papers or, where they differ, of PyTorch's documentation.

`grads` has a gradient for each step. Every twin takes the settings by their names.
"""

import numpy as np


def signed(w, g, s):
    """The gradient with its sign and weight decay, and the weight that a decoupled decay leaves."""
    g = -g if s.get("maximize") else g
    decay = s.get("weight_decay", 0)
    if s.get("decoupled_weight_decay"):
        return w * (1 - s["lr"] * decay), g
    return w, g + decay * w


def sgd(w, grads, lr, momentum=0, dampening=0, nesterov=False, lr_in_velocity=False, **more):
    v, more = None, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        _, g = signed(w, g, more)
        if lr_in_velocity:
            g = lr * g
        if momentum:
            v = g if v is None else momentum * v + (1 - dampening) * g
            g = g + momentum * v if nesterov else v
        w = w - (g if lr_in_velocity else lr * g)
        yield w


def adam(w, grads, lr, betas, eps, amsgrad=False, constant_bias_correction=False, **more):
    (b1, b2), m, v, largest, more = betas, 0.0, 0.0, 0.0, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        w, g = signed(w, g, more)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        largest = np.maximum(largest, v) if amsgrad else v
        power = 1 if constant_bias_correction else t
        w = w - lr * (m / (1 - b1**power)) / (np.sqrt(largest / (1 - b2**power)) + eps)
        yield w


def rmsprop(w, grads, lr, alpha, eps, momentum=0, centered=False, eps_in_root=False, **more):
    v, a, b, more = 0.0, 0.0, 0.0, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        _, g = signed(w, g, more)
        v = alpha * v + (1 - alpha) * g * g
        a = alpha * a + (1 - alpha) * g
        square = np.maximum(v - a * a, 0) if centered else v
        d = g / (np.sqrt(square + eps) if eps_in_root else np.sqrt(square) + eps)
        b = momentum * b + d
        w = w - lr * b
        yield w


def adagrad(w, grads, lr, eps, lr_decay=0, initial_accumulator_value=0, eps_in_root=False, **more):
    s, more = initial_accumulator_value, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        _, g = signed(w, g, more)
        s = s + g * g
        root = np.sqrt(s + eps) if eps_in_root else np.sqrt(s) + eps
        w = w - lr / (1 + (t - 1) * lr_decay) * g / root
        yield w


def adadelta(w, grads, lr, rho, eps, **more):
    v, u, more = 0.0, 0.0, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        _, g = signed(w, g, more)
        v = rho * v + (1 - rho) * g * g
        d = g * np.sqrt(u + eps) / np.sqrt(v + eps)
        u = rho * u + (1 - rho) * d * d
        w = w - lr * d
        yield w


def adamax(w, grads, lr, betas, eps, **more):
    (b1, b2), m, u, more = betas, 0.0, 0.0, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        _, g = signed(w, g, more)
        m = b1 * m + (1 - b1) * g
        u = np.maximum(b2 * u, abs(g) + eps)
        w = w - lr / (1 - b1**t) * m / u
        yield w


def nadam(w, grads, lr, betas, eps, momentum_decay, **more):
    (b1, b2), m, v, product, more = betas, 0.0, 0.0, 1.0, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        w, g = signed(w, g, more)
        mu, following = (b1 * (1 - 0.5 * 0.96 ** (k * momentum_decay)) for k in (t, t + 1))
        product = product * mu
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        ahead = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        w = w - lr * ahead / (np.sqrt(v / (1 - b2**t)) + eps)
        yield w


def radam(w, grads, lr, betas, eps, **more):
    (b1, b2), m, v, more = betas, 0.0, 0.0, {"lr": lr, **more}
    longest = 2 / (1 - b2) - 1
    for t, g in enumerate(grads, 1):
        w, g = signed(w, g, more)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        step = lr * m / (1 - b1**t)
        r = longest - 2 * t * b2**t / (1 - b2**t)
        if r > 5:
            c = (r - 4) * (r - 2) * longest / ((longest - 4) * (longest - 2) * r)
            step = step * np.sqrt(c) * np.sqrt(1 - b2**t) / (np.sqrt(v) + eps)
        w = w - step
        yield w


def qhadam(w, grads, lr, betas, nus, eps, **more):
    (b1, b2), (n1, n2), m, v, more = betas, nus, 0.0, 0.0, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        w, g = signed(w, g, more)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        square = (1 - n2) * g * g + n2 * v / (1 - b2**t)
        w = w - lr * ((1 - n1) * g + n1 * m / (1 - b1**t)) / (np.sqrt(square) + eps)
        yield w


def rprop(w, grads, lr, etas, step_sizes, **more):
    before, size, more = 0.0 * w, lr + 0.0 * w, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        _, g = signed(w, g, more)
        agrees = np.sign(g) * np.sign(before)
        size = size * np.select([agrees > 0, agrees < 0], [etas[1], etas[0]], 1.0)
        size = np.clip(size, *step_sizes)
        before = np.where(agrees < 0, 0.0, g)
        w = w - np.sign(before) * size
        yield w


def asgd(w, grads, lr, lambd, alpha, t0, **more):
    eta, mu, ax, more = lr, 1.0, 0.0 * w, {"lr": lr, **more}
    for t, g in enumerate(grads, 1):
        _, g = signed(w, g, more)
        w = w * (1 - lambd * eta) - eta * g
        ax = ax + mu * (w - ax)
        eta, mu = lr / (1 + lambd * lr * t) ** alpha, 1 / max(1, t - t0)
        yield w
    yield ax


def lion(w, grads, lr, betas, weight_decay=0, maximize=False):
    m = 0.0
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        direction = np.sign(betas[0] * m + (1 - betas[0]) * g)
        w = w * (1 - lr * weight_decay) - lr * direction
        m = betas[1] * m + (1 - betas[1]) * g
        yield w


def adamw(*args, **settings):
    return adam(*args, decoupled_weight_decay=True, **settings)


def lamb(w, grads, lr, betas, eps, bias_correction=True, norm_bounds=(0, np.inf), **more):
    (b1, b2), m, v = betas, 0.0, 0.0
    for t, g in enumerate(grads, 1):
        g = -g if more.get("maximize") else g
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        first, second = (m / (1 - b1**t), v / (1 - b2**t)) if bias_correction else (m, v)
        r = first / (np.sqrt(second) + eps) + more.get("weight_decay", 0) * w
        length, size = np.clip(np.linalg.norm(w), *norm_bounds), np.linalg.norm(r)
        w = w - lr * (length / size if length > 0 and size > 0 else 1) * r
        yield w


def adafactor(w, grads, lr, beta2_decay, eps, d, weight_decay=0, maximize=False, own_eps=None):
    """`own_eps` is that of the dtype, which counts where eps[0] is None."""
    eps1 = own_eps if eps[0] is None else eps[0]
    r, c = 0.0, 0.0
    for t, g in enumerate(grads, 1):
        g = -g if maximize else g
        rest = t**beta2_decay
        alpha = max(eps[1], np.sqrt((w**2).mean())) * min(lr, t**-0.5)
        w = w * (1 - lr * weight_decay)
        r = (1 - rest) * r + rest * (g * g).mean(1, keepdims=True)
        c = (1 - rest) * c + rest * (g * g).mean(0, keepdims=True)
        u = g / np.sqrt(np.maximum(r * c / max(r.mean(), eps1), eps1**2))
        w = w - alpha / max(1, np.sqrt((u**2).mean()) / d) * u
        yield w


def muon(
    w, grads, lr, momentum, nesterov, ns_coefficients, eps, ns_steps, weight_decay, adjust_lr_fn
):
    (a, b, c), m = ns_coefficients, 0.0
    rows, columns = w.shape
    as_adamw = adjust_lr_fn == "match_rms_adamw"
    scale = 0.2 * max(rows, columns) ** 0.5 if as_adamw else max(1, rows / columns) ** 0.5
    for g in grads:
        m = momentum * m + (1 - momentum) * g
        x = (1 - momentum) * g + momentum * m if nesterov else m
        x = x / max(np.linalg.norm(x), eps)
        for _ in range(ns_steps):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        w = w * (1 - lr * weight_decay) - lr * scale * x
        yield w
