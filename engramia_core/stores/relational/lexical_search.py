"""The search by words: a fallback that reads every task, since nothing is kept for it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, select

from engramia_core.database import tables as t
from engramia_core.memory.lexical import bm25
from engramia_core.memory.stored import Candidates
from engramia_core.memory.vectors import facts
from engramia_core.memory.words import Words, words_of
from engramia_core.stores.relational.compiled import CompiledStatement
from engramia_core.stores.relational.reads import BATCH, LIVE, get, scope_binds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from engramia_core.memory.filters import Filters
    from engramia_core.memory.pattern import Pattern
    from engramia_core.scope import Scope

_LIVE_TASKS = CompiledStatement(
    select(t.patterns.c.key, t.patterns.c.task).where(
        t.patterns.c.tenant_id == bindparam("tenant_id"),
        t.patterns.c.project_id == bindparam("project_id"),
        LIVE,
    )
)


def lexical(
    connection: Connection, scope: Scope, words: Words, *, filters: Filters, limit: int
) -> Candidates:
    """The live patterns that share words with the query."""
    holders: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    texts = 0
    for key, task in _LIVE_TASKS.rows(connection, scope_binds(scope)):
        texts += 1
        of_task = words_of(task)
        for word in of_task & words:
            holders[word].append((key, len(of_task)))
    ranked = bm25(holders, texts=texts, words=len(words))
    found: list[tuple[Pattern, float]] = []
    for start in range(0, len(ranked), BATCH):
        batch = ranked[start : start + BATCH]
        known = get(connection, scope, [key for key, _ in batch])
        found.extend(
            (known[key], score)
            for key, score in batch
            if key in known and filters.rejects(known[key]) is None  # or it was purged meanwhile
        )
        if len(found) >= limit:
            break
    return candidates_of(found[:limit], texts)


def candidates_of(found: Sequence[tuple[Pattern, float]], searched: int = 0) -> Candidates:
    """Patterns with their similarity, as a search of ``searched`` patterns answers."""
    about = [facts(pattern) for pattern, _ in found]
    return Candidates(
        [pattern.key for pattern, _ in found],
        np.array([similarity for _, similarity in found], dtype=np.float32),
        np.array([fact[0] for fact in about], dtype=np.float32),
        np.array([fact[1] for fact in about], dtype=np.float64),
        searched,
    )
