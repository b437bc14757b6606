"""Running averages of a model's weights: equal ones (SWA) and exponential ones (EMA), with PyTorch's
names.

`update_parameters` is tensor arithmetic that reads no value, so it may stand inside a compiled step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence

from .. import _core
from .._checks import require_callable, type_name
from .._core import Tensor
from ..nn import Module
from ..nn._batch_norm import _BatchNorm
from .lr_scheduler._checks import number
from .lr_scheduler._swalr import SWALR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def __dir__():
    return __all__


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Tensor]:
    """decay * average + (1 - decay) * parameter, as `avg_fn` of AveragedModel; `decay` is in [0, 1],
    ValueError otherwise."""
    number("get_ema_avg_fn", "decay", decay, 0, 1)

    def ema_update(ema_param, current_param, num_averaged):
        with _core.no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable[..., Tensor]:
    """The mean of all parameters so far, average + (parameter - average) / (n + 1), as `avg_fn` of
    AveragedModel.

    Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization"
    (2018).
    """

    def swa_update(averaged_param, current_param, num_averaged):
        with _core.no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """As `get_ema_avg_fn`, for lists and in place: `multi_avg_fn` of AveragedModel."""
    number("get_ema_multi_avg_fn", "decay", decay, 0, 1)

    def ema_update(ema_param_list, current_param_list, _):
        with _core.no_grad():
            for average, current in zip(ema_param_list, current_param_list, strict=True):
                if average.is_floating_point():
                    average.lerp_(current, 1 - decay)
                else:
                    average.copy_(average * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """As `get_swa_avg_fn`, for lists and in place: `multi_avg_fn` of AveragedModel."""

    def swa_update(averaged_param_list, current_param_list, num_averaged):
        with _core.no_grad():
            for average, current in zip(averaged_param_list, current_param_list, strict=True):
                average.copy_(average + (current - average) / (num_averaged + 1))

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are running averages of the model's.

    Args:
        model: the module that is trained; the copy is `module`.
        device: where the averages live; with the model when None.
        avg_fn: (average, parameter, n) -> the new average, with n the updates so far, a 0-d int64
            tensor; their equal mean when None. See `get_ema_avg_fn`.
        multi_avg_fn: (averages, parameters, n), which writes into the averages; ValueError with both.
        use_buffers: average the buffers, too; otherwise they are copied.

    The first update copies. Call `update_parameters` after `optimizer.step()`, every step for
    exponential averages, mostly every epoch for equal ones.

    Example:
        >>> from chainrule.optim.swa_utils import AveragedModel, get_ema_avg_fn
        >>> net = nn.Linear(1, 1)
        >>> averaged = AveragedModel(net, avg_fn=get_ema_avg_fn(0.5))
        >>> for value in (4.0, 0.0, 0.0):
        ...     _ = nn.init.constant_(net.weight, value)
        ...     averaged.update_parameters(net)
        >>> averaged.module.weight.item()
        1.0

    Source: Polyak and Juditsky (1992); Izmailov et al. (2018).
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device=None,
        avg_fn: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
        multi_avg_fn: Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None] | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if not isinstance(model, Module):
            raise TypeError(f"[AveragedModel] expected a Module; got {type_name(model)}.")
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("[AveragedModel] expected avg_fn or multi_avg_fn; got both.")
        for function in (avg_fn, multi_avg_fn):
            if function is not None:
                require_callable("AveragedModel", function)
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", _core.tensor(0, dtype=_core.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The output of the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's present parameters into the averages.

        ValueError, and nothing is changed, unless it has as many parameters and buffers of the same
        shapes.
        """
        averages, values = _matched("parameters", self.module, model)
        buffers, present = _matched("buffers", self.module, model)
        if self.use_buffers:
            averages, values = averages + buffers, values + present
            buffers = present = []
        with _core.no_grad():
            self._average(averages, values)
            for buffer, value in zip(buffers, present, strict=True):
                buffer.copy_(value)
            self.n_averaged.add_(1)

    def _average(self, averages, values):
        count, first = self.n_averaged, self.n_averaged == 0
        if self.multi_avg_fn is not None:
            self.multi_avg_fn(averages, values, count)
            news = averages
        else:
            function = self.avg_fn or get_swa_avg_fn()
            news = [function(*pair, count) for pair in zip(averages, values, strict=True)]
        # Which update it is nobody reads: a compiled step would keep the answer.
        for average, value, new in zip(averages, values, news, strict=True):
            average.copy_(_core.where(first, value, new))


def _matched(kind, own, model):
    """The tensors of both modules, detached and in order."""
    ours = [tensor.detach() for tensor in getattr(own, kind)()]
    theirs = [tensor.detach() for tensor in getattr(model, kind)()]
    shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"[AveragedModel] expected {kind} of the shapes {shapes[0]!r:.60}; got {shapes[1]!r:.60}."
        )
    return ours, [theirs_.to(ours_.device) for ours_, theirs_ in zip(ours, theirs, strict=True)]


def update_bn(loader: Iterable[Any], model: Module, device=None) -> None:
    """Measure the running statistics of the model's BatchNorm layers anew, as plain means over the
    batches of `loader`: averaged weights have none of their own.

    Runs the model in training mode, without gradients; of batches that are tuples or lists, the
    first part is the input. Layers keep their `momentum` and the model its mode.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        >>> batches = [chainrule.randn(8, 2) for _ in range(4)]
        >>> averaged = AveragedModel(net)
        >>> averaged.update_parameters(net)
        >>> update_bn(batches, averaged)
        >>> averaged.module[1].num_batches_tracked
        tensor(4)
    """
    momenta = {
        module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)
    }
    if not momenta:
        return
    was_training = model.training
    try:
        model.train()
        for module in momenta:
            module.reset_running_stats()
            module.momentum = None
        with _core.no_grad():
            for batch in loader:
                inputs = batch[0] if isinstance(batch, list | tuple) else batch
                model(inputs if device is None else inputs.to(device))
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(was_training)
