"""What a recall asks of PostgreSQL, each in one round trip: the model, the nearest patterns, the patterns themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select

from engramia_core.database import tables as t
from engramia_core.database.columns import name_type
from engramia_core.memory.embedding import text_hash
from engramia_core.stores import postgres_checks, postgres_search
from engramia_core.stores.postgres_ask import Asking, ask
from engramia_core.stores.postgres_engine import translated
from engramia_core.stores.relational.rows import PATTERN_COLUMNS, pattern_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.stored import Candidates, EmbeddingModel
    from engramia_core.scope import Scope
    from engramia_core.stores.postgres_ask import Question

_BELIEVED_S = 30.0
"""How long it is believed that an index is there, or is not."""
_REMEMBERED = 10_000
"""Of so many scopes the last known state is kept."""

_BY_KEYS = Asking(
    select(*PATTERN_COLUMNS).where(
        t.patterns.c.tenant_id == bindparam("tenant_id"),
        t.patterns.c.project_id == bindparam("project_id"),
        t.patterns.c.key == any_(bindparam("keys", type_=ARRAY(name_type()))),
    )
)
_BY_HASHES = Asking(
    select(t.embeddings.c.text_hash, t.embeddings.c.vector).where(
        t.embeddings.c.tenant_id == bindparam("tenant_id"),
        t.embeddings.c.project_id == bindparam("project_id"),
        t.embeddings.c.model_id == bindparam("model_id"),
        t.embeddings.c.text_hash == any_(bindparam("hashes", type_=ARRAY(BigInteger))),
    )
)
_LIVE_COUNT = Asking(
    select(t.projects.c.live).where(
        t.projects.c.tenant_id == bindparam("tenant_id"),
        t.projects.c.project_id == bindparam("project_id"),
    )
)


class PostgresReader:
    """Reads over one engine. What it remembers of a scope is a guess that each search checks in the same breath."""

    def __init__(self, engine: Engine, place: str) -> None:
        self._engine = engine
        self._place = place
        self._indexed: dict[EmbeddingModel, tuple[float, int | None]] = {}
        self._last: dict[Scope, postgres_search.ScopeState] = {}

    def get(self, scope: Scope, keys: Sequence[str]) -> dict[str, Pattern]:
        """The patterns under ``keys`` that exist."""
        if not keys:
            return {}
        (rows,) = self._ask(scope, _BY_KEYS.of(scope, keys=list(keys)))
        return {row[0]: pattern_of(row) for row in rows}

    def live_count(self, scope: Scope) -> int:
        """How many live patterns the scope has."""
        (rows,) = self._ask(scope, _LIVE_COUNT.of(scope))
        return int(rows[0][0]) if rows else 0

    def model(self, scope: Scope) -> EmbeddingModel | None:
        """The scope's model."""
        return self._state(scope).model

    def known_vectors(self, scope: Scope, model_id: str, texts: Sequence[str]) -> dict[str, Vector]:
        """The stored vectors of ``texts``."""
        by_hash = {text_hash(text): text for text in texts}
        hashes = list(by_hash)
        (rows,) = self._ask(scope, _BY_HASHES.of(scope, hashes=hashes, model_id=model_id))
        return {by_hash[number]: vector.to_numpy() for number, vector in rows}

    def nearest(
        self, scope: Scope, asked: postgres_search.Asked, model: EmbeddingModel | None = None
    ) -> Candidates:
        """The nearest live patterns by the scope's model or the one given, as many as were asked for where there are."""
        state = self._last.get(scope) or self._state(scope)
        while meant := model or state.model:
            by = postgres_search.ScopeState(meant, state.live)
            indexed = self._indexed_rows(scope, by, asked)
            rows, now = self._search(scope, asked, by, indexed)
            if model is not None or now.model == meant:
                if indexed is not None and len(rows) < min(asked.limit, now.live):
                    rows, now = self._search(scope, asked, by, None)
                found = postgres_search.candidates(rows, now.live, asked.limit)
                (vectors,) = self._ask(scope, postgres_search.vectors_of(scope, found, meant))
                return postgres_search.with_vectors(found, vectors, meant)
            state = now
        return postgres_search.candidates([], 0, 0)

    def is_large(self, scope: Scope) -> bool:
        """Whether the scope has more patterns than are searched exactly."""
        return self.live_count(scope) > postgres_search.EXACT_UP_TO

    def forget(self) -> None:
        """Believe nothing about indexes any more."""
        self._indexed.clear()

    def lacks_index(self, scope: Scope) -> postgres_search.ScopeState:
        """The scope's model and size if it is large and the model has no valid index but could have; else nothing."""
        self.forget()
        model, live = self._state(scope)
        is_large = live > postgres_search.EXACT_UP_TO
        if model is None or not is_large or postgres_search.indexed_type(model) is None:
            return postgres_search.ScopeState(None, 0)
        if self._rows_of_index(scope, model) is not None:
            return postgres_search.ScopeState(None, 0)
        return postgres_search.ScopeState(model, live)

    def _state(self, scope: Scope) -> postgres_search.ScopeState:
        """The scope's model and its number of live patterns."""
        (rows,) = self._ask(scope, postgres_search.STATE.of(scope))
        return self._remember(scope, rows)

    def _search(
        self,
        scope: Scope,
        asked: postgres_search.Asked,
        state: postgres_search.ScopeState,
        indexed: int | None,
    ) -> tuple[list[tuple[Any, ...]], postgres_search.ScopeState]:
        """The nearest by the model that ``state`` tells of, and the state as it is."""
        assert state.model is not None  # or there is nothing to search
        found = postgres_search.questions(
            scope, asked, state.model, live=state.live, indexed=indexed
        )
        rows, *_, nearest = self._ask(scope, postgres_search.STATE.of(scope), *found)
        return nearest, self._remember(scope, rows)

    def _indexed_rows(
        self, scope: Scope, state: postgres_search.ScopeState, asked: postgres_search.Asked
    ) -> int | None:
        """How many vectors the index has by which to search; ``None`` where an exact search is as quick."""
        if state.model is None or state.live <= postgres_search.EXACT_UP_TO:
            return None
        indexed = self._rows_of_index(scope, state.model)
        if indexed is None:
            return None
        passing = self._with_skill(scope, asked.filters.skills, state.live)
        is_quicker = postgres_search.is_index_quicker(passing, asked.limit, indexed)
        return indexed if is_quicker else None

    def _with_skill(self, scope: Scope, skills: Sequence[str], live: int) -> int:
        """How many patterns can pass at most: those with the rarest of the skills, counted up to a bound."""
        most = min(live, postgres_search.COUNTED_UP_TO)
        for skill in skills:
            question = postgres_search.WITH_SKILL.of(scope, skill=skill, most=most)
            ((found,),) = self._ask(scope, question)[0]
            most = min(most, found)
        return live if most == postgres_search.COUNTED_UP_TO else most

    def _rows_of_index(self, scope: Scope, model: EmbeddingModel) -> int | None:
        known = self._indexed.get(model)
        now = time.monotonic()
        if known is None or now - known[0] > _BELIEVED_S:
            (rows,) = self._ask(
                scope, postgres_checks.rows_of_index(postgres_search.index_name(model))
            )
            known = self._indexed[model] = now, rows[0][0] if rows else None
        return known[1]

    def _remember(self, scope: Scope, rows: Sequence[Sequence[Any]]) -> postgres_search.ScopeState:
        if len(self._last) >= _REMEMBERED:
            self._last.clear()
        state = self._last[scope] = postgres_search.state_of(rows)
        return state

    def _ask(self, scope: Scope, *questions: Question) -> list[list[tuple[Any, ...]]]:
        with translated(self._place):
            return ask(self._engine, scope, *questions)
