"""Recall by one model beside recall by another, before a scope changes from the one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from engramia_core.errors import EngramiaError, InvalidInput
from engramia_core.memory.recall import recall_by
from engramia_core.memory.recall_report import Question

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from engramia_core.memory.embedder import Embedder
    from engramia_core.memory.recall_report import Match
    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope

TOP = 5
"""Of how many answers each question's two lists are compared."""
SAMPLE = 50
"""How many stored tasks are asked when there are no golden questions."""
_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class Golden:
    """A question, and the keys of the patterns that are right answers to it."""

    query: str
    expect: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one model answers golden questions."""

    hit_rate: float
    """The share of questions with a right answer among the first five, 0..1."""
    mrr: float
    """The mean of one over the place of the first right answer, none counting 0."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Recall by the model before and by the model after."""

    questions: int
    """How many were asked of both."""
    is_golden: bool
    """Whether they were golden questions; else stored tasks."""
    agreement: float
    """The mean share of the first five answers that both models give, 0..1, whatever their order."""
    before: Quality | None
    """How well the model before answers; ``null`` without golden questions."""
    after: Quality | None
    """How well the model after answers; ``null`` without golden questions."""


def read_golden(lines: Iterable[bytes]) -> tuple[Golden, ...]:
    """The questions of an NDJSON file; ``InvalidInput`` names a line that is none, or says that there is no line."""
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_golden(orjson.loads(line)))
            except (ValueError, EngramiaError) as error:
                said = error.message if isinstance(error, EngramiaError) else error
                raise InvalidInput(f"golden line {number}: {said}") from error
    if not found:
        raise InvalidInput(
            "there are no golden questions", hint='a line each: {"query": "…", "expect": ["KEY"]}'
        )
    return tuple(found)


def _golden(value: object) -> Golden:
    if not isinstance(value, dict) or value.keys() != {"query", "expect"}:
        raise InvalidInput("it must be an object with 'query' and 'expect', and nothing else")
    query, expect = value["query"], value["expect"]
    if not (isinstance(query, str) and isinstance(expect, list) and expect):
        raise InvalidInput("'query' must be a text and 'expect' a list of keys")
    if not all(isinstance(key, str) for key in expect):
        raise InvalidInput("'expect' holds what is no key")
    return Golden(Question(query).task, tuple(expect))


def compare(
    store: PatternStore,
    scope: Scope,
    models: tuple[Embedder, Embedder],
    golden: Sequence[Golden],
    *,
    now: datetime,
) -> Comparison:
    """Ask both ``models``, the one before and the one after, the golden questions; without any, stored tasks."""
    asked = golden or [Golden(task, ()) for task in _stored_tasks(store, scope)]
    shared = 0.0
    places: tuple[list[int], list[int]] = ([], [])
    for start in range(0, len(asked), _TOGETHER):
        some = asked[start : start + _TOGETHER]
        for model in models:
            model.prepare(scope, [question.query for question in some])
        for question in some:
            whole = Question(question.query, limit=TOP)
            answers = [recall_by(store, m, scope, whole, now=now).matches for m in models]
            shared += _shared(*answers)
            for place, matches in zip(places, answers, strict=True):
                place.append(_place(matches, question.expect))
    return Comparison(
        len(asked),
        bool(golden),
        shared / len(asked) if asked else 1.0,
        _quality(places[0]) if golden else None,
        _quality(places[1]) if golden else None,
    )


def _stored_tasks(store: PatternStore, scope: Scope) -> list[str]:
    """Tasks of live patterns, evenly over all of them."""
    every = max(1, store.live_count(scope) // SAMPLE)
    records = store.records(scope, with_vectors=False)
    return [record.pattern.task for record in islice(records, 0, every * SAMPLE, every)]


def _shared(one: Sequence[Match], other: Sequence[Match]) -> float:
    """The share of the longer list that the lists have in common; two empty ones agree."""
    keys = [{match.pattern.key for match in matches} for matches in (one, other)]
    longer = max(map(len, keys))
    return len(keys[0] & keys[1]) / longer if longer else 1.0


def _place(matches: Sequence[Match], expect: Sequence[str]) -> int:
    """The place of the first right answer from 1 on, itself or as a near-duplicate of what was answered; 0 for none."""
    wanted = set(expect)
    for place, match in enumerate(matches, 1):
        if wanted & {match.pattern.key, *match.near_duplicates}:
            return place
    return 0


def _quality(places: Sequence[int]) -> Quality:
    hits = [place for place in places if place]
    return Quality(len(hits) / len(places), sum(1 / place for place in hits) / len(places))
