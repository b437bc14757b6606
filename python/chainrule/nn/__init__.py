"""Modules, losses, parameters and what belongs to them, with PyTorch's names.

A source such as 000_4bfdbb0e825250a6.txt is a lecture; docs/lectures.md says which.
"""

from .._core import Parameter
from . import functional, init, regularization, utils
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
from ._distance import (
    CosineEmbeddingLoss,
    CosineSimilarity,
    PairwiseDistance,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from ._dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d, FeatureAlphaDropout
from ._embedding import Embedding
from ._embedding_bag import EmbeddingBag
from ._grouped import GLU, LogSoftmax, Maxout, Softmax, Softmax2d, Softmin
from ._lazy import LazyLinear
from ._leaky import LeakyReLU, PReLU, RReLU
from ._likelihood_loss import GaussianNLLLoss, HalfMSELoss, KLDivLoss, PoissonNLLLoss
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
from ._margin_loss import (
    HingeEmbeddingLoss,
    HingeLoss,
    LogisticLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
)
from ._mlp import MLP, Autoencoder
from ._module import Module
from ._module_dict import ModuleDict
from ._noise import GaussianNoise
from ._normalization import GroupNorm, LayerNorm, RMSNorm
from ._parameter_dict import ParameterDict
from ._parameters import ParameterList
from ._plain import Flatten, Identity
from ._rectifier import Hardshrink, Hardsigmoid, Hardtanh, ReLU, ReLU6, Softshrink, Step, Threshold
from ._smooth import (
    CELU,
    ELU,
    GELU,
    SELU,
    Arctan,
    Hardswish,
    LogSigmoid,
    Mish,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Squareplus,
    Tanh,
    Tanhshrink,
)
from ._unflatten import Unflatten
from ._uninitialized import UninitializedParameter
from ._user_activation import Activation

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "MLP",
    "SELU",
    "Activation",
    "AlphaDropout",
    "Arctan",
    "Autoencoder",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Bilinear",
    "CosineEmbeddingLoss",
    "CosineSimilarity",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "Embedding",
    "EmbeddingBag",
    "FeatureAlphaDropout",
    "Flatten",
    "GaussianNLLLoss",
    "GaussianNoise",
    "GroupNorm",
    "HalfMSELoss",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LazyLinear",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "LogisticLoss",
    "MSELoss",
    "MarginRankingLoss",
    "Maxout",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PReLU",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "PoissonNLLLoss",
    "RMSNorm",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Squareplus",
    "Step",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "Unflatten",
    "UninitializedParameter",
    "functional",
    "init",
    "regularization",
    "utils",
]
