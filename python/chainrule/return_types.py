"""The classes of results with named fields: that of max(x, dim) is chainrule.return_types.max."""

from ._core import _return_types

globals().update(_return_types())
