"""Weight and spectral normalisation, as parametrizations: `nn.utils.parametrizations`."""

from __future__ import annotations

import math

from ... import _core
from ..._checks import check_dim, require_number
from ..._core import Tensor
from .._module import Module
from .._sizes import require_size
from .parametrize import register_parametrization

__all__ = ["spectral_norm", "weight_norm"]


def __dir__():
    return __all__


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / self._norms(weight_v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self._norms(weight), weight

    def _norms(self, weight):
        """The norms of all but `dim`, with ones as the other sizes; -1 is the norm of everything,
        as in PyTorch."""
        if self.dim == -1:
            return _core.norm(weight)
        check_dim("weight_norm", self.dim, weight)
        dim = self.dim % weight.dim()
        size = weight.shape[dim]
        rows = weight.movedim(dim, 0).reshape(size, weight.numel() // size if size else 0)
        ones = [1] * weight.dim()
        ones[dim] = size
        return _core.norm(rows, 2, 1).reshape(ones)


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into length and direction: w = g v / |v|; returns the module.

    `parametrizations.<name>.original0` is g, the norms of w over all dimensions but `dim`, of every
    element together when None or -1; `original1` is v, w as it is. Both are new parameters, so an
    optimizer is made afterwards. `nn.utils.parametrize.remove_parametrizations` undoes it.

    Raises ValueError for a name that is no parameter, IndexError for a dim that is none.

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(20, 40))
        >>> layer.parametrizations.weight.original0.shape
        chainrule.Size([40, 1])

    Source: Salimans and Kingma, "Weight normalization" (2016).
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ):
        super().__init__()
        check_dim("spectral_norm", dim, weight)
        require_size("spectral_norm", "n_power_iterations", n_power_iterations, least=1)
        if not 0 < require_number("spectral_norm", "eps", eps):
            raise ValueError(f"[spectral_norm] expected eps > 0; got {eps}.")
        self.dim = dim % max(weight.dim(), 1)
        self.eps = eps
        if weight.dim() > 1:
            self.n_power_iterations = n_power_iterations
            with _core.no_grad():
                matrix = self._matrix(weight)
                rows, columns = matrix.shape
                self.register_buffer("_u", self._unit(_core.randn(rows, dtype=weight.dtype)))
                self.register_buffer("_v", self._unit(_core.randn(columns, dtype=weight.dtype)))
                self._iterate(matrix, 15)

    def _unit(self, x):
        return x / _core.norm(x).clamp(min=self.eps)

    def _matrix(self, weight):
        first = weight.movedim(self.dim, 0)
        rows = first.shape[0]
        return first.reshape(rows, math.prod(first.shape[1:]))

    def _iterate(self, matrix, times):
        """u and v approach the first singular vectors, in place."""
        with _core.no_grad():
            for _ in range(times):
                self._u.copy_(self._unit(_core.mv(matrix, self._v)))
                self._v.copy_(self._unit(_core.mv(matrix.T, self._u)))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return self._unit(weight)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # copies, as a second forward before backward writes the buffers
        u, v = self._u.clone(), self._v.clone()
        return weight / _core.dot(u, _core.mv(matrix, v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, as a power iteration finds it; returns the
    module.

    Each use in training mode takes `n_power_iterations` steps from where the last one ended; in
    evaluation mode there are none. The weight is read as a matrix whose rows are those of `dim` (0
    when None); a vector is divided by its norm. The parameter stays the same object,
    `parametrizations.<name>.original`; the vectors are buffers, `parametrizations.<name>.0._u` and
    `_v`. `nn.utils.parametrize.remove_parametrizations` undoes it.

    Raises ValueError for a name that is no parameter, an `n_power_iterations` below 1 or an `eps`
    that is not positive, IndexError for a dim that is none.

    Example:
        >>> layer = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 40))
        >>> list(layer.state_dict())[1:]  # doctest: +NORMALIZE_WHITESPACE
        ['parametrizations.weight.original', 'parametrizations.weight.0._u',
         'parametrizations.weight.0._v']

    Source: Miyato et al., "Spectral normalization for generative adversarial networks" (2018).
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(  # noqa: TRY004 - PyTorch's class
            f"[spectral_norm] expected the name of a parameter of {type(module).__name__}; "
            f"got {name!r:.60}."
        )
    norm = _SpectralNorm(weight, n_power_iterations, 0 if dim is None else dim, eps)
    return register_parametrization(module, name, norm)
