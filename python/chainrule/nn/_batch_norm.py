"""Normalisation by statistics that are tracked: BatchNorm and InstanceNorm."""

from __future__ import annotations

from .. import _core
from .._checks import require_bools, require_number, require_tensor
from .._core import Tensor
from . import _normalize
from ._inputs import channels_hint
from ._normalization import Affine, check_eps
from ._sizes import require_size


class _Tracking(Affine):
    """Buffers of the running mean and variance, and of how many batches they have seen."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(self, num_features, eps, momentum, affine, track_running_stats, bias, **where):
        name = type(self).__name__
        num_features = require_size(name, "num_features", num_features)
        require_bools(name, affine=affine, track_running_stats=track_running_stats, bias=bias)
        check_eps(name, eps)
        if momentum is not None and not 0 <= require_number(name, "momentum", momentum) <= 1:
            raise ValueError(f"[{name}] expected 0 <= momentum <= 1 or None; got {momentum}.")
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._make(num_features, affine, affine and bias, **where)
        zeros, ones = (make(num_features, **where) for make in (_core.zeros, _core.ones))
        tracks = track_running_stats
        self.register_buffer("running_mean", zeros if tracks else None)
        self.register_buffer("running_var", ones if tracks else None)
        seen = _core.tensor(0) if tracks else None
        self.register_buffer("num_batches_tracked", seen)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """A mean of 0, a variance of 1 and no batch seen."""
        if self.running_mean is not None and self.running_var is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weights of 1, biases of 0, and statistics of no batch."""
        self.reset_running_stats()
        super().reset_parameters()

    _ranks: tuple[int, ...] = ()  # dimensions of an input

    def _check_rank(self, input):
        if require_tensor(type(self).__name__, input).dim() not in self._ranks:
            wanted = " or ".join(f"{rank}D" for rank in self._ranks)
            one = input.dim() == self._ranks[0] - 1 > 1
            raise _core.ShapeError(
                f"[{type(self).__name__}] expected a {wanted} input; got {tuple(input.shape)}."
                + (" Use input.unsqueeze(0) for one sample." if one else "")
            )

    def _check_channels(self, input, dim):
        if input.shape[dim] != self.num_features:
            raise _core.ShapeError(
                f"[{type(self).__name__}] expected num_features={self.num_features} channels in "
                f"dimension {dim}; got an input of sizes {tuple(input.shape)}."
                + (channels_hint(input, self.num_features) if dim == 1 else "")
            )

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        where = {"device": device, "dtype": dtype}
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, **where)

    def forward(self, input: Tensor) -> Tensor:
        self._check_rank(input)
        self._check_channels(input, 1)
        tracks = self.training and self.track_running_stats
        reads = tracks or not self.training
        return _normalize.batch_norm(
            input,
            self.running_mean if reads else None,
            self.running_var if reads else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            self._share() if tracks else 0.0,
            self.eps,
        )

    def _share(self):
        """Of a batch in the running statistics; without momentum they are plain means."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                return 1 / self.num_batches_tracked.double()
        return 0.0 if self.momentum is None else self.momentum


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) * weight + bias, channel by channel over all samples.

    Args:
        num_features: C, of inputs (N, C) or (N, C, L).
        eps: >= 0, in training > 0.
        momentum: of a batch in the running statistics, in [0, 1]; None for their plain mean.
        affine: learn weight (ones at first) and bias (zeros), both (C,).
        track_running_stats: keep running_mean, running_var and num_batches_tracked, by which
            evaluation normalises; without them it normalises by its own batch.
        bias: False leaves the bias out.

    A batch with one value a channel is a ValueError in training. The batch is normalised by the mean
    of the squared distances, the running variance has n - 1 in the place of n.

    Example:
        >>> layer = nn.BatchNorm1d(2)
        >>> layer(chainrule.tensor([[1.0, 10.0], [3.0, 30.0]])).tolist()[1][1] > 0.99
        True
        >>> layer.running_mean
        tensor([0.2000, 2.0000])

    Source: Ioffe and Szegedy, "Batch Normalization" (2015).
    """

    _ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """BatchNorm1d for images: inputs (N, C, H, W)."""

    _ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """BatchNorm1d for volumes: inputs (N, C, D, H, W)."""

    _ranks = (5,)


class _InstanceNorm(_Tracking):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        where = {"device": device, "dtype": dtype}
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, **where)

    def forward(self, input: Tensor) -> Tensor:
        self._check_rank(input)
        single = input.dim() == self._ranks[0]  # without a batch dimension
        self._check_channels(input, 0 if single else 1)
        output = _normalize.instance_norm(
            input.unsqueeze(0) if single else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return output.squeeze(0) if single else output


class InstanceNorm1d(_InstanceNorm):
    """BatchNorm1d of every sample by itself: inputs (N, C, L) or (C, L).

    Arguments as in BatchNorm1d, but affine and track_running_stats are False if nothing is said, and
    a momentum of None leaves the running statistics as they are.

    Source: Ulyanov et al., "Instance Normalization" (2016).
    """

    _ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """InstanceNorm1d for images: inputs (N, C, H, W) or (C, H, W)."""

    _ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """InstanceNorm1d for volumes: inputs (N, C, D, H, W) or (C, D, H, W)."""

    _ranks = (4, 5)
