"""A write block is whole or nothing, alone in its scope, and seen by everybody once it is done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from engramia_core.memory.pattern import Trashed, TrashReason
from engramia_core.memory.stored import Action, AgingRun, Counts, EmbeddingModel, Record
from engramia_core.memory.words import words_of
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
    SCOPE,
    DeliberateError,
    StoreCase,
    found_by,
    keys_of,
    live_keys,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from engramia_core.memory.store import PatternStore, StoreWriter


def change_everything(writer: StoreWriter) -> None:
    """Every kind of write there is, onto a store that holds ``a``, ``b``, ``r`` and a cluster ``c``."""
    trash = Trashed(days(1), TrashReason.DELETED)
    writer.choose_model(EmbeddingModel("other-model", 4))
    writer.insert([Record(a_pattern("n"), vector=a_vector(9, 4))], an_event())
    writer.set_vectors(["a"], a_vector(1, 4)[None], an_event(Action.EMBEDDED))
    judged = a_pattern("a", quality=1.0, trashed=trash)
    writer.observe(judged, [an_observation()], an_event(Action.OBSERVED))
    writer.replace(Record(a_pattern("r")), an_event(Action.IMPORTED))
    writer.purge(["b"], an_event(Action.PURGED))
    writer.put_clusters([a_cluster("d")])
    writer.remove_clusters(["c"])
    writer.record_run(AgingRun("run-1", days(1), 1, 1))


def everything(store: PatternStore) -> tuple[object, ...]:
    """All that can be read of the scope."""
    return (
        [(r, r.vector is None) for r in store.records(SCOPE, with_vectors=True)],
        store.in_trash(SCOPE),
        [store.history(SCOPE, key) for key in ("a", "b", "n", "r")],
        store.observations(SCOPE, "a"),
        store.counts(SCOPE),
        store.model(SCOPE),
        store.clusters(SCOPE),
        store.aging_runs(SCOPE),
        found_by(store),
    )


def in_a_thread(work: Callable[[], object]) -> None:
    """Run ``work`` in a thread of its own; what it raises is raised here."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  handed on to the test
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()
    if failed:
        raise failed[0]


