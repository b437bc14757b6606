"""Modules, losses, parameters and what belongs to them, with PyTorch's names.

A source such as 000_4bfdbb0e825250a6.txt is a lecture; docs/lectures.md says which.
"""

from .._core import Parameter
from . import functional, init, utils
from ._activation import (
    GELU,
    Flatten,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from ._batch_norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from ._bilinear import Bilinear
from ._container import ModuleList, Sequential
from ._dropout import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
)
from ._embedding import Embedding
from ._lazy import LazyLinear
from ._linear import Linear
from ._loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from ._mlp import MLP, Autoencoder
from ._module import Module
from ._module_dict import ModuleDict
from ._noise import GaussianNoise
from ._normalization import GroupNorm, LayerNorm, RMSNorm
from ._parameters import ParameterDict, ParameterList
from ._unflatten import Unflatten
from ._uninitialized import UninitializedParameter

__all__ = [
    "GELU",
    "MLP",
    "AlphaDropout",
    "Autoencoder",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Bilinear",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "FeatureAlphaDropout",
    "Flatten",
    "GaussianNoise",
    "GroupNorm",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "L1Loss",
    "LayerNorm",
    "LazyLinear",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "RMSNorm",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Tanh",
    "Unflatten",
    "UninitializedParameter",
    "functional",
    "init",
    "utils",
]
