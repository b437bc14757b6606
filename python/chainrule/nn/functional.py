"""The operations of `chainrule.nn` as plain functions.

Those without `def` are the native functions themselves. The others add what PyTorch's signature has
and the native one leaves out: `inplace`, softmax without `dim`, and the old pair `size_average` /
`reduce` of the losses, which is translated to `reduction`.

Losses never broadcast: `input` and `target` must have equal shapes, and (N, 1) against (N,) is a
ShapeError. Each has reduction="none", which keeps the losses of the samples apart, so that samples
can be weighed, as by scikit-learn's `sample_weight`:

    losses = nn.functional.cross_entropy(net(x), y, reduction="none")
    loss = (losses * sample_weight).sum() / sample_weight.sum()
"""

from __future__ import annotations

from .._checks import require_tensor
from .._core import Tensor, _functional
from .._warn import warn
from ._activations import (
    celu,
    elu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    mish,
    relu,
    relu6,
    rrelu,
    selu,
    silu,
    threshold,
)
from ._attention import scaled_dot_product_attention
from ._bags import embedding_bag
from ._bilinear import bilinear
from ._class_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    multilabel_soft_margin_loss,
    nll_loss,
)
from ._convolve import conv1d, conv2d
from ._distances import (
    cosine_embedding_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ._dropouts import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from ._embeddings import embedding
from ._margin_losses import (
    hinge_embedding_loss,
    hinge_loss,
    logistic_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    soft_margin_loss,
)
from ._noise import gaussian_noise
from ._normalize import batch_norm, group_norm, instance_norm
from ._pad import pad
from ._pooling import (
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    max_pool1d,
    max_pool2d,
)
from ._regression_losses import (
    gaussian_nll_loss,
    half_mse_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)

TYPE_CHECKING = False
if not TYPE_CHECKING:  # to which a module with __getattr__ has every name
    from .._later import absent
    from . import _INSTEAD

    __getattr__ = absent(
        __name__,
        {
            "conv_transpose2d": _INSTEAD["ConvTranspose2d"],
            "interpolate": _INSTEAD["Upsample"],
        },
    )
    del absent

adaptive_avg_pool1d = _functional.adaptive_avg_pool1d
adaptive_max_pool1d_with_indices = _functional.adaptive_max_pool1d_with_indices
adaptive_max_pool2d_with_indices = _functional.adaptive_max_pool2d_with_indices
avg_pool1d = _functional.avg_pool1d
avg_pool2d = _functional.avg_pool2d
cosine_similarity = _functional.cosine_similarity
fold = _functional.fold
gelu = _functional.gelu
glu = _functional.glu
hardshrink = _functional.hardshrink
layer_norm = _functional.layer_norm
linear = _functional.linear
logsigmoid = _functional.logsigmoid
max_pool1d_with_indices = _functional.max_pool1d_with_indices
max_pool2d_with_indices = _functional.max_pool2d_with_indices
maxout = _functional.maxout
normalize = _functional.normalize
one_hot = _functional.one_hot
pairwise_distance = _functional.pairwise_distance
prelu = _functional.prelu
rms_norm = _functional.rms_norm
sigmoid = _functional.sigmoid
softplus = _functional.softplus
softshrink = _functional.softshrink
softsign = _functional.softsign
squareplus = _functional.squareplus
step = _functional.step
tanh = _functional.tanh
tanhshrink = _functional.tanhshrink
unfold = _functional.unfold

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "gaussian_nll_loss",
    "gaussian_noise",
    "gelu",
    "glu",
    "group_norm",
    "half_mse_loss",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "hinge_loss",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logistic_loss",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "maxout",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rrelu",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "squareplus",
    "step",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
]


def __dir__():
    return __all__


def softmax(input: Tensor, dim: int | None = None, dtype=None) -> Tensor:
    """e^x / sum(e^x) along `dim`; `dtype` casts the input first.

    Without `dim` it is 0 for 0, 1 or 3 dimensions and 1 otherwise, with a warning, as in PyTorch.

    Example:
        >>> softmax(chainrule.zeros(2, 4), dim=1)
        tensor([[0.2500, 0.2500, 0.2500, 0.2500],
                [0.2500, 0.2500, 0.2500, 0.2500]])

    Source: 002_5fc2916072822600.txt.
    """
    return _functional.softmax(
        input, _implicit_dim("softmax", input) if dim is None else dim, dtype=dtype
    )


def log_softmax(input: Tensor, dim: int | None = None, dtype=None) -> Tensor:
    """log(softmax(x)) along `dim`, without overflow; arguments as in softmax.

    Source: 001_bfbf75e1b9730729.txt.
    """
    return _functional.log_softmax(
        input, _implicit_dim("log_softmax", input) if dim is None else dim, dtype=dtype
    )


def softmin(input: Tensor, dim: int | None = None, dtype=None) -> Tensor:
    """softmax(-x) along `dim`: the smallest element has the largest share; arguments as in softmax.

    Example:
        >>> softmin(chainrule.tensor([1.0, 2.0, 3.0]), dim=0)
        tensor([0.6652, 0.2447, 0.0900])
    """
    require_tensor("softmin", input)
    return _functional.softmax(
        -input, _implicit_dim("softmin", input) if dim is None else dim, dtype=dtype
    )


def _implicit_dim(name, input):
    dim = 0 if require_tensor(name, input).dim() in (0, 1, 3) else 1
    warn(f"[{name}] expected dim; without it dim={dim} is taken.")
    return dim
