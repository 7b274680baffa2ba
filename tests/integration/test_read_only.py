from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Unavailable
from engramia_core.library import Memory
from engramia_core.stores.sqlite import SQLiteStore
from engramia_core.testing.embeddings import HashEmbeddings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_NOBODY = 65534


def as_a_stranger(action: Callable[[], None]) -> int:
    """Run ``action`` in a child that may write nothing here; 0 when it did not raise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork() beside pytest's own threads
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        if os.getuid() == 0:
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
        action()
    except BaseException:  # noqa: BLE001 -- the child must not go on as a test
        os._exit(1)
    os._exit(0)


@pytest.fixture
def closed_off(tmp_path: Path) -> Path:
    """A memory with one pattern in a directory that may be read only."""
    folder = tmp_path / "memory"
    memory = Memory(SQLiteStore.create(folder), HashEmbeddings())
    memory.learn("parse a csv export", "print(1)", 8.0)
    memory.close()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for parent in folder.parents:
        if parent.stat().st_uid == os.getuid() and parent.is_relative_to(tmp_path.parents[2]):
            parent.chmod(0o755)
    return folder


def test_a_memory_that_may_not_be_written_can_be_read(closed_off: Path) -> None:
    def read() -> None:
        memory = Memory(SQLiteStore(closed_off), HashEmbeddings())
        assert len(memory.recall("parse a csv export").matches) == 1
        assert memory.metrics().live == 1
        memory.close()

    assert as_a_stranger(read) == 0


def test_a_memory_that_may_not_be_written_says_so(closed_off: Path) -> None:
    def write() -> None:
        memory = Memory(SQLiteStore(closed_off), HashEmbeddings())
        with pytest.raises(Unavailable, match="readonly") as caught:
            memory.learn("sort a list", "print(2)", 8.0)
        assert "may not be written by this user" in (caught.value.hint or "")

    assert as_a_stranger(write) == 0
