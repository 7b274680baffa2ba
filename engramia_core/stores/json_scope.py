"""A scope's files as they were last seen; a refresh reads only what changed since, by whomever."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from engramia_core.errors import InvalidInput
from engramia_core.memory.embedding import text_hash
from engramia_core.memory.words import WordIndex, words_of
from engramia_core.scope import Scope
from engramia_core.stores.json_notes import (
    MEMORY_FILE,
    MemoryFile,
    decode_clusters,
    decode_memory,
    decode_purged,
    decode_runs,
)
from engramia_core.stores.json_pattern import PatternFile, decode_pattern
from engramia_core.stores.json_vectors import combined, decode_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from engramia_core.memory.embedding import Vector
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.pattern import Pattern
    from engramia_core.memory.stored import AgingRun, EmbeddingModel, Event
    from engramia_core.memory.vectors import VectorIndex
    from engramia_core.stores.json_tree import FileTree, Journal, Signature
    from engramia_core.stores.json_vectors import HashedVector, Segment

T = TypeVar("T")

_SEGMENT = re.compile(r"\d{12}\.vectors")


class ScopePaths(NamedTuple):
    """Where a scope's files lie, relative to the memory."""

    patterns: str
    trash: str
    vectors: str
    clusters: str
    runs: str
    purged: str

    @classmethod
    def of(cls, scope: Scope) -> ScopePaths:
        """The paths of ``scope``."""
        name = str(scope)
        return cls(
            f"patterns/{name}",
            f"trash/{name}",
            f".cache/vectors/{name}",
            f"feedback/{name}.json",
            f"runs/{name}.json",
            f"history/{name}.json",
        )

    def pattern(self, key: str, *, trashed: bool) -> str:
        """The file of a pattern."""
        return f"{self.trash if trashed else self.patterns}/{key}.json"

    def folders(self) -> tuple[str, ...]:
        """Every folder that holds a file of the scope."""
        notes = (self.clusters, self.runs, self.purged)
        return (self.patterns, self.trash, self.vectors, *(n.rpartition("/")[0] for n in notes), "")

    def segment(self, *, after: Iterable[str]) -> str:
        """The file of vectors that comes after these."""
        newest = max(after, default="")
        number = int(_name(newest).removesuffix(".vectors")) + 1 if newest else 1
        return f"{self.vectors}/{number:012d}.vectors"


def scopes_in(root: Path) -> list[Scope]:
    """The scopes that have a folder or a file in the memory at ``root``, by name."""
    found = {
        (place.parent.name, place.name.removesuffix(".json"))
        for top in ("patterns", "trash", "feedback", "runs", "history")
        for place in root.glob(f"{top}/*/*")
    }
    scopes = []
    for tenant, project in sorted(found):
        with contextlib.suppress(InvalidInput):  # a folder that is none of ours
            scopes.append(Scope(tenant, project))
    return scopes


