"""Recall: what the memory has for a new task. It only reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engramia_core.errors import Unavailable
from engramia_core.memory.embedding import Calibration
from engramia_core.memory.filters import Filters
from engramia_core.memory.floor import FixedFloor
from engramia_core.memory.ranking import (
    Ranking,
    effective_scores,
    quality_factor,
    recency,
    reuse_tier,
)
from engramia_core.memory.recall_report import Match, Method, Question, RecallReport, Rejected
from engramia_core.memory.words import SAME_TASK, components, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from engramia_core.memory.embedder import Embedder
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.ranking import Floats
    from engramia_core.memory.store import Searchable
    from engramia_core.memory.stored import Candidates
    from engramia_core.scope import Scope

_FIRST_LOOK = 256
_WIDEN = 8
"""How many times more candidates are looked at when those seen do not settle the answer."""
_COMPARED_PER_RESULT = 4
_COMPARED = 20
"""How many candidates are compared with one another: so many for each result that is wanted, and at least so many."""
_REJECTED_SHOWN = 10
_LEXICAL_FLOOR = 0.25
_LEXICAL = Calibration(FixedFloor(_LEXICAL_FLOOR), adapt=0.6, duplicate=0.9)
"""For relevances by words: a pattern counts when it shares a good part of the question's rare words."""


