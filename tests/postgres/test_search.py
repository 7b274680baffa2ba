"""The index finds what an exact search finds, in a table small enough for a test; see docs/why/postgres.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from pgvector.psycopg import register_vector
from sqlalchemy import make_url

from engramia_core.memory.filters import Filters
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.scope import Scope
from engramia_core.stores.postgres import PostgresStore
from engramia_core.stores.postgres_build import Build
from engramia_core.stores.postgres_search import (
    Asked,
    index_name,
    is_index_quicker,
    questions,
)
from tests.bench.corpus import DIMENSIONS, vectors
from tests.bench.postgres_fill import fill_scopes
from tests.bench.postgres_recall import FILTERS, MODEL, build_all, compared, cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engramia_core.memory.embedding import Matrix
    from tests.postgres.server import Server

TOTAL = 12_000
QUERIES = vectors(20, 12)
LARGE = Scope("large")


@pytest.fixture(scope="module")
def scopes() -> dict[Scope, Matrix]:
    return cut(vectors(TOTAL, 2), TOTAL)


@pytest.fixture(scope="module")
def url(postgres: Server, scopes: dict[Scope, Matrix]) -> str:
    url = postgres.migrated()
    fill_scopes(url, MODEL, scopes)
    build_all(url, Build(100, 0))
    return url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore(url)
    yield opened
    opened.close()


def plan_of(url: str, scope: Scope, *, live: int, indexed: int | None, filters: Filters) -> str:
    """How the server means to answer a search."""
    asked = questions(
        scope,
        Asked(QUERIES[0], filters, 64),
        EmbeddingModel(MODEL, DIMENSIONS),
        live=live,
        indexed=indexed,
    )
    with psycopg.connect(url) as connection:
        register_vector(connection)
        connection.execute("SET ROLE engramia_app")
        connection.execute(
            "SELECT set_config('engramia.tenant_id', %s, true), set_config('engramia.project_id', %s, true)",
            (scope.tenant_id, scope.project_id),
        )
        *settings, search = asked
        for each in settings:
            connection.execute(each.sql, each.values)
        rows = connection.execute(f"EXPLAIN {search.sql}", search.values).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS.keys())
def test_the_server_searches_by_the_index_where_we_say_so(url: str, filters: Filters) -> None:
    plan = plan_of(url, LARGE, live=9_000, indexed=TOTAL, filters=filters)
    assert f"Index Scan using {index_name(EmbeddingModel(MODEL, DIMENSIONS))}" in plan
    assert "Sort" not in plan


def test_an_exact_search_reads_the_scope_and_no_more(url: str) -> None:
    plan = plan_of(url, Scope("small"), live=1_000, indexed=None, filters=Filters())
    assert index_name(EmbeddingModel(MODEL, DIMENSIONS)) not in plan
    assert "Seq Scan on memory_embeddings" not in plan


@pytest.mark.parametrize("name", ["ten", "small", "middle", "large"])
@pytest.mark.parametrize("limit", [5, 64])
def test_a_search_finds_what_there_is(
    store: PostgresStore, scopes: dict[Scope, Matrix], name: str, limit: int
) -> None:
    rows = scopes[Scope(name)]
    found = compared(store, Scope(name), rows, QUERIES, limit, Filters())
    assert found.is_full
    assert found.at_5 >= 0.99


@pytest.mark.parametrize("filters", list(FILTERS.values())[1:], ids=list(FILTERS)[1:])
def test_a_filter_takes_nothing_away(
    store: PostgresStore, scopes: dict[Scope, Matrix], filters: Filters
) -> None:
    found = compared(store, LARGE, scopes[LARGE], QUERIES[:8], 64, filters)
    assert found.is_full
    assert found.at_5 >= 0.99


def test_a_scope_whose_patterns_are_mostly_in_the_trash_loses_none(
    postgres: Server, store: PostgresStore, url: str, scopes: dict[Scope, Matrix]
) -> None:
    database = str(make_url(url).database)
    whose = "tenant_id = 'large'"
    keys = [row[0] for row in postgres.run(
        f"SELECT key FROM engramia_data WHERE {whose} ORDER BY key", database=database
    )]  # fmt: skip
    kept = set(keys[::2][:4_000])
    postgres.run(
        f"UPDATE engramia_data SET trashed_at = now() WHERE {whose} AND key <> ALL"
        f" ('{{{','.join(kept)}}}'::text[])",
        database=database,
    )
    postgres.run(f"UPDATE memory_projects SET live = 4000 WHERE {whose}", database=database)
    try:
        rows = scopes[LARGE][[number for number, key in enumerate(keys) if key in kept]]
        found = compared(store, LARGE, rows, QUERIES[:8], 64, Filters())
        assert found.is_full
        assert found.at_5 >= 0.99
    finally:
        postgres.run(f"UPDATE engramia_data SET trashed_at = NULL WHERE {whose}", database=database)
        postgres.run(
            f"UPDATE memory_projects SET live = {len(keys)} WHERE {whose}", database=database
        )


def test_the_index_is_used_where_a_scope_is_a_large_share_of_it() -> None:
    assert not is_index_quicker(3_000, 5, 3_000)
    assert is_index_quicker(150_000, 256, 200_000)
    assert is_index_quicker(20_000, 64, 200_000)
    assert not is_index_quicker(10_000, 256, 200_000)
    assert not is_index_quicker(5_000, 256, 1_000_000)
