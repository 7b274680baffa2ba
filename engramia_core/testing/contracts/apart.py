"""Scopes are strangers to one another, and a named lock has one holder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Busy
from engramia_core.memory.stored import Action, AgingRun, EmbeddingModel, Record
from engramia_core.memory.words import words_of
from engramia_core.scope import Scope
from engramia_core.testing.builders import (
    MODEL,
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    days,
)
from engramia_core.testing.contracts.store_case import (
    EVERYTHING,
    OTHERS,
    SCOPE,
    DeliberateError,
    StoreCase,
    found_by,
    keys_of,
    live_keys,
    put,
)

if TYPE_CHECKING:
    from engramia_core.memory.store import PatternStore


class ApartContract(StoreCase):
    """What is kept apart: scopes by their names, holders of a lock by its name."""

    def test_scopes_are_strangers(self, store: PatternStore) -> None:
        for number, scope in enumerate((SCOPE, *OTHERS)):
            record = Record(a_pattern("a", f"task {number}"), vector=a_vector(number))
            put(store, record, scope=scope)
        before = [list(store.records(scope, with_vectors=True)) for scope in OTHERS]
        with store.write(SCOPE) as writer:
            assert keys_of(writer.alike([words_of("task 0")])[0]) == ["a"]
            writer.put_clusters([a_cluster("c")])
            writer.record_run(AgingRun("run", days(1), 1, 1))
            writer.choose_model(EmbeddingModel("other-model", 4))
            writer.purge(["a"], an_event(Action.PURGED))
        again = self.reopen(store)
        assert live_keys(again) == []
        assert [list(again.records(scope, with_vectors=True)) for scope in OTHERS] == before
        for number, scope in enumerate(OTHERS, 1):
            assert again.get(scope, ["a"])["a"].task == f"task {number}"
            assert keys_of(again.page(scope, filters=EVERYTHING, limit=9)) == ["a"]
            words = words_of("task 0 1 2 3")
            assert again.lexical(scope, words, filters=EVERYTHING, limit=9).keys == ["a"]
            assert found_by(again, scope=scope) == {"a"}
            assert again.expired(scope, days(9999)) == [again.get(scope, ["a"])["a"]]
            assert again.without_vector(scope, limit=9) == []
            assert again.model(scope) == MODEL
            assert again.history(scope, "a") == [an_event()]
            assert again.clusters(scope) == []
            assert again.aging_runs(scope) == []
            with again.write(scope) as writer:
                assert writer.clusters_alike(words_of("too slow")) == []
        again.close()

    def test_scopes_whose_names_look_alike_are_strangers(self, store: PatternStore) -> None:
        names = ("a", "b", "a.b", "b.c", "a_b", "a-b", "0")
        scopes = [Scope(tenant, project) for tenant in names for project in names]
        for scope in scopes:
            put(store, a_record("k", f"the task of {scope}"), scope=scope)
        for scope in scopes:
            assert store.get(scope, ["k"])["k"].task == f"the task of {scope}"

    def test_only_one_can_be_alone(self, store: PatternStore) -> None:
        other = self.second(store)
        with store.alone(SCOPE, "aging", owner="cron on web-1 (pid 7)", now=days(1)):
            for busy in (store, other):
                with pytest.raises(Busy) as caught:
                    busy.alone(SCOPE, "aging", owner="me", now=days(2)).__enter__()
                assert caught.value.operation == "aging"
                assert caught.value.owner == "cron on web-1 (pid 7)"
                assert caught.value.since == days(1)
        with other.alone(SCOPE, "aging", owner="me", now=days(3)):
            pass
        other.close()

    def test_other_scopes_and_operations_go_on(self, store: PatternStore) -> None:
        with (
            store.alone(SCOPE, "aging", owner="one", now=days(1)),
            store.alone(SCOPE, "reindex", owner="two", now=days(1)),
            store.alone(Scope(), "aging", owner="three", now=days(1)),
        ):
            put(store, a_record("a"))
        assert live_keys(store) == ["a"]

    def test_locks_whose_names_look_alike_are_others(self, store: PatternStore) -> None:
        with (
            store.alone(Scope("a.b", "c"), "d", owner="one", now=days(1)),
            store.alone(Scope("a", "b.c"), "d", owner="two", now=days(1)),
            store.alone(Scope("a", "b"), "c.d", owner="three", now=days(1)),
        ):
            pass

    def test_who_fails_alone_leaves_the_lock(self, store: PatternStore) -> None:
        with (
            pytest.raises(DeliberateError),
            store.alone(SCOPE, "aging", owner="one", now=days(1)),
        ):
            raise DeliberateError
        with store.alone(SCOPE, "aging", owner="two", now=days(2)):
            pass
