"""EmbeddingBag: rows of a trained table, reduced in bags; the function is in _bags.py."""

from __future__ import annotations

from .._checks import require_bool
from .._core import Tensor
from ._bags import embedding_bag, require_mode
from ._embedding import Table, sizes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class EmbeddingBag(Table):
    """The sum, the mean or the maximum of rows of a trained table, for each bag of row numbers.

    Args:
        num_embeddings: V, the number of rows.
        embedding_dim: D, the size of each.
        max_norm, norm_type, scale_grad_by_freq, sparse, padding_idx: as in Embedding; rows of
            `padding_idx` are in no bag.
        mode: "sum", "mean" or "max".
        include_last_offset: the last offset is where the last bag ends.
        device, dtype: as in Embedding.

    Shapes: input (B, L), or (N,) with offsets; `per_sample_weights`, for sums, has the input's;
    output (B, D). functional.embedding_bag says more. `weight` (V, D) as in Embedding.

    Example:
        >>> bags = nn.EmbeddingBag(10, 3, mode="sum")
        >>> bags(chainrule.tensor([1, 2, 4, 5, 4]), chainrule.tensor([0, 3])).shape
        chainrule.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device=None,
        dtype=None,
    ):
        require_mode("EmbeddingBag", mode, scale_grad_by_freq)
        super().__init__(
            (num_embeddings, embedding_dim),
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight,
            False,
            device,
            dtype,
        )
        self.mode = mode
        self.include_last_offset = require_bool(
            "EmbeddingBag", "include_last_offset", include_last_offset
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """An EmbeddingBag of a table (V, D) that is there already, whose memory it takes over.

        With `freeze` it requires no gradient.
        """
        rows, columns = sizes_of(embeddings)
        made = cls(
            rows,
            columns,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad_(not freeze)
        return made

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self):
        shown = self._unless_default(("max_norm", "norm_type", "scale_grad_by_freq"))
        text = self._sizes() + shown + f", mode={self.mode!r}"
        return text + self._unless_default(("padding_idx",))
