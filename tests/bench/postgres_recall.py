"""``python -m tests.bench.postgres_recall [TOTAL]``: what the index finds of what there is, and how fast.

Four scopes in one table, by two kinds of vectors; each search is compared with the product of all vectors of the scope.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Classification
from engramia_core.scope import Scope
from engramia_core.stores import Server as Named
from engramia_core.stores.databases import PostgresDatabase
from engramia_core.stores.postgres import PostgresStore
from engramia_core.stores.postgres_build import Build, build
from engramia_core.stores.postgres_index import indexes
from tests.bench.corpus import real_like, vectors
from tests.bench.postgres_fill import fill_scopes
from tests.postgres.server import started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engramia_core.memory.embedding import Matrix

MODEL = "given"
FILTERS = {
    "": Filters(),
    "skill": Filters(skills=("skill-7",)),
    "min score": Filters(min_score=9.0),
    "classification": Filters(classification=Classification.INTERNAL),
}
_ASKED = 100
_LIMITS = (5, 64, 256)


class Found(NamedTuple):
    """How the searches of one scope went."""

    at_5: float
    at_64: float
    """Of the five, and of the 64 nearest that there are, so many were found."""
    is_full: bool
    """Whether every search gave as many as it was asked for, or all that there are."""
    p50_ms: float
    p95_ms: float


def sizes(total: int) -> dict[Scope, int]:
    """The scopes of a table of so many patterns: the largest with three quarters."""
    shares = {"ten": 10, "small": 1_000, "middle": total // 10, "large": total * 3 // 4}
    shares["others"] = total - sum(shares.values())
    return {Scope(name): count for name, count in shares.items()}


def cut(rows: Matrix, total: int) -> dict[Scope, Matrix]:
    """The vectors of each scope."""
    ends = np.cumsum(list(sizes(total).values()))
    return dict(zip(sizes(total), np.split(rows[:total], ends[:-1]), strict=True))


def build_all(url: str, settings: Build = Build(1_000)) -> float:  # noqa: B008 -- it cannot be changed
    """Build every index of a database; the seconds it took."""
    database = PostgresDatabase(Named(url))
    with database.everything() as connection:
        known = indexes(connection)
    seconds = sum(build(database.owner_engine, each, settings=settings) for each in known)
    database.close()
    return seconds


def compared(
    store: PostgresStore, scope: Scope, rows: Matrix, queries: Matrix, limit: int, filters: Filters
) -> Found:
    """Searches of one scope beside the truth: ``rows`` are its vectors in the order of its patterns' keys."""
    is_passing = [
        filters.rejects(r.pattern) is None for r in store.records(scope, with_vectors=False)
    ]
    passing = rows[np.array(is_passing)]
    at_5, at_64, full, times = [], [], [], []
    for query in queries:
        start = time.perf_counter()
        found = store.nearest(scope, query, filters=filters, limit=limit)
        times.append(time.perf_counter() - start)
        truth = np.sort(passing @ query)[::-1]
        full.append(len(found.keys) == min(limit, len(passing)))
        at_5.append(_share(found.similarity, truth, min(5, limit)))
        at_64.append(_share(found.similarity, truth, min(64, limit)))
    times.sort()
    return Found(
        statistics.mean(at_5),
        statistics.mean(at_64),
        all(full),
        statistics.median(times) * 1e3,
        times[len(times) * 95 // 100] * 1e3,
    )


def _share(found: Matrix, truth: Matrix, count: int) -> float:
    """How many of the ``count`` nearest were found: those at least as similar as the last of them."""
    there = truth[:count]
    if not len(there):
        return 1.0
    near_enough = float(np.sum(found[:count] >= there[-1] - 2e-6))
    return min(near_enough / len(there), 1.0)


def measured(url: str, scopes: Mapping[Scope, Matrix], queries: Matrix) -> Iterator[str]:
    """A row of the table for each scope, limit and filter."""
    store = PostgresStore(url)
    for scope, rows in scopes.items():
        if scope.tenant_id == "others":
            continue
        for name, filters in FILTERS.items():
            for limit in _LIMITS if not name else (5,):
                found = compared(store, scope, rows, queries, limit, filters)
                yield (
                    f"| {len(rows):,} | {limit} | {name} | {found.at_5:.3f} | {found.at_64:.3f} |"
                    f" {'yes' if found.is_full else 'NO'} | {found.p50_ms:.1f} | {found.p95_ms:.1f} |"
                )
    store.close()


def main(total: int) -> None:
    """Measure and print a table of Markdown for each kind of vectors."""
    for kind, make in (("clustered", vectors), ("real-like", real_like)):
        made = make(total + _ASKED, 2)
        made = made[np.random.default_rng(3).permutation(len(made))]
        with started() as server:
            url = server.migrated()
            scopes = cut(made, total)
            fill_scopes(url, MODEL, scopes)
            seconds = build_all(url)
            sys.stdout.write(f"\n{kind}, {total:,} vectors, index built in {seconds:.0f} s\n\n")
            sys.stdout.write("| scope | limit | filter | @5 | @64 | full | p50 ms | p95 ms |\n")
            sys.stdout.write("| ---: | ---: | --- | ---: | ---: | --- | ---: | ---: |\n")
            for line in measured(url, scopes, made[total:]):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
