"""Activations that take `inplace`; the derivatives at kinks are in each one's docstring.

`inplace=True` writes the result into `input`, as in PyTorch. Where a gradient is wanted, backward
may read the old values, so all but `relu` keep a copy and no memory is saved.
"""

from __future__ import annotations

from .._checks import require_number, require_tensor
from .._core import Tensor, _functional, _ops, is_grad_enabled


def in_place(op, input, *args):
    """input <- op(input). Backward may read the old values, hence the copy."""
    require_tensor(op.__name__, input)
    read_again = input.requires_grad and is_grad_enabled()
    return input.copy_(op(input.clone() if read_again else input, *args))


def subgradient(op: str, value: float) -> float:
    """`value` as a derivative of max(x, 0) at 0; ValueError unless it lies in [0, 1]."""
    if not 0 <= require_number(op, "derivative_at_zero", value) <= 1:
        raise ValueError(f"[{op}] expected derivative_at_zero in [0, 1]; got {value}.")
    return value


def relu(input: Tensor, inplace: bool = False, *, derivative_at_zero: float = 0.0) -> Tensor:
    """max(x, 0), element by element.

    `derivative_at_zero` is the derivative at 0, in [0, 1], ValueError otherwise; PyTorch has 0
    alone. Source: 000_4bfdbb0e825250a6.txt; the derivative is 0 in 003_35a9ce6660cbb7d5.txt and 1
    in the table of 002_5fc2916072822600.txt.

    Example:
        >>> x = chainrule.zeros(2, requires_grad=True)
        >>> relu(x, derivative_at_zero=1).sum().backward()
        >>> x.grad
        tensor([1., 1.])
    """
    if derivative_at_zero != 0:
        subgradient("relu", derivative_at_zero)
        if inplace:
            return in_place(_ops.relu_kink, input, derivative_at_zero)
        return _ops.relu_kink(input, derivative_at_zero)
    if inplace:
        require_tensor("relu", input)
        return input.relu_()  # its backward reads the result alone
    return _functional.relu(input)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x where x > 0, else a x; the derivative at 0 is a.

    While training, `a` is random for each element, uniform in [lower, upper), and otherwise
    (lower + upper) / 2. `lower` <= `upper`, ValueError otherwise. Source: 002_5fc2916072822600.txt;
    Xu et al. (2015).
    """
    if inplace:
        return in_place(_functional.rrelu, input, lower, upper, training)
    return _functional.rrelu(input, lower, upper, training)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope * x. Source: 002_5fc2916072822600.txt."""
    if inplace:
        return in_place(_functional.leaky_relu, input, negative_slope)
    return _functional.leaky_relu(input, negative_slope)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x / (1 + e^-x), also called swish. Source: Elfwing et al. (2017)."""
    return in_place(_functional.silu, input) if inplace else _functional.silu(input)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (e^x - 1); the derivative at 0 is alpha.

    Source: Clevert et al. (2015).
    """
    if inplace:
        return in_place(_functional.elu, input, alpha)
    return _functional.elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 (x where x > 0, else 1.6733 (e^x - 1)): keeps mean 0 and variance 1.

    Source: Klambauer et al., "Self-Normalizing Neural Networks" (2017), equation 14.
    """
    if inplace:
        return in_place(_functional.selu, input)
    return _functional.selu(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (e^(x / alpha) - 1); the derivative at 0 is 1.

    `alpha` is not 0, ValueError otherwise. Source: Barron (2017).
    """
    if inplace:
        return in_place(_functional.celu, input, alpha)
    return _functional.celu(input, alpha)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x limited to [min_val, max_val]; the derivative is 1 inside, 0 at the limits and beyond."""
    if inplace:
        return in_place(_functional.hardtanh, input, min_val, max_val)
    return _functional.hardtanh(input, min_val, max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]; the derivative is 1 inside, 0 at the limits and beyond."""
    if inplace:
        return in_place(_functional.relu6, input)
    return _functional.relu6(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1 / 2 limited to [0, 1]."""
    if inplace:
        return in_place(_functional.hardsigmoid, input)
    return _functional.hardsigmoid(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x hardsigmoid(x). Source: Howard et al. (2019)."""
    if inplace:
        return in_place(_functional.hardswish, input)
    return _functional.hardswish(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)). Source: Misra (2019)."""
    if inplace:
        return in_place(_functional.mish, input)
    return _functional.mish(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value."""
    if inplace:
        return in_place(_functional.threshold, input, threshold, value)
    return _functional.threshold(input, threshold, value)
