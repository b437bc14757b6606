"""The step in JAX: the whole step jitted, with donated buffers."""

import jax
import jax.numpy as jnp


def set_threads(n):
    """XLA's CPU client follows the processors the process may use; bench.harness.pin sets them."""


def steps(network):
    params = [(jnp.array(w), jnp.array(b)) for w, b in network.weights()]
    x, y = (jnp.array(a) for a in network.data())

    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[network.activation]

    def loss_of(params, x, y):
        h = x
        for i, (w, b) in enumerate(params):
            h = h @ w.T + b
            if i < len(params) - 1:
                h = activation(h)
        if network.regression:
            return ((h - y) ** 2).mean()
        return -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1).mean()

    def update(state, x, y):
        params, m, v, t = state
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        t = t + 1
        tree = jax.tree_util.tree_map
        if network.optimizer == "sgd":
            m = tree(lambda m, g: 0.9 * m + g, m, grads)
            params = tree(lambda p, m: p - 0.01 * m, params, m)
        else:
            m = tree(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
            v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
            c1, c2 = 1 - 0.9**t, 1 - 0.999**t
            params = tree(
                lambda p, m, v: p - 0.001 * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), params, m, v
            )
        return (params, m, v, t), loss

    compiled = jax.jit(update, donate_argnums=0)
    zeros = jax.tree_util.tree_map(jnp.zeros_like, params)
    box = [(params, zeros, jax.tree_util.tree_map(jnp.zeros_like, params), jnp.float32(0))]

    def step():
        box[0], loss = compiled(box[0], x, y)
        return loss.block_until_ready()

    return {"jax": step}
