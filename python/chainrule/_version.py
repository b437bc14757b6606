"""The version of the installed distribution, asked for when `chainrule.__version__` is."""

from importlib.metadata import version

__version__ = version("chainrule")
