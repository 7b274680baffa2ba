"""A search asks the database nothing but whether it was changed, and misses no change, whoever made it."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from engramia_core.memory.filters import Filters
from engramia_core.memory.stored import Action
from engramia_core.scope import Scope
from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.testing.builders import MODEL, a_record, a_vector, an_event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCOPE = Scope()


def add(store: SQLiteStore, key: str, scope: Scope = SCOPE) -> None:
    with store.write(scope) as writer:
        if store.model(scope) is None:
            writer.choose_model(MODEL)
        writer.insert([a_record(key, seed=1)], an_event())


def found(store: SQLiteStore, scope: Scope = SCOPE) -> list[str]:
    return store.nearest(scope, a_vector(1), filters=Filters(), limit=1_000).keys


def add_in_a_process(folder: Path, key: str) -> None:
    with closing(SQLiteStore(folder)) as store:
        add(store, key)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore.create(tmp_path)) as store:
        add(store, "a")
        yield store


def test_a_search_takes_no_connection_while_nothing_changes(store: SQLiteStore) -> None:
    found(store)
    taken: list[object] = []
    event.listen(store._engine, "checkout", lambda *given: taken.append(given))
    assert found(store) == found(store) == ["a"]
    assert taken == []
    add(store, "b")
    taken.clear()
    assert found(store) == ["a", "b"]
    assert len(taken) == 1
    assert found(store) == ["a", "b"]
    assert len(taken) == 1


def test_a_search_finds_what_another_process_wrote(store: SQLiteStore) -> None:
    assert found(store) == ["a"]
    processes = multiprocessing.get_context("spawn")
    for key in "bc":
        process = processes.Process(target=add_in_a_process, args=(store.directory, key))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert found(store)[-1] == key


def test_a_change_of_another_scope_hides_none_of_this_one(store: SQLiteStore) -> None:
    other = Scope("other")
    for number in range(3):
        add(store, f"o{number}", other)
        assert found(store) == ["a"]
        assert len(found(store, other)) == number + 1
    add(store, "b")
    assert len(found(store, other)) == 3
    assert found(store) == ["a", "b"]


def test_a_pattern_in_the_trash_is_gone_from_the_next_search(store: SQLiteStore) -> None:
    add(store, "b")
    assert found(store) == ["a", "b"]
    with closing(SQLiteStore(store.directory)) as second, second.write(SCOPE) as writer:
        writer.purge(["a"], an_event(Action.PURGED))
    assert found(store) == ["b"]


def test_a_database_put_back_from_a_copy_is_searched_as_it_was(
    store: SQLiteStore, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(store._path)) as live, closing(sqlite3.connect(copy)) as kept:
        live.backup(kept)
    add(store, "b")
    assert found(store) == ["a", "b"]
    with closing(sqlite3.connect(copy)) as kept, closing(sqlite3.connect(store._path)) as live:
        kept.backup(live)
    assert found(store) == ["a"]


def test_every_thread_finds_what_it_has_written(store: SQLiteStore) -> None:
    def write_and_look(thread: int) -> None:
        for number in range(10):
            key = f"t{thread}-{number}"
            add(store, key)
            assert key in found(store)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write_and_look, range(6)))
    assert len(found(store)) == 61
