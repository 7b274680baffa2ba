from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Unavailable
from engramia_core.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("chunks", [[], [b""], [b"a", b"bc"], [b"x" * 100_000] * 20])
def test_a_file_holds_all_that_was_written(tmp_path: Path, chunks: list[bytes]) -> None:
    path = tmp_path / "file"
    write_atomically(path, iter(chunks))
    assert path.read_bytes() == b"".join(chunks)
    assert names(tmp_path) == ["file"]


def test_a_file_that_was_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    write_atomically(path, [b"new"])
    assert path.read_bytes() == b"new"


class StoppedError(Exception):
    pass


def broken_off() -> Iterator[bytes]:
    yield b"half"
    raise StoppedError


@pytest.mark.parametrize("before", [None, b"old"])
def test_broken_off_half_way_everything_is_as_before(tmp_path: Path, before: bytes | None) -> None:
    path = tmp_path / "file"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(StoppedError):
        write_atomically(path, broken_off())
    assert names(tmp_path) == ([] if before is None else ["file"])
    assert before is None or path.read_bytes() == before


def test_a_disk_that_refuses_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"'.*nowhere/file' cannot be written: No such file"):
        write_atomically(tmp_path / "nowhere" / "file", [b"x"])


def test_a_directory_in_the_way_is_unavailable_and_stays(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(Unavailable, match="cannot be written"):
        write_atomically(tmp_path / "file", [b"x"])
    assert names(tmp_path) == ["file"]


def test_a_device_that_is_full_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="No space left on device"):
        write_atomically(path, full())
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]
