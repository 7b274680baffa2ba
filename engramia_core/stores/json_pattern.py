"""A pattern as a file that a person can read, edit and review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput
from engramia_core.memory.pattern import (
    MAX_CODE_CHARS,
    MAX_FEEDBACK_CHARS,
    MAX_OUTPUT_CHARS,
    MAX_TASK_CHARS,
    Classification,
    Observation,
    Pattern,
    Source,
    Trashed,
    TrashReason,
    check_key,
    check_skills,
)
from engramia_core.memory.stored import Action, Event
from engramia_core.stores.json_fields import Fields, decode, encode, lines_of, time_text, whole

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class PatternFile:
    """What one file holds: a pattern, what was observed of it (as it came in) and its history."""

    pattern: Pattern
    observations: tuple[Observation, ...]
    history: tuple[Event, ...]


def encode_pattern(held: PatternFile) -> bytes:
    """The file: the same bytes for the same pattern."""
    pattern, trashed = held.pattern, held.pattern.trashed
    return encode(
        {
            "key": pattern.key,
            "task": pattern.task,
            "code": lines_of(pattern.code),
            "output": lines_of(pattern.output),
            "success_score": pattern.success_score,
            "run_id": pattern.run_id,
            "source": pattern.source,
            "classification": pattern.classification,
            "skills": pattern.skills,
            "created_at": time_text(pattern.created_at),
            "updated_at": time_text(pattern.updated_at),
            "quality": pattern.quality,
            "survival": pattern.survival,
            "survival_set_at": time_text(pattern.survival_set_at),
            "prune_after": time_text(pattern.prune_after),
            "reuse_count": pattern.reuse_count,
            "trashed": trashed
            and {"at": time_text(trashed.at), "reason": trashed.reason, "run": trashed.run},
            "observations": [
                {
                    "at": time_text(observation.at),
                    "score": observation.score,
                    "source": observation.source,
                    "run_id": observation.run_id,
                    "feedback": observation.feedback,
                }
                for observation in held.observations
            ],
            "history": events_value(held.history),
        }
    )


def decode_pattern(content: bytes, *, key: str) -> PatternFile:
    """What the file of ``key`` holds; ``InvalidInput`` says what is wrong with it."""
    held = whole(Fields(decode(content)), _pattern_file)
    if held.pattern.key != key:
        raise InvalidInput(f"key {held.pattern.key!r} is not the file's name")
    return held


def events_value(events: Iterable[Event]) -> list[dict[str, str]]:
    """A history as it is written."""
    return [
        {"at": time_text(event.at), "action": event.action, "detail": event.detail}
        for event in events
    ]


def read_event(fields: Fields) -> Event:
    """One line of a history."""
    return Event(fields.time("at"), fields.one_of("action", Action), fields.text("detail"))


def _pattern_file(fields: Fields) -> PatternFile:
    return PatternFile(
        _pattern(fields),
        fields.objects("observations", _observation),
        fields.objects("history", read_event),
    )


def _pattern(fields: Fields) -> Pattern:
    return Pattern(
        key=check_key(fields.text("key")),
        task=_task(fields),
        code=fields.lines("code", max_chars=MAX_CODE_CHARS),
        output=fields.optional("output", lambda n: fields.lines(n, max_chars=MAX_OUTPUT_CHARS)),
        success_score=fields.optional("success_score", fields.score),
        run_id=fields.optional("run_id", fields.text),
        source=fields.one_of("source", Source),
        classification=fields.one_of("classification", Classification),
        skills=check_skills(fields.texts("skills")),
        created_at=fields.time("created_at"),
        updated_at=fields.time("updated_at"),
        quality=fields.optional("quality", fields.score),
        survival=fields.score("survival"),
        survival_set_at=fields.time("survival_set_at"),
        prune_after=fields.time("prune_after"),
        reuse_count=fields.count("reuse_count"),
        trashed=fields.optional("trashed", lambda name: fields.object(name, _trashed)),
    )


def _task(fields: Fields) -> str:
    task = fields.text("task", max_chars=MAX_TASK_CHARS, min_chars=1)
    if not task.strip():
        raise InvalidInput("task holds only white space")
    return task


def _trashed(fields: Fields) -> Trashed:
    return Trashed(
        fields.time("at"),
        fields.one_of("reason", TrashReason),
        fields.optional("run", fields.text),
    )


def _observation(fields: Fields) -> Observation:
    return Observation(
        fields.time("at"),
        fields.score("score"),
        fields.one_of("source", Source),
        fields.optional("run_id", fields.text),
        fields.optional("feedback", lambda n: fields.text(n, max_chars=MAX_FEEDBACK_CHARS)),
    )
