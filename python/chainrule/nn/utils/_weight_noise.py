"""Noise on weights, as a switch on any module."""

from __future__ import annotations

from ..._checks import type_name
from ..._replaced import replaced
from .._hooks import RemovableHandle
from .._members import PARAMETER
from .._module import Module
from .._noise import require_std, with_noise
from .._uninitialized import UninitializedParameter


def weight_noise(module: Module, std: float, name: str | None = None) -> RemovableHandle:
    """From now on each call in training mode sees weights w + std ε, with new normal numbers ε.

    It takes in the parameters of `module` and of all below that is in training mode; with `name`
    only those of that name, such as "weight". The stored values stay as they are, gradients are
    those at the noisy weights and belong to the stored ones, and a parameter that is shared gets
    the same noise everywhere. In evaluation mode nothing is done. `state_dict` does not change.

    Returns a handle whose `remove()` takes the noise away. While nothing is recorded a noisy call
    ends all plans of compiled functions, as functional_call does; inside a compiled function it is
    part of what is replayed.

    Raises ValueError unless `std` is finite and >= 0, or when no parameter has that name.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> noise = nn.utils.weight_noise(layer, std=0.1)
        >>> x = chainrule.ones(1, 2)
        >>> bool(layer(x) == layer(x)), bool(layer.eval()(x) == layer(x))
        (False, True)
        >>> noise.remove()

    Source: noise on weights, "practical stochastic Bayesian inference", 001_bfbf75e1b9730729.txt;
    Graves, "Practical variational inference for neural networks" (2011).
    """
    if not isinstance(module, Module):
        raise TypeError(f"[weight_noise] expected an nn.Module; got {type_name(module)}.")
    std = require_std("weight_noise", std)
    names = [path.rpartition(".")[2] for path, _ in module.named_parameters()]
    if name is not None and name not in names:
        raise ValueError(
            f"[weight_noise] expected the name of a parameter of {type(module).__name__} or below; "
            f"got {name!r:.60}."
        )
    hooks = module._own_hooks()
    return RemovableHandle(hooks.around, _WeightNoise(std, name), False, False)


class _WeightNoise:
    """Gives the context in which a module runs on noisy weights."""

    def __init__(self, std, name):
        self.std = std
        self.name = name

    def __call__(self, module):
        return replaced(module, self._noisy(module) if self.std else [], "weight_noise")

    def _noisy(self, module):
        """(owner, attribute, tensor) of all weights; of a shared one the same tensor."""
        found, drawn = [], {}
        for owner in module.modules():
            if not owner.training:
                continue
            for name, weight in owner._own(PARAMETER):
                waits = isinstance(weight, UninitializedParameter)
                if waits or self.name not in (None, name):
                    continue
                if id(weight) not in drawn:
                    drawn[id(weight)] = with_noise(weight, self.std)
                found.append((owner, name, drawn[id(weight)]))
        return found