class LoadedScope:
    """What a scope's files say. It is not safe for threads; its owner is."""

    def __init__(self, scope: Scope, tree: FileTree) -> None:
        self.scope = scope
        self.paths = ScopePaths.of(scope)
        self.memory = MemoryFile({})
        self.held: dict[str, PatternFile] = {}
        self.words = WordIndex()
        """The words of the live patterns."""
        self.clusters: dict[str, Cluster] = {}
        self.runs: tuple[AgingRun, ...] = ()
        self.purged: dict[str, tuple[Event, ...]] = {}
        self.segments: dict[str, Segment | None] = {}
        self.broken: dict[str, str] = {}
        """Why a file is skipped, by its path."""
        self.indexes: dict[EmbeddingModel, VectorIndex] = {}
        """The live vectors of the models that were searched since the last change."""
        self._tree = tree
        self._files: dict[str, PatternFile] = {}
        self._seen: dict[str, Signature] = {}
        self._hash_of: dict[str, int] = {}
        self._vectors: dict[EmbeddingModel, dict[str, HashedVector]] = {}

    @property
    def model(self) -> EmbeddingModel | None:
        """The scope's embedding model."""
        return self.memory.models.get(str(self.scope))

    def models(self) -> list[EmbeddingModel]:
        """The scope's model and those of the files of vectors, by name."""
        known = {segment.model for segment in self.segments.values() if segment is not None}
        known.update([self.model] if self.model else [])
        return sorted(known, key=lambda model: (model.model_id, model.dimensions))

    def vector(self, key: str, model: EmbeddingModel | None = None) -> Vector | None:
        """The vector of a pattern's present task under ``model``, by default the scope's."""
        wanted = model or self.model
        row = self.rows(wanted).get(key) if wanted else None
        return row[1] if row is not None and row[0] == self._hash_of.get(key) else None

    def rows(self, model: EmbeddingModel) -> dict[str, HashedVector]:
        """The vectors that are kept of a model by key, of the present tasks or others."""
        if model not in self._vectors:
            self._vectors[model] = combined(self.segments.values(), model)
        return self._vectors[model]

    def is_whole(self, path: str) -> bool:
        """Whether there is such a file of patterns or vectors and it may be removed: it is not broken."""
        return path in self.segments or (path in self._files and path not in self.broken)

    def damaged_caches(self) -> list[str]:
        """The files of vectors that cannot be read."""
        return [path for path, segment in self.segments.items() if segment is None]

    def refresh(self, journal: Journal | None) -> None:
        """Read what changed on disk since the last time."""
        paths = self.paths
        listed = self._tree.listing(paths.patterns, journal)
        listed.update(self._tree.listing(paths.trash, journal))
        vectors = self._tree.listing(paths.vectors, journal)
        notes = (MEMORY_FILE, paths.clusters, paths.runs, paths.purged)
        listed.update(
            (path, signature) for path in notes if (signature := self._tree.find(path, journal))
        )
        listed.update((p, s) for p, s in vectors.items() if _SEGMENT.fullmatch(_name(p)))
        if listed == self._seen:
            return
        changed = {path for path, signature in listed.items() if self._seen.get(path) != signature}
        changed |= self._seen.keys() - listed.keys()
        self._read_notes(changed.intersection(notes), journal)
        self._read_segments(changed, journal)
        self._read_patterns(changed, journal)
        self._vectors.clear()
        self.indexes.clear()
        self._seen = listed

    def patterns(self, *, trashed: bool) -> list[Pattern]:
        """The patterns in the trash or not, by key."""
        found = [held.pattern for held in self.held.values()]
        return sorted(
            (pattern for pattern in found if (pattern.trashed is not None) is trashed),
            key=lambda pattern: pattern.key,
        )

    def _read_notes(self, changed: Iterable[str], journal: Journal | None) -> None:
        for path in changed:
            if path == MEMORY_FILE:
                self.memory = self._read(path, journal, decode_memory, MemoryFile({}))
                if path in self.broken:
                    raise InvalidInput(f"{self._tree.root / path}: {self.broken[path]}")
            elif path == self.paths.clusters:
                self.clusters = self._read(path, journal, decode_clusters, {})
            elif path == self.paths.runs:
                self.runs = self._read(path, journal, decode_runs, ())
            else:
                self.purged = self._read(path, journal, decode_purged, {})

    def _read_segments(self, changed: set[str], journal: Journal | None) -> None:
        for path in changed:
            if path.startswith(self.paths.vectors):
                self.segments.pop(path, None)
                content = self._content(path, journal)
                if content is not None:
                    self.segments[path] = decode_segment(content)
        self.segments = dict(sorted(self.segments.items()))

    def _read_patterns(self, changed: set[str], journal: Journal | None) -> None:
        """Read the changed pattern files and find out anew what the keys they are named after mean."""
        folders = (self.paths.patterns, self.paths.trash)
        keys = set()
        for path in changed:
            folder, _, name = path.rpartition("/")
            if folder in folders and name.endswith(".json"):
                held = self._read(path, journal, _decoder(self.paths, path), None)
                self._files.pop(path, None)
                if held is not None:
                    self._files[path] = held
                keys.add(name.removesuffix(".json"))
        for key in keys:
            self._settle(key)

    def _settle(self, key: str) -> None:
        """What ``key`` means now; a pattern in the trash gives way to a live one."""
        live = self._files.get(self.paths.pattern(key, trashed=False))
        in_trash = self.paths.pattern(key, trashed=True)
        held = live or self._files.get(in_trash)
        if in_trash in self._files:
            self.broken.pop(in_trash, None)
            if live:
                self.broken[in_trash] = "a live pattern has the same key"
        self.words.remove(key)
        if held is None:
            self.held.pop(key, None)
            self._hash_of.pop(key, None)
            return
        self.held[key] = held
        self._hash_of[key] = text_hash(held.pattern.task)
        if live:
            self.words.add(key, words_of(held.pattern.task))

    def _read(
        self, path: str, journal: Journal | None, decode: Callable[[bytes], T], absent: T
    ) -> T:
        """What the file says; ``absent`` when there is none or it is broken, and then ``broken`` tells why."""
        self.broken.pop(path, None)
        content = self._content(path, journal)
        if content is None:
            return absent
        try:
            return decode(content)
        except InvalidInput as error:
            self.broken[path] = error.message
            return absent

    def _content(self, path: str, journal: Journal | None) -> bytes | None:
        if self._tree.find(path, journal) is None:
            return None
        try:
            return self._tree.read(path, journal)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.broken[path] = str(error.strerror)
            return None


def _decoder(paths: ScopePaths, path: str) -> Callable[[bytes], PatternFile | None]:
    """How the file of a pattern is read: what it says must fit where it lies."""

    def decode(content: bytes) -> PatternFile:
        held = decode_pattern(content, key=_name(path).removesuffix(".json"))
        if (held.pattern.trashed is not None) != path.startswith(paths.trash):
            place = "trash" if held.pattern.trashed is None else "patterns"
            raise InvalidInput(f"its field 'trashed' does not fit a file in {place}/")
        return held

    return decode


def _name(path: str) -> str:
    return path.rpartition("/")[2]
