"""Searches find what is there, in order, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engramia_core.errors import Refused
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Source, Trashed, TrashReason
from engramia_core.memory.stored import NEAREST, Action, EmbeddingModel, KnownModel, Record
from engramia_core.memory.words import words_of
from engramia_core.scope import Scope
from engramia_core.testing.builders import (
    DIMENSIONS,
    MODEL,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    an_observation,
    days,
)
from engramia_core.testing.contracts.store_case import (
    EVERYTHING,
    SCOPE,
    StoreCase,
    assert_whole,
    found_by,
    keys_of,
    put,
)

if TYPE_CHECKING:
    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.store import PatternStore

OTHER_MODEL = EmbeddingModel("other-model", 4)
QUERY = a_vector(4711)
PRUNED = Trashed(days(1), TrashReason.PRUNED)


def similarity(vector: Vector) -> float:
    """To the query, 0..1, to six places."""
    return round(min(max(float(vector @ QUERY), 0.0), 1.0), 6)


def at_an_angle(cosine: float) -> Vector:
    """A unit vector whose cosine with the first axis is ``cosine``."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[:2] = cosine, np.sqrt(1 - cosine**2)
    return vector


class SearchingContract(StoreCase):
    """Vector search, lexical search, near-duplicates, and which patterns have a vector."""

    def test_the_nearest_come_first(self, store: PatternStore) -> None:
        records = [a_record(f"k{seed:02}", seed=seed) for seed in range(40)]
        put(store, *records)
        expected = sorted((-similarity(a_vector(seed)), f"k{seed:02}") for seed in range(40))[:7]
        found = store.nearest(SCOPE, QUERY, filters=EVERYTHING, limit=7)
        assert_whole(found)
        assert found.keys == [key for _, key in expected]
        assert found.similarity == pytest.approx([-value for value, _ in expected], abs=1e-5)

    def test_a_search_tells_what_ranking_needs(self, store: PatternStore) -> None:
        rated = a_pattern("a", quality=7.25, updated_at=days(3))
        put(store, Record(rated, vector=a_vector(1)), Record(a_pattern("b"), vector=a_vector(2)))
        by_vector = store.nearest(SCOPE, a_vector(1), filters=EVERYTHING, limit=9)
        by_words = store.lexical(SCOPE, words_of("the task a"), filters=EVERYTHING, limit=9)
        for found in (by_vector, by_words):
            assert_whole(found)
            assert found.keys == ["a", "b"]
            assert found.quality[0] == 7.25
            assert np.isnan(found.quality[1])
            expected = [days(3).timestamp(), days(0).timestamp()]
            assert found.updated_at_s == pytest.approx(expected, abs=1e-6)

    def test_equal_patterns_come_by_key(self, store: PatternStore) -> None:
        put(store, *(a_record(key, "the same task", seed=1) for key in ("b", "c", "a", "A")))
        by_vector = store.nearest(SCOPE, QUERY, filters=EVERYTHING, limit=3)
        by_words = store.lexical(SCOPE, words_of("same"), filters=EVERYTHING, limit=3)
        assert by_vector.keys == by_words.keys == ["A", "a", "b"]

    def test_similarity_runs_from_0_to_1(self, store: PatternStore) -> None:
        angles = {"opposite": -1.0, "away": -0.25, "across": 0.0, "near": 0.5, "same": 1.0}
        put(store, *(Record(a_pattern(k), vector=at_an_angle(c)) for k, c in angles.items()))
        found = store.nearest(SCOPE, at_an_angle(1.0), filters=EVERYTHING, limit=9)
        assert found.keys == ["same", "near", "across", "away", "opposite"]
        assert found.similarity == pytest.approx([1, 0.5, 0, 0, 0], abs=1e-6)
        assert found.similarity.min() >= 0
        assert found.similarity.max() <= 1

    def test_a_search_tells_how_many_it_chose_from(self, store: PatternStore) -> None:
        put(store, *(a_record(f"k{seed}", seed=seed) for seed in range(9)))
        with store.write(SCOPE) as writer:
            writer.update([a_pattern("k0", trashed=PRUNED)], an_event(Action.TRASHED))
        rated = Filters(min_score=6)
        by_vector = store.nearest(SCOPE, QUERY, filters=rated, limit=2)
        by_words = store.lexical(SCOPE, words_of("task"), filters=rated, limit=2)
        assert by_vector.searched == by_words.searched == 8

    def test_the_first_ten_come_with_their_vectors(self, store: PatternStore) -> None:
        put(store, *(a_record(f"k{seed:02}", seed=seed) for seed in range(40)))
        for limit, rows in ((2, 2), (NEAREST, NEAREST), (30, NEAREST)):
            found = store.nearest(SCOPE, QUERY, filters=EVERYTHING, limit=limit)
            expected = np.stack([a_vector(int(key[1:])) for key in found.keys[:rows]])
            assert found.nearest.dtype == np.float32
            assert found.nearest == pytest.approx(expected, abs=1e-6)
        by_words = store.lexical(SCOPE, words_of("task"), filters=EVERYTHING, limit=30)
        assert len(by_words.nearest) == 0

    def test_an_empty_memory_finds_nothing(self, store: PatternStore) -> None:
        assert_whole(store.nearest(SCOPE, QUERY, filters=EVERYTHING, limit=9))
        assert_whole(store.lexical(SCOPE, words_of("task"), filters=EVERYTHING, limit=9))
        assert store.nearest(SCOPE, QUERY, filters=EVERYTHING, limit=9).keys == []
        assert len(store.nearest(SCOPE, QUERY, filters=EVERYTHING, limit=9).nearest) == 0
        assert store.lexical(SCOPE, words_of("task"), filters=EVERYTHING, limit=9).keys == []

    def test_alike_looks_at_live_patterns_only(self, store: PatternStore) -> None:
        put(store, a_record("a", "sort a list"), a_record("b", "sort a list"))
        with store.write(SCOPE) as writer:
            writer.update([a_pattern("a", "sort a list", trashed=PRUNED)], an_event())
            assert [keys_of(found) for found in writer.alike([words_of("sort a list")])] == [["b"]]

    def test_the_trash_is_searched_by_nothing(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2))
        with store.write(SCOPE) as writer:
            writer.update([a_pattern("a", trashed=PRUNED)], an_event(Action.TRASHED))
        assert found_by(store) == {"b"}
        assert store.lexical(SCOPE, words_of("task"), filters=EVERYTHING, limit=9).keys == ["b"]
        assert store.without_vector(SCOPE, limit=9) == []
        assert store.get(SCOPE, ["a"])["a"].trashed == PRUNED

    def test_searches_see_a_changed_pattern(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1))
        rated = a_pattern("a", quality=2.5, updated_at=days(9), source=Source.API)
        with store.write(SCOPE) as writer:
            writer.observe(rated, [an_observation()], an_event(Action.OBSERVED))
        found = store.nearest(SCOPE, QUERY, filters=Filters(source=Source.API), limit=9)
        assert found.keys == ["a"]
        assert found.quality[0] == 2.5
        assert found.updated_at_s[0] == pytest.approx(days(9).timestamp(), abs=1e-6)
        assert found_by(store, Filters(min_score=3)) == set()

    def test_a_changed_task_drops_the_vector(self, store: PatternStore) -> None:
        put(store, a_record("a", "sort a list", seed=1), a_record("b", "parse a date", seed=2))
        with store.write(SCOPE) as writer:
            changed = [a_pattern("a", "read a file"), a_pattern("b", "parse a date", code="new")]
            writer.update(changed, an_event(Action.IMPORTED))
        assert found_by(store) == {"b"}
        assert keys_of(store.without_vector(SCOPE, limit=9)) == ["a"]
        words = words_of("read file list")
        assert store.lexical(SCOPE, words, filters=EVERYTHING, limit=9).keys == ["a"]

    def test_vectors_can_be_stored_later(self, store: PatternStore) -> None:
        put(store, *map(a_record, "abc"))
        assert store.model(SCOPE) is None
        assert keys_of(store.without_vector(SCOPE, limit=2)) == ["a", "b"]
        embedded = an_event(Action.EMBEDDED, 1)
        with store.write(SCOPE) as writer:
            writer.choose_model(MODEL)
            writer.set_vectors(["c", "a"], np.stack([a_vector(3), a_vector(1)]), embedded)
        again = self.reopen(store)
        assert again.model(SCOPE) == MODEL
        assert keys_of(again.without_vector(SCOPE, limit=9)) == ["b"]
        assert again.history(SCOPE, "c") == [an_event()]
        for key, seed in (("a", 1), ("c", 3)):
            found = again.nearest(SCOPE, a_vector(seed), filters=EVERYTHING, limit=1)
            assert found.keys == [key]
            assert found.similarity == pytest.approx([1.0], abs=1e-5)
        again.close()

    def test_another_model_hides_the_vectors_of_the_old(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2))
        with store.write(SCOPE) as writer:
            writer.choose_model(OTHER_MODEL)
        assert store.model(SCOPE) == OTHER_MODEL
        assert store.nearest(SCOPE, a_vector(1, 4), filters=EVERYTHING, limit=9).keys == []
        assert keys_of(store.without_vector(SCOPE, limit=9)) == ["a", "b"]
        assert store.counts(SCOPE).embedded == 0
        assert all(r.vector is None for r in store.records(SCOPE, with_vectors=True))
        with store.write(SCOPE) as writer:
            writer.set_vectors(["a"], a_vector(1, 4)[np.newaxis], an_event(Action.EMBEDDED))
        again = self.reopen(store)
        assert again.nearest(SCOPE, a_vector(1, 4), filters=EVERYTHING, limit=9).keys == ["a"]
        assert keys_of(again.without_vector(SCOPE, limit=9)) == ["b"]
        again.close()

    def test_vectors_of_another_model_are_kept_beside(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2), a_record("c", seed=3))
        event = an_event(Action.EMBEDDED)
        with store.write(SCOPE) as writer:
            rows = np.stack([a_vector(n, 4) for n in (1, 2)])
            writer.set_vectors(["a", "b"], rows, event, model=OTHER_MODEL)
        assert store.model(SCOPE) == MODEL
        assert found_by(store) == {"a", "b", "c"}
        again = self.reopen(store)
        query = a_vector(2, 4)
        found = again.nearest(SCOPE, query, filters=EVERYTHING, limit=1, model=OTHER_MODEL)
        assert (found.keys, found.similarity.tolist()) == (["b"], pytest.approx([1.0], abs=1e-5))
        assert keys_of(again.without_vector(SCOPE, limit=9, model=OTHER_MODEL)) == ["c"]
        assert again.without_vector(SCOPE, limit=9) == []
        assert set(again.known_vectors(SCOPE, OTHER_MODEL.model_id, ["the task of a"])) == {
            "the task of a"
        }
        of_both = [
            [r.vector is not None for r in again.records(SCOPE, with_vectors=True, model=model)]
            for model in (MODEL, OTHER_MODEL)
        ]
        assert of_both == [[True, True, True], [True, True, False]]
        again.close()

    def test_a_scope_changes_its_model_and_back_without_losing_a_vector(
        self, store: PatternStore
    ) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2))
        other = self.second(store)
        assert found_by(other) == {"a", "b"}
        with store.write(SCOPE) as writer:
            rows = np.stack([a_vector(n, 4) for n in (1, 2)])
            writer.set_vectors(["a", "b"], rows, an_event(Action.EMBEDDED), model=OTHER_MODEL)
            writer.choose_model(OTHER_MODEL)
        assert store.model(SCOPE) == other.model(SCOPE) == OTHER_MODEL
        assert found_by(store) == found_by(other) == {"a", "b"}
        before = other.nearest(SCOPE, a_vector(1), filters=EVERYTHING, limit=9, model=MODEL)
        assert set(before.keys) == {"a", "b"}
        with store.write(SCOPE) as writer:
            record = Record(a_pattern("n"), vector=a_vector(3, 4))
            writer.insert([record], an_event())
        assert keys_of(store.without_vector(SCOPE, limit=9, model=MODEL)) == ["n"]
        with store.write(SCOPE) as writer:
            writer.set_vectors(["n"], a_vector(3)[None], an_event(Action.EMBEDDED), model=MODEL)
            writer.choose_model(MODEL)
        assert found_by(store) == found_by(other) == {"a", "b", "n"}
        other.close()

    def test_models_are_listed_with_their_vectors_until_they_are_dropped(
        self, store: PatternStore
    ) -> None:
        assert store.models(SCOPE) == []
        records = [a_record(f"k{n}", seed=n) for n in range(5)]
        put(store, *records)
        active = KnownModel(MODEL, is_active=True, vectors=5)
        assert store.models(SCOPE) == [active]
        with store.write(SCOPE) as writer:
            keys = [record.pattern.key for record in records]
            rows = np.stack([a_vector(n, 4) for n in range(5)])
            writer.set_vectors(keys, rows, an_event(Action.EMBEDDED), model=OTHER_MODEL)
        beside = KnownModel(OTHER_MODEL, is_active=False, vectors=5)
        assert store.models(SCOPE) == [beside, active]
        assert store.models(Scope()) == []
        with pytest.raises(Refused), store.write(SCOPE) as writer:
            writer.drop_model(MODEL, limit=9)
        removed, last = 0, 2
        while last >= 2:
            with store.write(SCOPE) as writer:
                last = writer.drop_model(OTHER_MODEL, limit=2)
            removed += last
        assert removed == 5
        again = self.reopen(store)
        assert again.models(SCOPE) == [active]
        assert len(again.without_vector(SCOPE, limit=9, model=OTHER_MODEL)) == 5
        assert found_by(again) == {f"k{n}" for n in range(5)}
        again.close()

    def test_one_name_is_one_length_of_vectors(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1))
        longer = EmbeddingModel(MODEL.model_id, 4)
        event = an_event(Action.EMBEDDED)
        assert keys_of(store.without_vector(SCOPE, limit=9, model=longer)) == ["a"]
        with pytest.raises(Refused), store.write(SCOPE) as writer:
            writer.set_vectors(["a"], a_vector(1, 4)[None], event, model=longer)
        with store.write(SCOPE) as writer:
            writer.choose_model(longer)
        assert keys_of(store.without_vector(SCOPE, limit=9)) == ["a"]
        with store.write(SCOPE) as writer:
            writer.set_vectors(["a"], a_vector(1, 4)[None], event)
        assert store.models(SCOPE) == [KnownModel(longer, is_active=True, vectors=1)]
        assert found_by(store) == {"a"}

    def test_what_has_no_vector_is_looked_up_page_by_page(self, store: PatternStore) -> None:
        put(store, a_record("a"), a_record("b", seed=1), a_record("c"), a_record("d"))
        assert keys_of(store.without_vector(SCOPE, limit=2, after="a")) == ["c", "d"]
        assert keys_of(store.without_vector(SCOPE, limit=1, after="c")) == ["d"]
        assert store.without_vector(SCOPE, limit=9, after="d") == []

    def test_a_changed_task_loses_its_vector_under_every_model(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2))
        event = an_event(Action.EMBEDDED)
        with store.write(SCOPE) as writer:
            rows = np.stack([a_vector(n, 4) for n in (1, 2)])
            writer.set_vectors(["a", "b"], rows, event, model=OTHER_MODEL)
        with store.write(SCOPE) as writer:
            writer.update([a_pattern("a", "another task")], an_event(Action.IMPORTED))
            writer.replace(a_record("b"), an_event(Action.IMPORTED))
        for model in (MODEL, OTHER_MODEL):
            assert keys_of(store.without_vector(SCOPE, limit=9, model=model)) == ["a", "b"]

    def test_making_a_search_ready_changes_no_answer(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1))
        store.ready_to_search(SCOPE, MODEL)
        assert found_by(store) == {"a"}

    def test_choosing_the_model_again_keeps_the_vectors(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1))
        put(store, a_record("b", seed=2))
        assert found_by(store) == {"a", "b"}

    def test_known_vectors_are_those_of_model_and_text(self, store: PatternStore) -> None:
        put(store, a_record("a", "sort", seed=1), a_record("b", "parse", seed=2), a_record("c"))
        texts = ["parse", "no such text", "the task of c", "Parse"]
        known = store.known_vectors(SCOPE, MODEL.model_id, texts)
        assert list(known) == ["parse"]
        assert known["parse"].tobytes() == a_vector(2).tobytes()
        assert dict(store.known_vectors(SCOPE, "other-model", texts)) == {}
        assert dict(store.known_vectors(Scope(), MODEL.model_id, texts)) == {}

    def test_searches_find_what_is_left_after_a_purge(self, store: PatternStore) -> None:
        records = [a_record(f"k{seed:02}", seed=seed) for seed in range(30)]
        put(store, *records)
        gone = {f"k{seed:02}" for seed in range(0, 30, 3)}
        found_by(store)
        with store.write(SCOPE) as writer:
            writer.purge(sorted(gone), an_event(Action.PURGED))
            writer.insert([replace(a_record("new"), vector=a_vector(99))], an_event())
        left = {record.pattern.key for record in records} - gone | {"new"}
        assert found_by(store) == left
        words = words_of("the task of")
        assert set(store.lexical(SCOPE, words, filters=EVERYTHING, limit=99).keys) == left
