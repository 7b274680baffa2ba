"""Reading an export: whole and unaltered first, then batch by batch."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, BinaryIO

from engramia_core.errors import InvalidInput
from engramia_core.memory.bulk import without_collector
from engramia_core.memory.feedback import Cluster
from engramia_core.memory.stored import Record
from engramia_core.memory.transfer_format import (
    Footer,
    Header,
    Line,
    check_vector,
    footer_line,
    parse_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_LINES = 500
_BATCH_BYTES = 16_000_000
"""How much of an export is in memory at a time."""


def verify(file: BinaryIO) -> tuple[Header, str]:
    """Read an export to its end and rewind it: its header and its checksum.

    ``InvalidInput`` names the line that is wrong, or what is missing.
    """
    file.seek(0)
    digest = hashlib.sha256()
    header: Header | None = None
    footer: bytes | None = None
    seen: Counter[type] = Counter()
    for number, raw in enumerate(file, 1):
        line = _parsed(raw, number, header)
        _check_place(line, number, after=footer)
        seen[type(line)] += 1
        if isinstance(line, Footer):
            footer = raw
            continue
        if isinstance(line, Header):
            header = line
        digest.update(raw)
    patterns, issues = seen[Record], seen[Cluster]
    if header is None:
        raise InvalidInput("the file is empty; an export has a header and a footer")
    if footer is None:
        raise InvalidInput(
            f"the file is cut off after {patterns:,} of about {header.patterns:,} patterns: it has no footer",
            hint="export again; nothing was imported",
        )
    sha256 = digest.hexdigest()
    if footer != footer_line(Footer(patterns, issues, sha256)):
        raise InvalidInput(
            "the file was altered: its content does not match the checksum in its footer",
            hint="export again; nothing was imported",
        )
    file.seek(0)
    return header, sha256


def _check_place(line: Line, number: int, *, after: bytes | None) -> None:
    if after is not None:
        raise InvalidInput(f"line {number} comes after the footer")
    if (number == 1) != isinstance(line, Header):
        raise InvalidInput(f"line {number}: the header must be the first line and only there")


def _parsed(raw: bytes, number: int, header: Header | None) -> Line:
    try:
        line = parse_line(raw)
        if isinstance(line, Record) and header is not None:
            check_vector(line, header)
    except InvalidInput as error:
        raise InvalidInput(f"line {number}: {error.message}", hint=error.hint) from error
    return line


def batches(
    file: BinaryIO, most: int = BATCH_LINES
) -> Iterator[tuple[list[Record], list[Cluster]]]:
    """The patterns and issues of a verified export, as many at a time as one transaction takes."""
    with_more = True
    while with_more:
        with without_collector():
            parsed, with_more = _parse_batch(file, most)
            yield (
                [line for line in parsed if isinstance(line, Record)],
                [line for line in parsed if isinstance(line, Cluster)],
            )


def _parse_batch(file: BinaryIO, most: int) -> tuple[list[Line], bool]:
    """The next lines, parsed, and whether there may be more."""
    parsed: list[Line] = []
    size_bytes = 0
    for raw in file:
        parsed.append(parse_line(raw))
        size_bytes += len(raw)
        if len(parsed) >= most or size_bytes >= _BATCH_BYTES:
            return parsed, True
    return parsed, False
