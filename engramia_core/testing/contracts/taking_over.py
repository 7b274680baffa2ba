"""All that a store keeps can be read in one sweep, and put into another as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from engramia_core.memory.stored import Action, AgingRun, Counts, EmbeddingModel, Kept, Record
from engramia_core.memory.words import words_of
from engramia_core.testing.builders import (
    MODEL,
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    an_observation,
    days,
)
from engramia_core.testing.contracts.keeping import FULL
from engramia_core.testing.contracts.store_case import (
    OTHERS,
    SCOPE,
    DeliberateError,
    StoreCase,
    found_by,
    keys_of,
    live_keys,
    put,
    trashed,
)

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore
    from engramia_core.scope import Scope

TAKEN = an_event(Action.IMPORTED, 9, "taken over")
PURGED = Kept("c", None, (an_event(), an_event(Action.PURGED, 4)))
WHOLE = (
    Kept(
        FULL.key,
        Record(FULL, (an_observation(1), an_observation(2)), a_vector(1)),
        (an_event(), an_event(Action.TRASHED, 2, "deleted")),
    ),
    Kept("a", a_record("a", seed=2), (an_event(), an_event(Action.REUSED, 1))),
    Kept("b", a_record("b"), (an_event(),)),
    PURGED,
)


def take_over(store: PatternStore, *kept: Kept, scope: Scope = SCOPE) -> None:
    """Take over in a transaction of its own, under ``MODEL``."""
    with store.write(scope) as writer:
        writer.choose_model(MODEL)
        writer.take_over(kept, TAKEN)


def all_of(store: PatternStore, scope: Scope = SCOPE) -> list[tuple[Kept, bytes | None]]:
    """All that is kept, with the vectors bit for bit, which a record does not compare."""
    return [
        (kept, vector.tobytes() if vector is not None else None)
        for kept in store.kept(scope)
        for vector in [kept.record.vector if kept.record else None]
    ]


class TakingOverContract(StoreCase):
    """``kept``, ``take_over`` and ``scopes``."""

    def test_what_was_taken_over_is_kept_as_it_was(self, store: PatternStore) -> None:
        take_over(store, *WHOLE)
        again = self.reopen(store)
        vectors = [a_vector(1).tobytes(), a_vector(2).tobytes(), None, None]
        assert all_of(again) == list(zip(WHOLE, vectors, strict=True))
        assert again.counts(SCOPE) == Counts(2, 1, 2, 1, 0)
        assert again.live_count(SCOPE) == 2
        assert again.history(SCOPE, "c") == list(PURGED.history)
        again.close()

    def test_what_was_taken_over_is_found(self, store: PatternStore) -> None:
        put(store, a_record("z", seed=9))
        assert found_by(store) == {"z"}
        take_over(store, *WHOLE)
        assert found_by(store) == {"a", "z"}
        with store.write(SCOPE) as writer:
            task = words_of(a_pattern("a").task)
            assert "a" in keys_of(writer.alike([task])[0])

    def test_what_has_no_history_is_found_by_others_too(self, store: PatternStore) -> None:
        other = self.second(store)
        put(store, a_record("z", seed=9))
        assert found_by(other) == {"z"}
        take_over(store, Kept("a", a_record("a", seed=2), ()))
        assert found_by(other) == {"a", "z"}
        assert other.history(SCOPE, "a") == []
        other.close()

    def test_everything_that_was_done_is_kept(self, store: PatternStore) -> None:
        put(store, Record(a_pattern("a"), (an_observation(2),), a_vector(1)), a_record("b"))
        in_trash = trashed(a_pattern("a"), 1)
        with store.write(SCOPE) as writer:
            writer.observe(in_trash, [an_observation(1)], an_event(Action.TRASHED, 1))
            writer.purge(["b"], an_event(Action.PURGED, 2))
        seen = (an_observation(1), an_observation(2))
        lines = (an_event(), an_event(Action.TRASHED, 1))
        assert list(store.kept(SCOPE)) == [
            Kept("a", Record(in_trash, seen), lines),
            Kept("b", None, (an_event(), an_event(Action.PURGED, 2))),
        ]

    def test_nothing_stays_of_what_was_under_the_key(self, store: PatternStore) -> None:
        old = Record(a_pattern("a", "another task", skills=("csv",)), (an_observation(5),))
        put(store, replace(old, vector=a_vector(5)), a_record("c", seed=6), a_record("d", seed=7))
        take_over(store, *WHOLE[1:])
        again = self.reopen(store)
        d = Kept("d", a_record("d"), (an_event(),))
        assert [kept for kept, _ in all_of(again)] == [*WHOLE[1:], d]
        assert again.observations(SCOPE, "a") == []
        assert again.counts(SCOPE) == Counts(3, 0, 0, 2, 0)
        assert found_by(again) == {"a", "d"}
        with again.write(SCOPE) as writer:
            assert writer.alike([words_of("another task")]) == [[]]
        again.close()

    def test_taking_over_twice_is_once(self, store: PatternStore) -> None:
        take_over(store, *WHOLE)
        before = all_of(store), store.counts(SCOPE)
        take_over(store, *WHOLE)
        assert (all_of(store), store.counts(SCOPE)) == before

    def test_a_purged_key_can_be_taken_over_alive(self, store: PatternStore) -> None:
        take_over(store, PURGED)
        alive = Kept("c", a_record("c", seed=1), (*PURGED.history, an_event(Action.IMPORTED, 5)))
        take_over(store, alive)
        assert list(store.kept(SCOPE)) == [alive]
        assert found_by(store) == {"c"}

    def test_what_comes_later_follows_the_history(self, store: PatternStore) -> None:
        take_over(store, *WHOLE)
        with store.write(SCOPE) as writer:
            writer.update([a_pattern("a", code="other")], an_event(Action.OBSERVED, 20))
        later = an_event(Action.OBSERVED, 20)
        assert store.history(SCOPE, "a") == [*WHOLE[1].history, later]

    def test_a_range_of_keys_can_be_asked_for(self, store: PatternStore) -> None:
        take_over(store, *WHOLE)
        assert [kept.key for kept in store.kept(SCOPE, after="a")] == ["b", "c"]
        assert [kept.key for kept in store.kept(SCOPE, after="a", until="b")] == ["b"]
        assert [kept.key for kept in store.kept(SCOPE, until="a")] == [FULL.key, "a"]
        assert list(store.kept(SCOPE, after="c")) == []

    def test_what_is_kept_is_of_one_moment(self, store: PatternStore) -> None:
        put(store, *(a_record(f"k{n:03}", seed=n) for n in range(300)))
        before = all_of(store)
        sweep = store.kept(SCOPE)
        seen = [next(sweep)]
        with store.write(SCOPE) as writer:
            writer.purge(["k150", "k299"], an_event(Action.PURGED))
            writer.update([a_pattern("k200", "another task")], an_event())
        seen.extend(sweep)
        assert seen == [kept for kept, _ in before]
        assert all(kept.record and kept.record.vector is not None for kept in seen)

    def test_a_taking_over_that_fails_leaves_nothing(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1))
        before = all_of(store)

        def fail() -> None:
            with store.write(SCOPE) as writer:
                writer.take_over(WHOLE, TAKEN)
                raise DeliberateError

        with pytest.raises(DeliberateError):
            fail()
        assert all_of(store) == before
        assert live_keys(store) == ["a"]

    def test_a_run_of_aging_takes_the_place_of_its_like(self, store: PatternStore) -> None:
        for run in (AgingRun("one", days(1), 1, 0), AgingRun("one", days(1), 2, 3)):
            with store.write(SCOPE) as writer:
                writer.record_run(run)
        assert store.aging_runs(SCOPE) == [AgingRun("one", days(1), 2, 3)]

    def test_the_scopes_are_those_that_were_written_to(self, store: PatternStore) -> None:
        assert store.scopes() == []
        put(store, a_record("a"))
        with store.write(OTHERS[0]) as writer:
            writer.choose_model(EmbeddingModel("another", 4))
        with store.write(OTHERS[1]) as writer:
            writer.put_clusters([a_cluster("c")])
        again = self.reopen(store)
        assert again.scopes() == [OTHERS[0], SCOPE, OTHERS[1]]
        assert list(again.kept(OTHERS[2])) == list(again.kept(OTHERS[1])) == []
        again.close()
