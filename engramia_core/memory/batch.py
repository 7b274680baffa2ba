"""Learning from a stream: one JSON object a line, a bad line is named and the others go in."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from engramia_core.errors import InvalidInput
from engramia_core.memory.bulk import without_collector
from engramia_core.memory.pattern import Classification, Draft, Source, check_draft

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from engramia_core.memory.duplicates import Outcome
    from engramia_core.memory.learn import Learned

_FIRST_LINES = 100
_MAX_LINES = 4_000
_MAX_BYTES = 8_000_000
_LONG_S = 1.0
"""A transaction takes twice the lines of the one before until it takes this long; then it takes fewer again."""
_FIELDS = {"task", "code", "score", "output", "run_id", "skills", "classification"}


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was not learned, and why."""

    number: int
    reason: str


@dataclass(slots=True)
class BatchReport:
    """What became of a stream."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    bad_lines: list[BadLine] = field(default_factory=list)


def learn_stream(
    lines: Iterable[bytes],
    learn: Callable[[Sequence[Draft]], tuple[Learned, ...]],
    *,
    source: Source = Source.SDK,
    progress: Callable[[BatchReport], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> BatchReport:
    """Give the drafts in ``lines`` to ``learn``, many at a time; empty lines are passed over.

    What is reported learned is on disk. However slow the model, that happens every few seconds.
    """
    report = BatchReport()
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    most = _FIRST_LINES
    while chunk := _next_chunk(numbered, most):
        started = clock()
        with without_collector():
            drafts = _drafts(chunk, source, report)
            report.outcomes.update(learned.outcome for learned in learn(drafts))
        progress(report)
        is_long = clock() - started > _LONG_S
        most = max(most // 2, 1) if is_long else min(most * 2, _MAX_LINES)
    return report


def _drafts(chunk: Iterable[tuple[int, bytes]], source: Source, report: BatchReport) -> list[Draft]:
    """The drafts in the lines that hold one; the others are noted in ``report``."""
    drafts = []
    for number, line in chunk:
        try:
            drafts.append(parse_draft(line, source))
        except InvalidInput as error:
            report.bad_lines.append(BadLine(number, error.message))
    return drafts


def _next_chunk(numbered: Iterator[tuple[int, bytes]], most: int) -> list[tuple[int, bytes]]:
    """The next lines, as many as one transaction takes; none at the end."""
    chunk: list[tuple[int, bytes]] = []
    size_bytes = 0
    for number, line in numbered:
        chunk.append((number, line))
        size_bytes += len(line)
        if len(chunk) >= most or size_bytes >= _MAX_BYTES:
            break
    return chunk


def parse_draft(line: bytes, source: Source) -> Draft:
    """The draft in a line: ``task`` and ``code``, and if wanted ``score output run_id skills classification``."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidInput("not a JSON object")
    unknown = fields.keys() - _FIELDS
    if unknown:
        raise InvalidInput(f"unknown field {min(unknown)!r}")
    return check_draft(
        Draft(
            task=_text(fields, "task"),
            code=_text(fields, "code"),
            score=_number(fields.get("score")),
            output=_optional(fields, "output"),
            run_id=_optional(fields, "run_id"),
            source=source,
            classification=_classification(fields.get("classification")),
            skills=_skills(fields.get("skills")),
        )
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a string, not {value!r}")
    return value


def _optional(fields: dict[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _number(value: object) -> float | None:
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise InvalidInput(f"score must be a number, not {value!r}")


def _classification(value: object) -> Classification:
    if value is None:
        return Classification.INTERNAL
    try:
        return Classification(str(value))
    except ValueError:
        raise InvalidInput(
            f"classification {value!r} is not one of {', '.join(Classification)}"
        ) from None


def _skills(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(skill, str) for skill in value):
        raise InvalidInput(f"skills must be a list of strings, not {value!r}")
    return tuple(value)
