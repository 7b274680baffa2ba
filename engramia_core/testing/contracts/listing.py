"""What a store holds can be listed: pages, the trash, what has expired, and how much there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engramia_core.memory.filters import Filters
from engramia_core.memory.stored import Action, AgingRun, Counts, Record
from engramia_core.testing.builders import (
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    an_observation,
    days,
)
from engramia_core.testing.contracts.store_case import (
    EVERYTHING,
    OTHERS,
    SCOPE,
    StoreCase,
    found_by,
    keys_of,
    live_keys,
    put,
    trashed,
)

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore


class ListingContract(StoreCase):
    """Lists and counts, in the order that was promised."""

    def test_pages_run_by_descending_key(self, store: PatternStore) -> None:
        keys = ["1", "A", "Z", "_".join("ab"), "a-b", "a.b", "b", "c"]
        put(store, *map(a_record, keys))
        expected = sorted(keys, reverse=True)
        assert keys_of(store.page(SCOPE, filters=EVERYTHING, limit=3)) == expected[:3]
        below = store.page(SCOPE, filters=EVERYTHING, limit=3, before=expected[2])
        assert keys_of(below) == expected[3:6]
        rest = store.page(SCOPE, filters=EVERYTHING, limit=99, before=expected[5])
        assert keys_of(rest) == expected[6:]
        assert store.page(SCOPE, filters=EVERYTHING, limit=3, before="0") == []

    def test_a_page_may_start_below_a_key_that_is_gone(self, store: PatternStore) -> None:
        put(store, a_record("a"), a_record("c"))
        assert keys_of(store.page(SCOPE, filters=EVERYTHING, limit=9, before="b")) == ["a"]

    def test_a_page_is_full_although_filters_reject_some(self, store: PatternStore) -> None:
        rated = (a_pattern(f"k{n}", quality=float(n)) for n in range(9))
        put(store, *map(Record, rated))
        page = store.page(SCOPE, filters=Filters(min_score=3), limit=4, before="k8")
        assert keys_of(page) == ["k7", "k6", "k5", "k4"]

    def test_the_trash_has_pages_of_its_own(self, store: PatternStore) -> None:
        put(store, a_record("a"), Record(trashed(a_pattern("b"))), Record(trashed(a_pattern("c"))))
        assert keys_of(store.page(SCOPE, filters=EVERYTHING, limit=9)) == ["a"]
        in_trash = store.page(SCOPE, filters=EVERYTHING, limit=9, trashed=True)
        assert keys_of(in_trash) == ["c", "b"]

    def test_records_come_by_ascending_key_without_the_trash(self, store: PatternStore) -> None:
        put(store, a_record("b", seed=1), a_record("a"), Record(trashed(a_pattern("c"))))
        with_vectors = list(store.records(SCOPE, with_vectors=True))
        assert with_vectors == [a_record("a"), a_record("b")]
        assert [record.vector is None for record in with_vectors] == [True, False]
        assert all(r.vector is None for r in store.records(SCOPE, with_vectors=False))

    def test_expired_is_what_should_be_pruned_by_now(self, store: PatternStore) -> None:
        patterns = {key: a_pattern(key, prune_after=days(day)) for day, key in enumerate("dcba")}
        put(
            store,
            *map(Record, patterns.values()),
            Record(trashed(a_pattern("t", prune_after=days(-9)))),
        )
        assert store.expired(SCOPE, days(2)) == [patterns["b"], patterns["c"], patterns["d"]]
        assert store.expired(SCOPE, days(-0.001)) == []

    def test_the_trash_is_found_by_run_and_by_moment(self, store: PatternStore) -> None:
        one = trashed(a_pattern("b"), 1, "one")
        two = trashed(a_pattern("a"), 2, "two")
        deleted = trashed(a_pattern("c"), 3)
        put(store, *map(Record, (one, two, deleted)), a_record("live"))
        assert store.in_trash(SCOPE) == [two, one, deleted]
        assert store.in_trash(SCOPE, run="one") == [one]
        assert store.in_trash(SCOPE, until=days(2)) == [two, one]
        assert store.in_trash(SCOPE, run="two", until=days(1)) == []
        assert store.in_trash(SCOPE, run="no such run") == []

    def test_the_trash_gives_back_what_it_took(self, store: PatternStore) -> None:
        record = Record(a_pattern("a"), (an_observation(),), a_vector(1))
        put(store, record)
        with store.write(SCOPE) as writer:
            writer.update([trashed(record.pattern)], an_event(Action.TRASHED, 1))
        assert store.observations(SCOPE, "a") == [an_observation()]
        with store.write(SCOPE) as writer:
            writer.update([record.pattern], an_event(Action.RESTORED, 2))
        assert list(store.records(SCOPE, with_vectors=True)) == [record]
        assert found_by(store) == {"a"}

    def test_counts_say_what_is_there(self, store: PatternStore) -> None:
        assert store.counts(SCOPE) == Counts(0, 0, 0, 0, 0)
        observed = Record(a_pattern("a"), (an_observation(1), an_observation(2)), a_vector(1))
        put(store, observed, a_record("b"), Record(trashed(a_pattern("c")), vector=a_vector(3)))
        with store.write(SCOPE) as writer:
            writer.put_clusters([a_cluster("c")])
        assert store.counts(SCOPE) == Counts(2, 1, 2, 1, 1)
        assert store.live_count(SCOPE) == 2

    def test_clusters_come_by_id_and_are_replaced_by_it(self, store: PatternStore) -> None:
        louder = a_cluster("b", occurrences=2, weight=1.75, weight_set_at=days(3))
        with store.write(SCOPE) as writer:
            writer.put_clusters([a_cluster("c"), a_cluster("b"), a_cluster("a", "ünclear")])
        with store.write(SCOPE) as writer:
            writer.put_clusters([louder])
            writer.remove_clusters(["c", "no-such-cluster"])
        assert store.clusters(SCOPE) == [a_cluster("a", "ünclear"), louder]

    def test_the_newest_aging_run_comes_first(self, store: PatternStore) -> None:
        runs = [AgingRun(f"run-{day}", days(day), day, 0) for day in (1, 3, 2)]
        for run in runs:
            with store.write(SCOPE) as writer:
                writer.record_run(run)
        assert [run.run for run in store.aging_runs(SCOPE)] == ["run-3", "run-2", "run-1"]

    def test_a_scope_nobody_wrote_to_is_empty(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1))
        for scope in OTHERS:
            assert live_keys(store, scope) == []
            assert store.model(scope) is None
            assert store.counts(scope) == Counts(0, 0, 0, 0, 0)

    def test_a_sound_store_has_no_problems(self, store: PatternStore) -> None:
        assert store.problems() == []
        put(store, Record(a_pattern("a"), (an_observation(),), a_vector(1)), a_record("b"))
        with store.write(SCOPE) as writer:
            writer.purge(["b"], an_event(Action.PURGED))
        assert store.problems() == []

    def test_the_revision_is_named_and_stays(self, store: PatternStore) -> None:
        named = store.schema_revision()
        assert named
        again = self.reopen(store)
        assert again.schema_revision() == named
        again.close()
