"""Embedding: a table of trained rows, read by row number; the function is in _embeddings.py."""

from __future__ import annotations

from .. import _core
from .._checks import require_bool, require_number, require_tensor
from .._core import Parameter, Tensor
from . import init
from ._embeddings import embedding, padding_row, refuse_sparse
from ._module import Module
from ._sizes import require_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Table(Module):
    """What Embedding and EmbeddingBag have in common: the table and its settings."""

    def __init__(
        self,
        sizes,
        padding_idx,
        max_norm,
        norm_type,
        scale_grad_by_freq,
        sparse,
        weight,
        freeze,
        device,
        dtype,
    ):
        layer = type(self).__name__
        names = ("num_embeddings", "embedding_dim")
        sizes = tuple(require_size(layer, *pair) for pair in zip(names, sizes, strict=True))
        if max_norm is not None:
            require_number(layer, "max_norm", max_norm)
        require_number(layer, "norm_type", norm_type)
        require_bool(layer, "scale_grad_by_freq", scale_grad_by_freq)
        if weight is not None:
            require_tensor(layer, weight)
        refuse_sparse(layer, sparse)
        super().__init__()
        self.num_embeddings, self.embedding_dim = sizes
        self.padding_idx = padding_row(layer, padding_idx, self.num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if weight is None:
            table = _core.empty(*sizes, device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not freeze)
            self.reset_parameters()
            return
        if tuple(weight.shape) != sizes:
            raise _core.ShapeError(
                f"[{layer}] expected a weight of shape {sizes}; got {tuple(weight.shape)}."
            )
        self.weight = Parameter(weight, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw new rows; that of `padding_idx` becomes zeros."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with _core.no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _sizes(self):
        return f"{self.num_embeddings}, {self.embedding_dim}"

    def _unless_default(self, names):
        defaults = {"padding_idx": None, "max_norm": None, "norm_type": 2}
        shown = [name for name in names if getattr(self, name) != defaults.get(name, False)]
        return "".join(f", {name}={getattr(self, name)}" for name in shown)


def sizes_of(table):
    if require_tensor("from_pretrained", table).dim() != 2:
        raise _core.ShapeError(
            f"[from_pretrained] expected a table of 2 dimensions; got shape {tuple(table.shape)}."
        )
    return table.shape


class Embedding(Table):
    """A table of `num_embeddings` trained rows of `embedding_dim` numbers, read by row number.

    Args:
        num_embeddings: V, the number of rows.
        embedding_dim: D, the size of each.
        padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse: as in functional.embedding.
        device: where the parameter lives.
        dtype: a floating dtype; the default dtype when None.

    Shapes: input (*) of int64 or int32 in [0, V), IndexError otherwise; output (*, D); `weight`
    (V, D), standard normal at first, but zeros in the row `padding_idx`.

    Example:
        >>> words = nn.Embedding(10, 3)
        >>> words(chainrule.tensor([[1, 2, 4], [4, 3, 9]])).shape
        chainrule.Size([2, 3, 3])

    Source: "updating x if learning embeddings", 000_4bfdbb0e825250a6.txt; Bengio et al., "A neural
    probabilistic language model" (2003).
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device=None,
        dtype=None,
    ):
        super().__init__(
            (num_embeddings, embedding_dim),
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            _freeze,
            device,
            dtype,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """An Embedding of a table (V, D) that is there already, whose memory it takes over.

        With `freeze` it requires no gradient.

        Example:
            >>> words = nn.Embedding.from_pretrained(chainrule.tensor([[1.0, 2.0], [3.0, 4.0]]))
            >>> words(chainrule.tensor([1]))
            tensor([[3., 4.]])
        """
        rows, columns = sizes_of(embeddings)
        return cls(
            rows,
            columns,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        return embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self):
        shown = ("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq")
        return self._sizes() + self._unless_default(shown)
