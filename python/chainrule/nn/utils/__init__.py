"""Gradient clipping, constraints on weights, all parameters as one vector, parameters
computed from others or noisy, sequences of several lengths."""

from ..._later import absent as _absent
from . import parametrizations, parametrize, rnn
from ._clip_grad import clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from ._constraints import max_norm_, non_negative_
from ._convert_parameters import parameters_to_vector, vector_to_parameters
from ._weight_noise import weight_noise

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "max_norm_",
    "non_negative_",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "rnn",
    "vector_to_parameters",
    "weight_noise",
]

_REMOVE = "nn.utils.parametrize.remove_parametrizations(module, 'weight')"

__getattr__ = _absent(
    __name__,
    {
        "weight_norm": "nn.utils.parametrizations.weight_norm",
        "remove_weight_norm": _REMOVE,
        "spectral_norm": "nn.utils.parametrizations.spectral_norm",
        "remove_spectral_norm": _REMOVE,
    },
)