@dataclass(frozen=True, slots=True)
class _Search:
    """One way of finding candidates, and what its similarities mean."""

    method: Method
    note: str | None
    calibration: Calibration
    floor_for: Callable[[Candidates], float]
    """The floor, given what was found."""
    find: Callable[[Filters, int], Candidates]


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates above the floor in effective order, and what is certain of that order."""

    candidates: Candidates
    effective: Floats
    order: list[int]
    """Rows of ``candidates``: those whose place no candidate that was not seen can take."""
    is_all: bool
    """Whether nothing else is above the floor."""
    floor: float


def recall(
    store: Searchable,
    embedder: Embedder | None,
    scope: Scope,
    question: Question,
    *,
    now: datetime,
) -> RecallReport:
    """The patterns most worth reusing for ``question.task``; exact, however many are stored.

    Without an embedder, or when it does not answer, the search is lexical and the report says so. ``Refused`` when
    the scope's model cannot be opened.
    """
    serving = embedder.serving(scope, store) if embedder is not None else None
    return recall_by(store, serving, scope, question, now=now)


def recall_by(
    store: Searchable,
    embedder: Embedder | None,
    scope: Scope,
    question: Question,
    *,
    now: datetime,
) -> RecallReport:
    """``recall`` by the vectors of the embedder's own model, whether it is the scope's or not."""
    search = _search(store, embedder, scope, question.task)
    found, chosen = _settled(store, scope, search, question, now)
    report = RecallReport(
        task=question.task,
        method=search.method,
        note=search.note or (None if chosen else _unsearched(store, scope, found)),
        floor=found.floor,
        recency_weight=question.ranking.recency_weight,
        matches=tuple(
            _match(found, row, group, search.calibration, question.ranking, now)
            for row, group in chosen
        ),
    )
    if not question.explain:
        return report
    return replace(report, rejected=_rejected(store, scope, search, question, report, now))


def _unsearched(store: Searchable, scope: Scope, found: _Found) -> str | None:
    """That some patterns could not be found, because they have no vector."""
    live = store.live_count(scope)
    missing = live - found.candidates.searched
    if missing <= 0:
        return None
    return (
        f"{missing:,} of {live:,} patterns have no vector and were not searched: engramia reindex"
    )


def _search(store: Searchable, embedder: Embedder | None, scope: Scope, task: str) -> _Search:
    """By vector if there is an embedder that answers, else by words."""
    note = "no embedding provider: searched by words"
    if embedder is not None:
        calibration, model = embedder.provider.calibration, embedder.model
        try:
            query = embedder.one(task)
        except Unavailable as error:
            note = f"{error.message}: searched by words"
        else:
            return _Search(
                Method.VECTOR,
                None,
                calibration,
                lambda seen: calibration.floor_for(query, seen.nearest, seen.searched),
                lambda filters, limit: store.nearest(
                    scope, query, filters=filters, limit=limit, model=model
                ),
            )
    words = words_of(task)
    return _Search(
        Method.LEXICAL,
        note,
        _LEXICAL,
        lambda _: _LEXICAL_FLOOR,
        lambda filters, limit: store.lexical(scope, words, filters=filters, limit=limit),
    )


def _settled(
    store: Searchable, scope: Scope, search: _Search, question: Question, now: datetime
) -> tuple[_Found, list[tuple[int, list[Pattern]]]]:
    """The rows to answer, best first, each with its group: the patterns of nearly the same task, itself first.

    An effective score is never above its similarity, so a candidate that was not seen cannot beat one whose
    effective score is at least the lowest similarity that was. More is looked at until that settles the answer.
    """
    look, compared = _FIRST_LOOK, max(question.limit * _COMPARED_PER_RESULT, _COMPARED)
    found = _look(search, question, look, now)
    while True:
        rows = found.order[:compared]
        groups = _groups(store, scope, found, rows)
        if len(groups) >= question.limit or (found.is_all and len(rows) == len(found.order)):
            return found, groups[: question.limit]
        if len(rows) == len(found.order):
            look *= _WIDEN
            found = _look(search, question, look, now)
        compared *= _WIDEN


def _look(search: _Search, question: Question, look: int, now: datetime) -> _Found:
    seen = search.find(question.filters, look)
    floor = 0.0 if question.include_irrelevant else search.floor_for(seen)
    effective = effective_scores(
        seen.similarity, seen.quality, seen.updated_at_s, ranking=question.ranking, now=now
    )
    relevant = seen.similarity >= floor
    is_all = len(seen.keys) < look or not bool(relevant[-1])
    unseen = 0.0 if is_all else float(seen.similarity[-1])
    rows = np.flatnonzero(relevant & (effective >= unseen))
    order = rows[np.argsort(-effective[rows], kind="stable")]
    return _Found(seen, effective, order.tolist(), is_all, floor)


def _groups(
    store: Searchable, scope: Scope, found: _Found, rows: Sequence[int]
) -> list[tuple[int, list[Pattern]]]:
    """The connected components of near-duplicate tasks among ``rows``, as best row and members, in order."""
    patterns = store.get(scope, [found.candidates.keys[row] for row in rows])
    known = [
        (row, patterns[key])
        for row in rows
        if (key := found.candidates.keys[row]) in patterns  # or it was purged a moment ago
    ]
    leaders = components([words_of(pattern.task) for _, pattern in known], SAME_TASK)
    groups: dict[int, tuple[int, list[Pattern]]] = {}
    for leader, (row, pattern) in zip(leaders, known, strict=True):
        groups.setdefault(leader, (row, []))[1].append(pattern)
    return list(groups.values())


def _match(
    found: _Found,
    row: int,
    group: Sequence[Pattern],
    calibration: Calibration,
    ranking: Ranking,
    now: datetime,
) -> Match:
    similarity = float(found.candidates.similarity[row])
    age = found.candidates.updated_at_s[row]
    return Match(
        pattern=group[0],
        similarity=similarity,
        quality_factor=float(quality_factor(found.candidates.quality[row])),
        recency=float(recency(age, now, half_life_days=ranking.half_life_days)),
        effective_score=float(found.effective[row]),
        tier=reuse_tier(similarity, calibration),
        near_duplicates=tuple(pattern.key for pattern in group[1:]),
    )


def _rejected(
    store: Searchable,
    scope: Scope,
    search: _Search,
    question: Question,
    report: RecallReport,
    now: datetime,
) -> tuple[Rejected, ...]:
    """The most similar candidates that were not answered, whatever the filters, each with its rule."""
    look = question.limit * _COMPARED_PER_RESULT + _REJECTED_SHOWN
    seen = search.find(Filters(), look)
    effective = effective_scores(
        seen.similarity, seen.quality, seen.updated_at_s, ranking=question.ranking, now=now
    )
    patterns = store.get(scope, seen.keys)
    answered = {match.pattern.key for match in report.matches}
    preferred = {key: m.pattern.key for m in report.matches for key in m.near_duplicates}
    rejected = []
    for row, key in enumerate(seen.keys):
        if key in answered or key not in patterns:
            continue
        similarity = float(seen.similarity[row])
        rule = question.filters.rejects(patterns[key])
        if rule is None and similarity < report.floor:
            rule = f"similarity {similarity:.3f} below the floor {report.floor:.3f}"
        elif rule is None and key in preferred:
            rule = f"nearly the same task as {preferred[key]}"
        rejected.append(
            Rejected(
                key,
                patterns[key].task,
                similarity,
                float(effective[row]),
                rule or f"ranked below --limit {question.limit}",
            )
        )
    return tuple(rejected[:_REJECTED_SHOWN])
