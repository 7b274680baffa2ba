"""Pieces of the generated pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ESCAPED_BAR = "\\|"


def head(title: str, origin: str) -> Iterator[str]:
    """A page's title, and who wrote it."""
    yield from (
        f"# {title}",
        "",
        f"<!-- Written by `python -m docs.generate` from {origin}; do not edit. -->",
        "",
    )


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table and an empty line."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', _ESCAPED_BAR) for cell in row)} |"
    yield ""
