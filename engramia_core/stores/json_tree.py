"""Files that change together: after a crash all of a commit is there, or nothing of it.

New contents are staged beside their targets and synced. Then a journal that names every step gets its name: that is
the moment of the commit. Then the steps are taken and the journal becomes the note of the last commit. Whoever finds a
journal reads as if its steps were taken; the next writer takes those that are missing.

A reader looks at journal and note before and after, and looks again at the files when they differ.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import orjson
from filelock import FileLock, Timeout

from engramia_core.errors import Unavailable
from engramia_core.stores.json_disk import make_folder, sync_folder, write_synced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

T = TypeVar("T")

JOURNAL = ".journal.json"
LAST_COMMIT = ".last_commit.json"
COMMIT_LOCK = ".commit.lock"
_HEAD_BYTES = 64
_TRIES = 3
_WAIT_S = 30.0


class Signature(NamedTuple):
    """By this a file that changed is told from one that did not; staging and moving keep it."""

    inode: int
    modified_ns: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Journal:
    """The steps of one commit. All paths are relative, ``moves`` leads from target to staged file."""

    commit: str
    moves: Mapping[str, str]
    removes: tuple[str, ...]


class FileTree:
    """A directory of files. One thread of one process at a time may ``commit`` and ``finish``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def settled(self, load: Callable[[Journal | None], T]) -> T:
        """What ``load`` gives while no commit goes on; it may be called again, and must look at every file then."""
        for _ in range(_TRIES):
            before = self._moment()
            result = load(self._journal())
            if self._moment() == before:
                return result
        try:
            with FileLock(self.root / COMMIT_LOCK, timeout=_WAIT_S):
                return load(self._journal())
        except Timeout as error:
            raise Unavailable(f"{self.root} is being written to for {_WAIT_S:g} s") from error

    def listing(self, folder: str, journal: Journal | None) -> dict[str, Signature]:
        """The visible files of a folder by relative path; a folder that is not there is empty."""
        try:
            with os.scandir(self.root / folder) as entries:
                found = {f"{folder}/{e.name}": _signed(e) for e in entries if e.name[0] != "."}
        except FileNotFoundError:
            found = {}
        except OSError as error:
            raise Unavailable(f"cannot read {self.root / folder}: {error.strerror}") from error
        listed = {path: signature for path, signature in found.items() if signature}
        if journal:
            prefix = f"{folder}/"
            for target in journal.moves:
                if target.startswith(prefix) and (signature := self.find(target, journal)):
                    listed[target] = signature
            for target in journal.removes:
                listed.pop(target, None)
        return listed

    def find(self, path: str, journal: Journal | None) -> Signature | None:
        """The signature of a file; ``None`` when there is none."""
        if journal and path in journal.removes:
            return None
        for place in self._places(path, journal):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return _signature(os.stat(place))  # noqa: PTH116  half the time of Path.stat
        return None

    def read(self, path: str, journal: Journal | None) -> bytes:
        """The content of a file; ``FileNotFoundError`` when it is gone."""
        for place in self._places(path, journal):
            with contextlib.suppress(FileNotFoundError), place.open("rb") as file:
                return file.read()
        raise FileNotFoundError(path)

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Give every path its new content, or remove it where there is none: all of them or, on ``Unavailable``, none."""
        token = secrets.token_hex(8)
        moves = {
            path: _staged_name(path, token)
            for path, content in changes.items()
            if content is not None
        }
        removes = tuple(path for path, content in changes.items() if content is None)
        journal = Journal(token, moves, removes)
        try:
            for path, staged in moves.items():
                make_folder((self.root / path).parent)
                write_synced(self.root / staged, changes[path] or b"")
            self._sync_folders_of(moves)
            with FileLock(self.root / COMMIT_LOCK, timeout=_WAIT_S, poll_interval=0.005):
                self._announce(journal)
                # The journal is on disk and everybody reads by it; a step that fails now is taken by the next writer.
                with contextlib.suppress(OSError):
                    self._take_steps(journal)
        except OSError as error:
            self._unstage(moves)
            place = error.filename or self.root
            raise Unavailable(
                f"cannot write {place}: {error.strerror or error}",
                hint="nothing was changed; make room or repair the disk, then run it again",
            ) from error

    def finish(self) -> None:
        """Take the steps that a writer left when it died; ``Unavailable`` when that fails."""
        journal = self._journal()
        if journal is None:
            return
        try:
            with FileLock(self.root / COMMIT_LOCK, timeout=_WAIT_S):
                self._take_steps(journal)
        except OSError as error:
            raise Unavailable(f"cannot finish {self.root / JOURNAL}: {error}") from error

    def sweep(self, folders: Iterable[str]) -> None:
        """Remove what writers that died had staged and not committed; call it without a journal only."""
        for folder in folders:
            for staged in (self.root / folder).glob(".*.tmp"):
                with contextlib.suppress(OSError):  # the next writer may
                    staged.unlink()

    def _moment(self) -> tuple[bytes, bytes]:
        """Which commit goes on and which was the last; the order of the two looks matters."""
        return _head(self.root / JOURNAL), _head(self.root / LAST_COMMIT)

    def _journal(self) -> Journal | None:
        try:
            written = orjson.loads((self.root / JOURNAL).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise Unavailable(f"cannot read {self.root / JOURNAL}: {error}") from error
        return Journal(written["commit"], written["moves"], tuple(written["removes"]))

    def _places(self, path: str, journal: Journal | None) -> list[Path]:
        """Where a file may be, first where it is before its move."""
        staged = journal.moves.get(path) if journal else None
        return [self.root / place for place in (staged, path) if place]

    def _announce(self, journal: Journal) -> None:
        written = {"commit": journal.commit, "moves": journal.moves, "removes": journal.removes}
        scratch = self.root / _staged_name(JOURNAL, journal.commit)
        try:
            write_synced(scratch, orjson.dumps(written))
            scratch.replace(self.root / JOURNAL)
            sync_folder(self.root)
        except OSError:
            scratch.unlink(missing_ok=True)
            (self.root / JOURNAL).unlink(missing_ok=True)
            raise

    def _take_steps(self, journal: Journal) -> None:
        for path, staged in journal.moves.items():
            with contextlib.suppress(FileNotFoundError):  # taken already
                (self.root / staged).replace(self.root / path)
        for path in journal.removes:
            (self.root / path).unlink(missing_ok=True)
        self._sync_folders_of([*journal.moves, *journal.removes])
        (self.root / JOURNAL).replace(self.root / LAST_COMMIT)
        sync_folder(self.root)

    def _sync_folders_of(self, paths: Mapping[str, str] | list[str]) -> None:
        for folder in {(self.root / path).parent for path in paths}:
            with contextlib.suppress(FileNotFoundError):
                sync_folder(folder)

    def _unstage(self, moves: Mapping[str, str]) -> None:
        for staged in moves.values():
            with contextlib.suppress(OSError):
                (self.root / staged).unlink(missing_ok=True)


def _staged_name(path: str, token: str) -> str:
    """A hidden name in the same folder, so that the move is one step of one file system."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.{token}.tmp" if folder else f".{name}.{token}.tmp"


def _signed(entry: os.DirEntry[str]) -> Signature | None:
    """The signature of a listed file; ``None`` for a folder, or for one that is gone by now."""
    try:
        return _signature(entry.stat()) if entry.is_file() else None
    except FileNotFoundError:
        return None


def _signature(status: os.stat_result) -> Signature:
    return Signature(status.st_ino, status.st_mtime_ns, status.st_size)


def _head(path: Path) -> bytes:
    """The first bytes, in which a journal names its commit; none of a file that is not there."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except FileNotFoundError:
        return b""
