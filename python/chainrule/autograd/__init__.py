"""Gradients: `grad`, `backward`, custom functions and their checks."""

from chainrule._core import _backward as backward
from chainrule._core import _grad as grad
from chainrule._core import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from chainrule.autograd._function import Function, FunctionCtx, once_differentiable
from chainrule.autograd._gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]
