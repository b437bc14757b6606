"""Names and values as the containers with names take them: a mapping, or pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._checks import type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def pairs_of(container: str, values: Any) -> list[tuple[Any, Any]]:
    """The (name, value) of a mapping or of an iterable of pairs; TypeError for anything else,
    ValueError for an element that is no pair."""
    if isinstance(values, Mapping) or hasattr(values, "items"):
        return list(values.items())
    if not isinstance(values, Iterable):
        raise TypeError(
            f"[{container}] expected a dict or pairs of names and values; got {type_name(values)}."
        )
    pairs = []
    for position, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"[{container}] expected pairs of names and values; "
                f"got {type_name(pair)} at position {position}."
            )
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(
                f"[{container}] expected pairs of names and values; "
                f"got {len(pair)} elements at position {position}."
            )
        pairs.append(pair)
    return pairs
