"""Initial values of parameters. Every function but `calculate_gain` and `reset_parameters` fills its
tensor in place, outside of autograd, and returns it.

`generator` is a `chainrule.Generator`; without one the global generator draws. Tensors may have any
shape and floating dtype unless a function says otherwise; one without elements stays as it is.

Source: "initial weights random near zero, biases zero", 001_bfbf75e1b9730729.txt, and the papers
named below.
"""

from __future__ import annotations

import math

from .. import _core
from .._checks import as_float, require_number, require_tensor
from .._core import Tensor
from . import _trunc_normal
from ._dirac import dirac_
from ._reset import reset_parameters

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "reset_parameters",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def __dir__():
    return __all__


_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a layer followed by `nonlinearity`.

    1 for linear, convolutions and sigmoid, 5/3 for tanh, sqrt(2) for relu, sqrt(2 / (1 + param²))
    for leaky_relu with slope `param` (0.01 when None), 3/4 for selu. ValueError for another name.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(
                f"[calculate_gain] expected a number as negative slope; got {slope!r}."
            )
        return math.sqrt(2.0 / (1 + as_float("calculate_gain", "param", slope) ** 2))
    if not isinstance(nonlinearity, str) or nonlinearity not in _GAINS:
        names = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"[calculate_gain] expected one of {names}; got {nonlinearity!r}.")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator=None) -> Tensor:
    """Uniform numbers in [a, b); ValueError unless a <= b. Like every function here it works in
    place, without history, and returns the tensor, of any shape.

    Example:
        >>> w = uniform_(chainrule.empty(100), -1.0, 1.0)
        >>> bool((w >= -1).all()), bool((w < 1).all())
        (True, True)
    """
    with _core.no_grad():
        return require_tensor("uniform_", tensor).uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator=None) -> Tensor:
    """Normal numbers; ValueError unless std >= 0.

    Example:
        >>> normal_(chainrule.empty(2, 3), std=0.0)
        tensor([[0., 0., 0.],
                [0., 0., 0.]])
    """
    with _core.no_grad():
        return require_tensor("normal_", tensor).normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator=None,
) -> Tensor:
    """Normal numbers kept to [a, b], without the pile at the ends that clamping leaves.

    `a` and `b` are bounds of the result, not multiples of std. ValueError unless std > 0 and a < b.
    """
    require_tensor("trunc_normal_", tensor)
    for name, value in (("mean", mean), ("std", std), ("a", a), ("b", b)):
        require_number("trunc_normal_", name, value)
    if not (math.isfinite(mean) and 0 < std < math.inf and a < b):
        raise ValueError(
            "[trunc_normal_] expected a finite mean, a finite std > 0 and a < b; "
            f"got mean={mean}, std={std}, a={a}, b={b}."
        )
    if max(a - mean, mean - b) / std > 1e9:
        raise ValueError(
            "[trunc_normal_] expected [a, b] within 1e9 std of mean; "
            f"got mean={mean}, std={std}, a={a}, b={b}."
        )
    with _core.no_grad():
        sample = _trunc_normal.standard(tensor.shape, (a - mean) / std, (b - mean) / std, generator)
        return tensor.copy_((sample * std + mean).clamp(a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`val` everywhere; ValueError for a number that the dtype cannot hold.

    Example:
        >>> constant_(chainrule.empty(3), 0.5)
        tensor([0.5000, 0.5000, 0.5000])
    """
    with _core.no_grad():
        return require_tensor("constant_", tensor).fill_(require_number("constant_", "val", val))


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere, as the weights of a scale begin."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere, as biases often begin."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: a Linear keeps its inputs. Matrices only, ShapeError otherwise."""
    _require_matrix("eye_", tensor, exactly=True)
    with _core.no_grad():
        return tensor.copy_(_core.eye(*tensor.shape, dtype=tensor.dtype))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    """Uniform in ±gain * sqrt(6 / (fan_in + fan_out)).

    For weights (out, in) followed by tanh or sigmoid. Source: Glorot and Bengio (2010).

    Example:
        >>> weight = xavier_uniform_(chainrule.empty(3, 5), gain=calculate_gain("tanh"))
        >>> bool(weight.abs().max() <= 5 / 3 * (6 / 8) ** 0.5)
        True
    """
    fan_in, fan_out = _fans("xavier_uniform_", tensor)
    bound = _gain("xavier_uniform_", gain) * math.sqrt(6.0 / max(fan_in + fan_out, 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    """Normal with std = gain * sqrt(2 / (fan_in + fan_out)). Source: Glorot and Bengio (2010)."""
    fan_in, fan_out = _fans("xavier_normal_", tensor)
    std = _gain("xavier_normal_", gain) * math.sqrt(2.0 / max(fan_in + fan_out, 1))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator=None,
) -> Tensor:
    """Uniform in ±gain * sqrt(3 / fan), with the gain of `nonlinearity` at slope `a`.

    For weights (out, in) followed by ReLU. `mode` is "fan_in" (keeps the variance forward) or
    "fan_out" (backward).
    Source: He et al., "Delving deep into rectifiers" (2015).
    """
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator=None,
) -> Tensor:
    """Normal with std = gain / sqrt(fan); arguments and source as in kaiming_uniform_."""
    return normal_(
        tensor, 0.0, _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity), generator
    )


def orthogonal_(tensor: Tensor, gain: float = 1, generator=None) -> Tensor:
    """`gain` times a matrix with orthonormal rows or columns, whichever are fewer; uniform over
    those.

    More than two dimensions count as (first, the rest). Uses NumPy's QR. Source: Saxe et al.
    (2013); the signs, Mezzadri, "How to generate random matrices from the classical compact groups"
    (2007).
    """
    import numpy as np

    _require_matrix("orthogonal_", tensor)
    gain = _gain("orthogonal_", gain)
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    cols = tensor.numel() // rows
    tall = (max(rows, cols), min(rows, cols))
    q, r = np.linalg.qr(_core.randn(tall, dtype=_core.float64, generator=generator).numpy())
    q = gain * q * np.sign(np.diag(r))
    with _core.no_grad():
        return tensor.copy_(_core.tensor(q if rows >= cols else q.T.copy()).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator=None) -> Tensor:
    """Normal numbers, of which the share `sparsity` in [0, 1] of each column, rounded up, is 0.
    Matrices only.

    Source: Martens, "Deep learning via Hessian-free optimization" (2010).
    """
    _require_matrix("sparse_", tensor, exactly=True)
    if not 0 <= require_number("sparse_", "sparsity", sparsity) <= 1:
        raise ValueError(f"[sparse_] expected 0 <= sparsity <= 1; got {sparsity}.")
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0.0, std, generator)
    with _core.no_grad():
        for col in range(cols):
            tensor[_core.randperm(rows, generator=generator)[:zeros], col] = 0
    return tensor


def _require_matrix(name, tensor, exactly=False):
    if require_tensor(name, tensor).dim() < 2 or (exactly and tensor.dim() != 2):
        wanted = "2 dimensions" if exactly else "at least 2 dimensions"
        raise _core.ShapeError(
            f"[{name}] expected a tensor of {wanted}; got shape {tuple(tensor.shape)}."
        )


def _fans(name, tensor):
    """How many inputs reach an output, and outputs an input, for a weight (out, in, ...)."""
    _require_matrix(name, tensor)
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _gain(name, gain):
    number = as_float(name, "gain", gain)
    if not math.isfinite(number):
        raise ValueError(f"[{name}] expected a finite gain; got {gain}.")
    return number


def _kaiming_std(name, tensor, a, mode, nonlinearity):
    fans = dict(zip(("fan_in", "fan_out"), _fans(name, tensor), strict=True))
    if not isinstance(mode, str) or mode not in fans:
        raise ValueError(f"[{name}] expected mode to be 'fan_in' or 'fan_out'; got {mode!r}.")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode], 1))
