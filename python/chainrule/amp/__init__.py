"""PyTorch's other place for autocast."""

from chainrule._autocast import autocast as autocast
