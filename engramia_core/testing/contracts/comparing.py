"""Every search finds what a look at every single pattern finds, whatever is stored."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engramia_core.memory.filters import Filters
from engramia_core.memory.lexical import bm25
from engramia_core.memory.pattern import Classification, Pattern, Source, Trashed, TrashReason
from engramia_core.memory.stored import Record
from engramia_core.memory.words import SAME_ISSUE, SAME_TASK, jaccard, words_of
from engramia_core.scope import Scope
from engramia_core.testing.builders import (
    a_cluster,
    a_pattern,
    a_vector,
    an_event,
    days,
)
from engramia_core.testing.contracts.store_case import (
    EVERYTHING,
    StoreCase,
    assert_whole,
    keys_of,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engramia_core.memory.store import PatternStore

QUERY = a_vector(4711)
PRUNED = Trashed(days(1), TrashReason.PRUNED)
numbers_of_scopes = itertools.count()

a_property = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,  # each example has a scope of its own
        HealthCheck.differing_executors,  # one contract, many stores
        HealthCheck.too_slow,
    ],
)
skills = st.sets(st.sampled_from(["python", "sql", "text processing"])).map(sorted).map(tuple)
classifications = st.sampled_from(Classification)
sources = st.sampled_from(Source)
tenths = st.integers(0, 100).map(lambda tenth: tenth / 10)
tasks = st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=12).map(" ".join)
filters_of_any_kind = st.builds(
    Filters,
    min_score=st.none() | tenths,
    skills=skills,
    classification=st.none() | classifications,
    source=st.none() | sources,
)
facts = st.fixed_dictionaries(
    {
        "quality": st.none() | tenths,
        "skills": skills,
        "classification": classifications,
        "source": sources,
        "trashed": st.sampled_from([None, None, None, PRUNED]),
    }
)


def a_new_scope() -> Scope:
    return Scope("property", f"n{next(numbers_of_scopes)}")


def relevance(patterns: Sequence[Pattern], query: str) -> dict[str, float]:
    """What every pattern that shares a word with ``query`` is worth, in the order of an answer."""
    texts = {p.key: words_of(p.task) for p in patterns if p.trashed is None}
    postings = {
        word: [(key, len(text)) for key, text in texts.items() if word in text]
        for word in words_of(query)
    }
    held = {word: found for word, found in postings.items() if found}
    return dict(bm25(held, texts=len(texts), words=len(postings)))


class ComparingContract(StoreCase):
    """Properties: each search against its rule, over all patterns."""

    @a_property
    @given(drawn=st.lists(facts, max_size=12), filters=filters_of_any_kind)
    def test_every_search_keeps_to_the_filters(
        self, store: PatternStore, drawn: list[dict[str, object]], filters: Filters
    ) -> None:
        scope = a_new_scope()
        patterns = [a_pattern(f"k{n:02}", "same", **fields) for n, fields in enumerate(drawn)]
        put(store, *(Record(p, vector=a_vector(1)) for p in patterns), scope=scope)
        fitting = [p for p in patterns if filters.rejects(p) is None]
        live = [p.key for p in fitting if p.trashed is None]
        assert store.nearest(scope, QUERY, filters=filters, limit=99).keys == live
        assert store.lexical(scope, words_of("same"), filters=filters, limit=99).keys == live
        assert keys_of(store.page(scope, filters=filters, limit=99)) == live[::-1]
        gone = [p.key for p in fitting if p.trashed]
        assert keys_of(store.page(scope, filters=filters, limit=99, trashed=True)) == gone[::-1]

    @a_property
    @given(drawn=st.lists(tasks, max_size=15), query=tasks, limit=st.integers(1, 15))
    def test_lexical_search_ranks_as_bm25_does(
        self, store: PatternStore, drawn: list[str], query: str, limit: int
    ) -> None:
        scope = a_new_scope()
        patterns = [a_pattern(f"k{n:02}", task) for n, task in enumerate(drawn)]
        put(store, *map(Record, patterns), scope=scope)
        expected = relevance(patterns, query)
        found = store.lexical(scope, words_of(query), filters=EVERYTHING, limit=limit)
        assert_whole(found)
        assert len(found.keys) == min(limit, len(expected))
        best = sorted(expected.values(), reverse=True)[:limit]
        assert found.similarity == pytest.approx(best, abs=1e-5)
        ranked = [expected[key] for key in found.keys]
        assert ranked == pytest.approx(best, abs=1e-5)

    @a_property
    @given(
        drawn=st.lists(tasks, max_size=15),
        queries=st.lists(tasks, max_size=4),
    )
    def test_alike_finds_what_comparing_with_every_task_finds(
        self, store: PatternStore, drawn: list[str], queries: list[str]
    ) -> None:
        scope = a_new_scope()
        patterns = [a_pattern(f"k{n:02}", task) for n, task in enumerate(drawn)]
        put(store, *map(Record, patterns[::2]), scope=scope)
        words = [words_of(query) for query in queries]
        with store.write(scope) as writer:
            writer.insert([Record(pattern) for pattern in patterns[1::2]], an_event())
            found = writer.alike(words)
        assert found == [
            [p for p in patterns if jaccard(query, words_of(p.task)) > SAME_TASK] for query in words
        ]

    @a_property
    @given(
        drawn=st.lists(tasks, max_size=12),
        query=tasks,
    )
    def test_feedback_is_compared_with_every_cluster(
        self, store: PatternStore, drawn: list[str], query: str
    ) -> None:
        scope = a_new_scope()
        clusters = [a_cluster(f"c{n:02}", text) for n, text in enumerate(drawn)]
        with store.write(scope) as writer:
            writer.put_clusters(clusters[::2])
        with store.write(scope) as writer:
            writer.put_clusters(clusters[1::2])
            found = writer.clusters_alike(words_of(query))
        words = words_of(query)
        assert found == [c for c in clusters if jaccard(words, words_of(c.text)) > SAME_ISSUE]
