"""Normalisation as functions: batch_norm and instance_norm with running statistics, group_norm.

Running statistics are brought up to date by tensor arithmetic alone, so that captured steps do it
as eager ones do.
"""

from __future__ import annotations

from math import prod

from .. import _core
from .._checks import require_bool, require_number, require_tensor
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

    Shapes: input (N, C, ...); the others (C,). ValueError for one value a channel and for eps = 0 in
    training, StateError without running statistics otherwise. An empty batch leaves them as they are.

    Source: Ioffe and Szegedy, "Batch Normalization" (2015), algorithms 1 and 2.
    """
    op = "batch_norm"
    channels = _check(op, input, running_mean, running_var, weight, bias, eps)
    if not require_bool(op, "training", training):
        return _by_statistics(op, input, running_mean, running_var, weight, bias, eps)
    if eps == 0:
        raise ValueError(f"[{op}] expected eps > 0 in training; got {eps}.")
    _check_values(op, input, input.numel(), channels, "value per channel when training", _LAST)
    output, mean, var = _ops.normalize_channels(input, weight, bias, eps)
    _track(op, running_mean, running_var, mean, var, input.numel() // max(channels, 1), momentum)
    return output


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

    Shapes: input (N, C, ...); the others (C,). ValueError for one value a channel and sample,
    StateError without running statistics where they are to be used.

    Source: Ulyanov et al., "Instance Normalization" (2016).
    """
    op = "instance_norm"
    channels = _check(op, input, running_mean, running_var, weight, bias, eps)
    if not require_bool(op, "use_input_stats", use_input_stats):
        return _by_statistics(op, input, running_mean, running_var, weight, bias, eps)
    samples, values = input.shape[0], prod(input.shape[2:])
    _check_values(op, input, values, 1, "value per channel and sample")
    flat = input.reshape(1, samples * channels, values)
    output, mean, var = _ops.normalize_channels(flat, None, None, eps)
    if input.numel():
        mean, var = (t.reshape(samples, channels).mean(0) for t in (mean, var))
    _track(op, running_mean, running_var, mean, var, values if samples else 0, momentum)
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
        wanted = "value per group where there is 1 sample"
        _check_values("group_norm", input, input.numel(), num_groups, wanted)
    return _core.group_norm(input, num_groups, weight, bias, eps)


_LAST = " DataLoader(..., drop_last=True) leaves an odd last batch out."


def _check_values(op, input, values, sets, wanted, hint=""):
    """A variance of one value would be 0 whatever it is."""
    if values == sets:
        raise ValueError(
            f"[{op}] expected more than 1 {wanted}; got an input of sizes {tuple(input.shape)}."
            + hint
        )


def _check(op, input, running_mean, running_var, weight, bias, eps):
    """The channels; an error unless all that is of one value a channel has as many."""
    require_tensor(op, input)
    if input.dim() < 2:
        raise _core.ShapeError(
            f"[{op}] expected an input of sizes (N, C, ...); got {tuple(input.shape)}."
        )
    if not input.is_floating_point():
        raise _core.DtypeError(
            f"[{op}] expected a floating input; got {input.dtype}. Use .float()."
        )
    if not require_number(op, "eps", eps) >= 0:
        raise ValueError(f"[{op}] expected eps >= 0; got {eps}.")
    vectors = {"running_mean": running_mean, "running_var": running_var}
    for name, vector in (vectors | {"weight": weight, "bias": bias}).items():
        if vector is not None:
            _check_vector(op, name, require_tensor(op, vector), input)
    if (running_mean is None) != (running_var is None):
        raise _core.StateError(
            f"[{op}] expected both running_mean and running_var or none; got one."
        )
    return input.shape[1]


def _check_vector(op, name, vector, input):
    if tuple(vector.shape) != (input.shape[1],):
        raise _core.ShapeError(
            f"[{op}] expected {name} of one value for each of {input.shape[1]} channels; got sizes "
            f"{tuple(vector.shape)}."
        )
    wide = input.dtype == _core.bfloat16 and vector.dtype == _core.float32
    if vector.dtype != input.dtype and not wide:
        floating = vector.is_floating_point()
        code = f"input.to({vector.dtype})" if floating else f"{name}.to(input.dtype)"
        raise _core.DtypeError(
            f"[{op}] expected {name} of the input's dtype, {input.dtype}; got {vector.dtype}. "
            f"Use {code}."
        )


def _track(op, running_mean, running_var, mean, var, count, momentum):
    """Both running statistics towards those of `count` values; none where there are no values."""
    if not isinstance(momentum, Tensor):
        require_number(op, "momentum", momentum)
    if running_mean is None or count == 0:
        return
    unbiased = var.detach() * (count / max(count - 1, 1))
    with _core.no_grad():
        for running, batch in ((running_mean, mean.detach()), (running_var, unbiased)):
            running.copy_(running * (1 - momentum) + batch * momentum)


def _by_statistics(op, input, mean, var, weight, bias, eps):
    if mean is None:
        raise _core.StateError(
            f"[{op}] expected running_mean and running_var where the batch's are not taken; got None."
        )
    shape = (1, -1) + (1,) * (input.dim() - 2)
    output = (input - mean.reshape(shape)) * _core.rsqrt(var.reshape(shape) + eps)
    return _affine(output, weight, bias).to(input.dtype)


def _affine(output, weight, bias):
    shape, dtype = (1, -1) + (1,) * (output.dim() - 2), output.dtype
    if weight is not None:
        output = output * weight.reshape(shape)
    return (output if bias is None else output + bias.reshape(shape)).to(dtype)
