"""Gradient clipping, constraints on weights, all parameters as one vector, parameters
computed from others or noisy."""

from . import parametrizations, parametrize
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
    "vector_to_parameters",
    "weight_noise",
]
