"""Helpers around training; `chainrule.utils.data` feeds it."""

from . import data

__all__ = ["data"]
