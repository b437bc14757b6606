"""The operations of `chainrule.nn` as plain functions.

Those without `def` are the native functions themselves. The others add what PyTorch's signature has
and the native one leaves out: `inplace`, softmax without `dim`, and the old pair `size_average` /
`reduce`, which is translated to `reduction`.

Losses never broadcast: `input` and `target` must have equal shapes, and (N, 1) against (N,) is a
ShapeError.
"""

from __future__ import annotations

from .._checks import require_tensor
from .._core import Tensor, _functional
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
    selu,
    silu,
    threshold,
)
from ._bilinear import bilinear
from ._dropouts import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from ._embedding import embedding
from ._noise import gaussian_noise
from ._normalize import batch_norm, group_norm, instance_norm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

gelu = _functional.gelu
hardshrink = _functional.hardshrink
layer_norm = _functional.layer_norm
linear = _functional.linear
logsigmoid = _functional.logsigmoid
one_hot = _functional.one_hot
rms_norm = _functional.rms_norm
sigmoid = _functional.sigmoid
softplus = _functional.softplus
softshrink = _functional.softshrink
softsign = _functional.softsign
tanh = _functional.tanh
tanhshrink = _functional.tanhshrink

__all__ = [
    "alpha_dropout",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "feature_alpha_dropout",
    "gaussian_noise",
    "gelu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "instance_norm",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "relu6",
    "rms_norm",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
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


def _implicit_dim(name, input):
    dim = 0 if require_tensor(name, input).dim() in (0, 1, 3) else 1
    import warnings

    warnings.warn(
        f"[{name}] expected dim; without it dim={dim} is taken.", UserWarning, stacklevel=3
    )
    return dim


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)², then the mean ("mean"), the sum ("sum") or every element ("none").

    Shapes: input and target equal, any; ShapeError otherwise. `weight` broadcasts to them, and the
    mean divides by its sum.

    Example:
        >>> mse_loss(chainrule.tensor([1.0, 3.0]), chainrule.tensor([1.0, 1.0]))
        tensor(2.)

    Source: 002_5fc2916072822600.txt; the form with a factor ½, 000_4bfdbb0e825250a6.txt, is half of
    it.
    """
    how = _reduction(reduction, size_average, reduce)
    return _functional.mse_loss(input, target, reduction=how, weight=weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|; shapes, weight and reductions as in mse_loss. The derivative at 0 is 0."""
    how = _reduction(reduction, size_average, reduce)
    return _functional.l1_loss(input, target, reduction=how, weight=weight)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2 beta) where d = |input - target| < beta, else d - beta / 2.

    Shapes and reductions as in mse_loss; beta >= 0, and 0 gives l1_loss. Source: Girshick, "Fast
    R-CNN" (2015).
    """
    how = _reduction(reduction, size_average, reduce)
    return _functional.smooth_l1_loss(input, target, reduction=how, beta=beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d² / 2 where d = |input - target| < delta, else delta (d - delta / 2).

    Shapes and reductions as in mse_loss, but the mean divides by the number of elements also with a
    weight; delta > 0. Source: Huber (1964).
    """
    how = _reduction(reduction, None, None)
    return _functional.huber_loss(input, target, reduction=how, delta=delta, weight=weight)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax and negative log-likelihood of logits in one: -log softmax(input)[target].

    Shapes: input (N, C), (C,) or (N, C, d1, ...); target either classes in [0, C), int64, of the
    shape without C, or probabilities of the input's shape. `weight` (C,) weighs the classes, and
    the mean divides by the weights of the targets; targets equal to `ignore_index` count for
    nothing; `label_smoothing` in [0, 1].

    Example:
        >>> cross_entropy(chainrule.zeros(2, 4), chainrule.tensor([0, 3]))  # log 4
        tensor(1.3863)

    Source: softmax-cross-entropy, 002_5fc2916072822600.txt; label smoothing, Szegedy et al. (2015).
    """
    return _functional.cross_entropy(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=_reduction(reduction, size_average, reduce),
        label_smoothing=label_smoothing,
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target] for log-probabilities; shapes, weight and reductions as in cross_entropy with
    classes.

    Source: the negative-log-likelihood layer of 001_bfbf75e1b9730729.txt.
    """
    return _functional.nll_loss(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=_reduction(reduction, size_average, reduce),
    )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-y log p - (1 - y) log(1 - p) for probabilities p; the logarithms are kept above -100.

    Shapes: input and target equal; input and target in [0, 1]; `weight` broadcasts to them.
    Source: 002_5fc2916072822600.txt.
    """
    return _functional.binary_cross_entropy(
        input, target, weight, reduction=_reduction(reduction, size_average, reduce)
    )


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Sigmoid and binary cross-entropy in one, without overflow.

    `pos_weight` multiplies the term of y = 1 and broadcasts to the input, as `weight` does. Shapes:
    input and target equal. Source: BCE on logits, 000_4bfdbb0e825250a6.txt.
    """
    return _functional.binary_cross_entropy_with_logits(
        input,
        target,
        weight,
        reduction=_reduction(reduction, size_average, reduce),
        pos_weight=pos_weight,
    )


def _reduction(reduction, size_average, reduce) -> Any:
    """The old flags as PyTorch reads them: reduce=False is "none", size_average=False "sum"."""
    if size_average is None and reduce is None:
        return reduction
    for flag in (size_average, reduce):
        if flag is not None and not isinstance(flag, bool):
            raise TypeError(
                f"[loss] expected size_average and reduce, PyTorch's old flags, as bools; "
                f"got {flag!r:.60}. A reduction is given by name: reduction='sum'."
            )
    if reduce is not None and not reduce:
        meant = "none"
    else:
        meant = "mean" if size_average is None or size_average else "sum"
    import warnings

    warnings.warn(
        f"[loss] expected reduction={meant!r}; got size_average or reduce, PyTorch's old spelling.",
        UserWarning,
        stacklevel=3,
    )
    return meant
