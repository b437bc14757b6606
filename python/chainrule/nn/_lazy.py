"""LazyLinear: a Linear that learns the width of its input at its first call."""

from __future__ import annotations

from .. import _core
from .._checks import require_bool, require_tensor
from .._core import Parameter, Tensor
from ._linear import Linear
from ._members import BUFFER, PARAMETER, TRANSIENT
from ._sizes import require_size
from ._uninitialized import UninitializedParameter


class LazyLinear(Linear):
    """A Linear whose `in_features` is the width of the first input it is called with.

    Until then its parameters are UninitializedParameters, which stand in `parameters()` and in the
    state dict and have no shape. With the first call, or by `load_state_dict`, they take memory and
    become the Parameters that they stay, so an optimizer may be made before; the first call makes
    the module a Linear, also inside a compiled function, whose first recording it happens in.

    Args:
        out_features, bias, device, dtype: as in Linear.

    Shapes and initial values: those of Linear.

    Example:
        >>> net = nn.LazyLinear(3)
        >>> net(chainrule.randn(150, 4)).shape
        chainrule.Size([150, 3])
        >>> net
        Linear(in_features=4, out_features=3, bias=True)
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device=None, dtype=None):
        out_features = require_size("LazyLinear", "out_features", out_features)
        require_bool("LazyLinear", "bias", bias)
        super().__init__(0, 0, bias=False)
        self.out_features = out_features
        weight = UninitializedParameter(device=device, dtype=dtype)
        weight.sizes = (out_features, None)
        self.weight = weight
        if bias:
            place = UninitializedParameter(device=device, dtype=dtype)
            place.sizes = (out_features,)
            self.bias = place

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter has no shape yet."""
        return any(
            isinstance(value, UninitializedParameter)
            for _, value in self._own(PARAMETER, BUFFER, TRANSIENT)
        )

    def reset_parameters(self) -> None:
        """Draw new weights and biases; nothing before they have a shape."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give the parameters the shapes that `input` asks for, and draw them.

        ShapeError for an input without a dimension, or of another width than weights that have
        been loaded.
        """
        if require_tensor("LazyLinear", input).dim() == 0:
            raise _core.ShapeError("[LazyLinear] expected shape (*, in_features); got ().")
        width = input.shape[-1]
        if not self.has_uninitialized_params():
            if width != self.weight.shape[-1]:
                raise _core.ShapeError(
                    f"[LazyLinear] expected shape (*, {self.weight.shape[-1]}), as the loaded "
                    f"weights; got {tuple(input.shape)}."
                )
            self.in_features = width
            return
        self.in_features = width
        for place, shape in (
            (self.weight, (self.out_features, width)),
            (self.bias, (self.out_features,)),
        ):
            if isinstance(place, UninitializedParameter):
                place.materialize(shape)
        super().reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        if not isinstance(self.weight, Parameter):  # lent for this call, as by functional_call
            return super().forward(input)
        with _core._PauseRecording():  # it is done once; a replay begins with what is there then
            self.initialize_parameters(input)
            self.__class__ = self.cls_to_become  # pyright: ignore[reportAttributeAccessIssue]
        return self.forward(input)
