"""The pattern: what worked once, and what is known about it since."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from engramia_core.errors import InvalidInput
from engramia_core.sortable import key_of

if TYPE_CHECKING:
    from datetime import datetime

MAX_TASK_CHARS = 10_000
MAX_CODE_CHARS = 500_000
MAX_OUTPUT_CHARS = 500_000
MAX_FEEDBACK_CHARS = 2_000
MAX_RUN_ID_CHARS = 200
MAX_SKILLS = 32
MAX_SCORE = 10.0
UNRATED_SCORE = 5.0
"""What a pattern without any observation counts as, in ranking and in aging."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SKILL = re.compile(r"[^\s,\x00-\x1f\x7f](?:[^,\x00-\x1f\x7f]{0,62}[^\s,\x00-\x1f\x7f])?")


class Source(StrEnum):
    """The edge through which a pattern came in."""

    API = "api"
    SDK = "sdk"
    CLI = "cli"
    IMPORT = "import"


class Classification(StrEnum):
    """Who may see a pattern, from everybody to few."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"


class TrashReason(StrEnum):
    """Why a pattern is in the trash."""

    PRUNED = "pruned"
    DELETED = "deleted"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants remembered, before it has a key."""

    task: str
    code: str
    score: float | None = None
    output: str | None = None
    run_id: str | None = None
    source: Source = Source.SDK
    classification: Classification = Classification.INTERNAL
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trashed:
    """That a pattern was put in the trash, when, why and by which run; it is purged 30 days later."""

    at: datetime
    reason: TrashReason
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A stored pattern. Times are aware and in UTC, scores run from 0 to 10.

    ``success_score`` is what the pattern was learned with and never changes. ``quality`` is the robust
    estimate over all its observations (``None``: never observed). ``survival`` was true at
    ``survival_set_at`` and halves about every 34 weeks; ``prune_after`` is the moment it falls below the
    limit, kept beside it so that finding what has expired is an index look-up.
    """

    key: str
    task: str
    code: str
    output: str | None
    success_score: float | None
    run_id: str | None
    source: Source
    classification: Classification
    skills: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    quality: float | None
    survival: float
    survival_set_at: datetime
    prune_after: datetime
    reuse_count: int = 0
    trashed: Trashed | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One judgement of a pattern's quality (0..10), by whom it came, with what was said."""

    at: datetime
    score: float
    source: Source
    run_id: str | None = None
    feedback: str | None = None


def copy_key(pattern: Pattern, origin: str) -> str:
    """The key of a copy of ``pattern`` that came from ``origin``: the same every time, no other pattern's.

    It has the form of ``new_key`` and sorts by when the pattern was learned.
    """
    digest = hashlib.sha256(f"{origin} {pattern.key}".encode()).digest()
    return key_of(pattern.created_at, digest[:10])


def check_key(key: str) -> str:
    """``key``, if it is a possible one: 1..64 of ``A-Z a-z 0-9 _ . -`` without ``..``; else ``InvalidInput``."""
    if not _KEY.fullmatch(key) or ".." in key:
        raise InvalidInput(
            f"{key!r} cannot be a pattern's key", hint="list the keys: engramia patterns list"
        )
    return key


def check_text(name: str, text: str, *, max_chars: int, min_chars: int = 0) -> str:
    """``text`` unchanged, or ``InvalidInput``: its length, a NUL, or a surrogate that no encoding can hold."""
    if not min_chars <= len(text) <= max_chars:
        raise InvalidInput(
            f"{name} has {len(text):,} characters; {min_chars:,} to {max_chars:,} are allowed"
        )
    if "\x00" in text:
        raise InvalidInput(f"{name} holds a NUL character at position {text.index(chr(0))}")
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{name} holds a lone surrogate (U+{ord(text[error.start]):04X}) at position {error.start}",
            hint="it was decoded wrongly; read the source as UTF-8",
        ) from error
    return text


def check_score(score: float) -> float:
    """``score`` as a float, or ``InvalidInput`` when it is not a number from 0 to 10."""
    if not 0 <= score <= MAX_SCORE:  # neither is NaN
        raise InvalidInput(f"score {score!r} is not a number from 0 to {MAX_SCORE:g}")
    return float(score)


@lru_cache(maxsize=1_024)
def check_skills(skills: tuple[str, ...]) -> tuple[str, ...]:
    """The skills, sorted and each once, or ``InvalidInput``: 32 at most, each 1..64 characters, no comma."""
    for skill in skills:
        check_text("skill", skill, max_chars=64, min_chars=1)
        if not _SKILL.fullmatch(skill):
            raise InvalidInput(
                f"skill {skill!r} is not valid",
                hint="no comma, no control character, no outer space",
            )
    unique = tuple(sorted(set(skills)))
    if len(unique) > MAX_SKILLS:
        raise InvalidInput(f"{len(unique)} skills; {MAX_SKILLS} are allowed")
    return unique


def check_texts(*, task: str, code: str, output: str | None, run_id: str | None) -> None:
    """Nothing, or ``InvalidInput`` naming the text of a pattern that is wrong."""
    check_text("task", task, max_chars=MAX_TASK_CHARS, min_chars=1)
    if not task.strip():
        raise InvalidInput("task holds only white space")
    check_text("code", code, max_chars=MAX_CODE_CHARS)
    if output is not None:
        check_text("output", output, max_chars=MAX_OUTPUT_CHARS)
    if run_id is not None:
        check_text("run id", run_id, max_chars=MAX_RUN_ID_CHARS, min_chars=1)


def check_draft(draft: Draft) -> Draft:
    """The draft with its skills sorted, or ``InvalidInput`` naming the field that is wrong."""
    check_texts(task=draft.task, code=draft.code, output=draft.output, run_id=draft.run_id)
    score = None if draft.score is None else check_score(draft.score)
    skills = check_skills(draft.skills)
    if (score, skills) == (draft.score, draft.skills):
        return draft
    return replace(draft, score=score, skills=skills)
