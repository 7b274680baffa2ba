from __future__ import annotations

import random
import resource
import subprocess  # noqa: TID251 -- a process is killed
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from engramia_core.errors import Busy, Unavailable
from engramia_core.memory.filters import Filters
from engramia_core.memory.pattern import Trashed, TrashReason
from engramia_core.memory.stored import Action
from engramia_core.scope import Scope
from engramia_core.stores.json_directory import JSONDirectoryStore
from engramia_core.stores.json_tree import JOURNAL, FileTree, Journal
from engramia_core.testing.builders import (
    MODEL,
    a_cluster,
    a_pattern,
    a_record,
    a_vector,
    an_event,
    days,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.memory.store import StoreWriter

SCOPE = Scope()
ROUNDS = 10
INSERT_UNTIL_KILLED = """
import sys
from pathlib import Path
from engramia_core.scope import Scope
from engramia_core.stores.json_directory import JSONDirectoryStore
from engramia_core.testing.builders import MODEL, a_record, an_event

store = JSONDirectoryStore(Path(sys.argv[1]))
for seed in range(int(sys.argv[2]), 1_000_000):
    with store.write(Scope()) as writer:
        writer.choose_model(MODEL)
        writer.insert([a_record(f"k{seed:07}", seed=seed)], an_event())
    print(seed, flush=True)
"""
HOLD_A_LOCK = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from engramia_core.scope import Scope
from engramia_core.stores.json_directory import JSONDirectoryStore

store = JSONDirectoryStore(Path(sys.argv[1]))
with store.alone(Scope(), "aging", owner="the other", now=datetime(2026, 1, 2, tzinfo=UTC)):
    print("held", flush=True)
    time.sleep(600)
"""


class CrashingTree(FileTree):
    """Dies after so many steps of a commit; the journal is step 0."""

    def __init__(self, root: Path, steps: int) -> None:
        super().__init__(root)
        self._steps = steps

    @override
    def _announce(self, journal: Journal) -> None:
        if self._steps == 0:
            raise OSError(28, "No space left on device", str(self.root / JOURNAL))
        super()._announce(journal)

    @override
    def _take_steps(self, journal: Journal) -> None:
        left = self._steps - 1
        for path, staged in list(journal.moves.items())[:left]:
            (self.root / staged).replace(self.root / path)
        for path in journal.removes[: max(left - len(journal.moves), 0)]:
            (self.root / path).unlink()
        raise OSError(5, "the process died")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    with JSONDirectoryStore.create(folder).write(SCOPE) as writer:
        writer.choose_model(MODEL)
        writer.insert([a_record("a", seed=1), a_record("b", seed=2)], an_event())
    return folder


def change(writer: StoreWriter) -> None:
    """Eight files come, change and go."""
    trash = Trashed(days(1), TrashReason.DELETED)
    writer.insert([a_record("c", seed=3), a_record("d", seed=4)], an_event())
    writer.update([a_pattern("a", trashed=trash)], an_event(Action.TRASHED))
    writer.purge(["b"], an_event(Action.PURGED))
    writer.put_clusters([a_cluster("x")])


def write_much(writer: StoreWriter) -> None:
    """``change``, and one file that is large."""
    change(writer)
    writer.update([a_pattern("c", code="x" * 100_000)], an_event())


def seen(store: JSONDirectoryStore) -> tuple[object, ...]:
    return (
        list(store.records(SCOPE, with_vectors=False)),
        [r.vector is None for r in store.records(SCOPE, with_vectors=True)],
        store.in_trash(SCOPE),
        [store.history(SCOPE, key) for key in "abcd"],
        store.clusters(SCOPE),
        sorted(store.nearest(SCOPE, a_vector(1), filters=Filters(), limit=9).keys),
    )


def staged_files(folder: Path) -> list[Path]:
    return list(folder.rglob(".*.tmp"))


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let the system refuse to write files beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def running(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process of its own; at the end of the block it is killed, if it still runs."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("steps", range(1, 11))
def test_a_commit_whose_writer_died_half_way_is_whole(folder: Path, steps: int) -> None:
    reader = JSONDirectoryStore(folder)
    before = seen(reader)
    dying = JSONDirectoryStore(folder)
    dying._tree = CrashingTree(folder, steps)
    with dying.write(SCOPE) as writer:
        change(writer)
    after = seen(reader)
    assert after != before
    assert seen(JSONDirectoryStore(folder)) == after
    assert (folder / JOURNAL).exists()
    with JSONDirectoryStore(folder).write(SCOPE):
        pass
    assert not (folder / JOURNAL).exists()
    assert not staged_files(folder)
    assert seen(reader) == after
    assert seen(JSONDirectoryStore(folder)) == after


def test_a_commit_that_was_not_announced_is_nothing(folder: Path) -> None:
    store = JSONDirectoryStore(folder)
    before = seen(store)
    store._tree = CrashingTree(folder, 0)
    with pytest.raises(Unavailable, match="No space left on device"), store.write(SCOPE) as writer:
        change(writer)
    assert not staged_files(folder)
    assert seen(JSONDirectoryStore(folder)) == before


def test_what_a_dead_writer_staged_is_swept(folder: Path) -> None:
    staged = folder / "patterns" / "default" / "default" / ".k.json.0123456789abcdef.tmp"
    staged.write_text("{")
    store = JSONDirectoryStore(folder)
    assert store.broken == ()
    with store.write(SCOPE):
        pass
    assert not staged.exists()


def test_a_full_disk_changes_nothing(folder: Path) -> None:
    store = JSONDirectoryStore(folder)
    before = seen(store)
    with (
        pytest.raises(Unavailable) as caught,
        largest_file(50_000),
        store.write(SCOPE) as writer,
    ):
        write_much(writer)
    assert str(folder) in caught.value.message
    assert not staged_files(folder)
    assert seen(store) == before
    assert seen(JSONDirectoryStore(folder)) == before
    with store.write(SCOPE) as writer:
        change(writer)
    assert seen(store) != before


def test_every_acknowledged_pattern_outlives_a_kill(folder: Path) -> None:
    chance = random.Random(20_260_102)  # noqa: S311 -- not a secret
    acknowledged: list[int] = []
    for number in range(ROUNDS):
        start = 1000 * (number + 1)
        with running(INSERT_UNTIL_KILLED, folder, start) as process:
            assert process.stdout is not None
            lines = (process.stdout.readline() for _ in range(chance.randint(1, 12)))
            acknowledged.extend(map(int, lines))
            time.sleep(chance.random() / 100)
            process.kill()
            acknowledged.extend(map(int, process.stdout.read().split()))
        store = JSONDirectoryStore(folder)
        live = store.counts(SCOPE)
        assert live.live == live.embedded
        keys = [f"k{seed:07}" for seed in acknowledged]
        assert len(store.get(SCOPE, keys)) == len(keys)
        for seed in acknowledged:
            found = store.nearest(SCOPE, a_vector(seed), filters=Filters(), limit=1)
            assert found.keys == [f"k{seed:07}"]
        assert store.broken == ()
    assert len(acknowledged) >= ROUNDS


def test_processes_that_write_lose_nothing(folder: Path) -> None:
    with (
        running(INSERT_UNTIL_KILLED, folder, 1000) as one,
        running(INSERT_UNTIL_KILLED, folder, 5000) as two,
    ):
        acknowledged = []
        for process in (one, two):
            assert process.stdout is not None
            acknowledged += [int(process.stdout.readline()) for _ in range(20)]
    store = JSONDirectoryStore(folder)
    keys = [f"k{seed:07}" for seed in acknowledged]
    assert len(store.get(SCOPE, keys)) == 40
    assert store.without_vector(SCOPE, limit=9) == []


def test_the_lock_of_a_killed_process_is_free(folder: Path) -> None:
    store = JSONDirectoryStore(folder)
    with running(HOLD_A_LOCK, folder) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(Busy) as caught:
            store.alone(SCOPE, "aging", owner="me", now=days(1)).__enter__()
        assert caught.value.owner == "the other"
    with store.alone(SCOPE, "aging", owner="me", now=days(1)):
        assert (folder / ".locks").is_dir()
