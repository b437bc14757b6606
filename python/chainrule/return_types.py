"""The classes of results with named fields: that of max(x, dim) is chainrule.return_types.max."""

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    adaptive_max_pool1d_with_indices = _core._adaptive_max_pool1d_with_indices
    adaptive_max_pool2d_with_indices = _core._adaptive_max_pool2d_with_indices
    max = _core._max_dim
    max_pool1d_with_indices = _core._max_pool1d_with_indices
    max_pool2d_with_indices = _core._max_pool2d_with_indices
    min = _core._min_dim
    sort = _core._sort
    std_mean = _core._std_mean
    topk = _core._topk
    var_mean = _core._var_mean
else:
    globals().update(_core._return_types())
del TYPE_CHECKING
