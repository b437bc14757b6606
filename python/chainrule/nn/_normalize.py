"""Normalisation as functions: batch_norm and instance_norm with running statistics, group_norm.

Running statistics are brought up to date by tensor arithmetic alone, so that captured steps do it
as eager ones do.
"""

from __future__ import annotations

from math import prod

from .. import _core
from .._checks import require_number, require_tensor
from .._core import Tensor, _ops


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, channel by channel over all samples.

    In training mean and variance (the mean of the squared distances) are the batch's, and
    running ← (1 - momentum) running + momentum batch, with n - 1 in the place of n in the running
    variance. Otherwise they are the running ones.

    Shapes: input (N, C, ...); the others (C,). ValueError for one value a channel in training, and
    without running statistics otherwise.

    Source: Ioffe and Szegedy, "Batch Normalization" (2015), algorithms 1 and 2.
    """
    require_tensor("batch_norm", input)
    if training:
        _check_values("batch_norm", input, input.numel(), input.shape[1] if input.dim() > 1 else 0)
        output, mean, var = _ops.normalize_channels(input, weight, bias, eps)
        count = input.numel() // max(mean.numel(), 1)
        _track(running_mean, mean, momentum)
        _track(running_var, var * (count / max(count - 1, 1)), momentum)
        return output
    if running_mean is None or running_var is None:
        raise _core.StateError(
            "[batch_norm] expected running_mean and running_var where training is False; got None."
        )
    return _by_statistics(input, running_mean, running_var, weight, bias, eps)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """batch_norm of every sample by itself: mean and variance over what follows (N, C).

    Running statistics, where there are any, follow the mean over the samples; with
    use_input_stats=False they are what is subtracted and divided by.

    Shapes: input (N, C, ...); the others (C,). ValueError for one value a channel and sample.

    Source: Ulyanov et al., "Instance Normalization" (2016).
    """
    require_tensor("instance_norm", input)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise _core.StateError(
                "[instance_norm] expected running_mean and running_var where use_input_stats is "
                "False; got None."
            )
        return _by_statistics(input, running_mean, running_var, weight, bias, eps)
    if input.dim() < 2:
        raise _core.ShapeError(
            f"[instance_norm] expected an input of sizes (N, C, ...); got {tuple(input.shape)}."
        )
    samples, channels, *rest = input.shape
    _check_values("instance_norm", input, prod(rest), 1)
    flat = input.reshape(1, samples * channels, prod(rest))
    output, mean, var = _ops.normalize_channels(flat, None, None, eps)
    shape = (samples, channels)
    _track(running_mean, mean.reshape(shape).mean(0), momentum)
    unbiased = var * (prod(rest) / max(prod(rest) - 1, 1))
    _track(running_var, unbiased.reshape(shape).mean(0), momentum)
    return _affine(output.reshape(input.shape), weight, bias)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean and variance of each sample's groups of channels, then weight and bias of each channel.

    Shapes: input (N, C, ...), C a multiple of num_groups; weight and bias (C,). ValueError for one
    value a group and one sample.

    Source: Wu and He, "Group Normalization" (2018).
    """
    require_tensor("group_norm", input)
    if input.dim() > 1 and num_groups:
        _check_values("group_norm", input, input.numel(), num_groups)
    return _core.group_norm(input, num_groups, weight, bias, eps)


def _check_values(op, input, values, sets):
    """A variance of one value would be 0 whatever it is."""
    if values == sets:
        raise ValueError(
            f"[{op}] expected more than 1 value to normalise together; got an input of sizes "
            f"{tuple(input.shape)}."
        )


def _track(running, batch, momentum):
    if running is None:
        return
    if not isinstance(momentum, Tensor):
        require_number("batch_norm", "momentum", momentum)
    with _core.no_grad():
        running.copy_(running * (1 - momentum) + batch.detach() * momentum)


def _by_statistics(input, mean, var, weight, bias, eps):
    shape = (1, -1) + (1,) * (input.dim() - 2)
    output = (input - mean.reshape(shape)) * _core.rsqrt(var.reshape(shape) + eps)
    return _affine(output, weight, bias).to(input.dtype)


def _affine(output, weight, bias):
    shape = (1, -1) + (1,) * (output.dim() - 2)
    if weight is not None:
        output = output * weight.reshape(shape)
    return output if bias is None else output + bias.reshape(shape)