class TransactionContract(StoreCase):
    """What other threads and processes see, and when."""

    def test_a_failing_block_leaves_nothing_changed(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2), a_record("r", seed=3))
        with store.write(SCOPE) as writer:
            writer.put_clusters([a_cluster("c")])
        before = everything(store)

        def fail() -> None:
            with store.write(SCOPE) as writer:
                change_everything(writer)
                raise DeliberateError

        with pytest.raises(DeliberateError):
            fail()
        assert everything(store) == before
        again = self.reopen(store)
        assert everything(again) == before
        again.close()

    def test_a_failing_block_lets_the_next_one_in(self, store: PatternStore) -> None:
        with pytest.raises(DeliberateError), store.write(SCOPE):
            raise DeliberateError
        put(store, a_record("a"))
        assert live_keys(store) == ["a"]

    def test_an_empty_block_changes_nothing(self, store: PatternStore) -> None:
        put(store, a_record("a"))
        with store.write(SCOPE) as writer:
            writer.insert([], an_event())
            writer.purge([], an_event())
            assert writer.alike([]) == []
        assert live_keys(store) == ["a"]

    def test_a_block_is_one_change(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2), a_record("r", seed=3))
        with store.write(SCOPE) as writer:
            writer.put_clusters([a_cluster("c")])
        with store.write(SCOPE) as writer:
            change_everything(writer)
        again = self.reopen(store)
        assert live_keys(again) == ["n", "r"]
        assert keys_of(again.in_trash(SCOPE)) == ["a"]
        assert again.counts(SCOPE) == Counts(2, 1, 1, 1, 1)
        assert again.clusters(SCOPE) == [a_cluster("d")]
        actions = [event.action for event in again.history(SCOPE, "a")]
        assert actions == [Action.LEARNED, Action.OBSERVED]
        again.close()

    def test_a_block_sees_its_own_changes(self, store: PatternStore) -> None:
        put(store, a_record("a", "sort a list"), a_record("b", "sort a list"))
        words = [words_of("sort a list")]
        with store.write(SCOPE) as writer:
            writer.insert([a_record("n", "sort a list")], an_event())
            writer.update([a_pattern("a", "something else")], an_event())
            writer.purge(["b"], an_event(Action.PURGED))
            assert [keys_of(found) for found in writer.alike(words)] == [["n"]]
            writer.put_clusters([a_cluster("c", "too slow")])
            assert writer.clusters_alike(words_of("too slow")) == [a_cluster("c", "too slow")]
            writer.remove_clusters(["c"])
            assert writer.clusters_alike(words_of("too slow")) == []

    def test_others_see_a_block_when_it_is_done(self, store: PatternStore) -> None:
        put(store, a_record("a", seed=1), a_record("b", seed=2), a_record("r", seed=3))
        other = self.second(store)
        before = everything(other)
        with store.write(SCOPE) as writer:
            change_everything(writer)

            def look() -> None:
                assert everything(other) == before

            in_a_thread(look)
        assert everything(other) != before
        assert everything(other) == everything(store)
        other.close()

    def test_two_instances_see_each_other(self, store: PatternStore) -> None:
        other = self.second(store)
        put(store, a_record("a", seed=1))
        assert found_by(other) == {"a"}
        put(other, a_record("b", seed=2))
        assert found_by(store) == {"a", "b"}
        with store.write(SCOPE) as writer:
            writer.purge(["b"], an_event(Action.PURGED))
        assert live_keys(other) == ["a"]
        other.close()

    def test_an_iteration_shows_one_moment(self, store: PatternStore) -> None:
        before = [a_record(f"k{n:03}", seed=n) for n in range(300)]
        put(store, *before)
        iteration = store.records(SCOPE, with_vectors=True)
        seen = [next(iteration)]
        with store.write(SCOPE) as writer:
            writer.purge(["k150", "k299"], an_event(Action.PURGED))
            writer.update([a_pattern("k200", "another task")], an_event())
            writer.insert([a_record("k250a", seed=9)], an_event())
        seen.extend(iteration)
        assert seen == before
        assert all(record.vector is not None for record in seen)

    def test_writing_while_iterating_ends(self, store: PatternStore) -> None:
        put(store, *(a_record(f"k{n}") for n in range(5)))
        for record in store.records(SCOPE, with_vectors=False):
            with store.write(SCOPE) as writer:
                writer.update([record.pattern], an_event(Action.REUSED))
                writer.insert([a_record(f"{record.pattern.key}-copy")], an_event())
        assert store.counts(SCOPE).live == 10

    def test_threads_that_write_lose_nothing(self, store: PatternStore) -> None:
        def learn(name: str, into: PatternStore) -> None:
            for number in range(10):
                put(into, a_record(f"{name}{number}", seed=number))

        other = self.second(store)
        threads = [
            threading.Thread(target=learn, args=("a", store)),
            threading.Thread(target=learn, args=("b", store)),
            threading.Thread(target=learn, args=("c", other)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        expected = {f"{name}{number}" for name in "abc" for number in range(10)}
        assert found_by(store) == found_by(other) == expected
        other.close()

    def test_a_reader_beside_a_writer_sees_whole_blocks(self, store: PatternStore) -> None:
        def write() -> None:
            for number in range(10):
                put(store, a_record(f"a{number}", seed=1), a_record(f"b{number}", seed=2))

        other = self.second(store)
        writing = threading.Thread(target=write)
        writing.start()
        while writing.is_alive():
            seen = live_keys(other)
            assert len(seen) % 2 == 0, seen
            assert len(found_by(other)) % 2 == 0
        assert other.counts(SCOPE).embedded == 20
        other.close()
