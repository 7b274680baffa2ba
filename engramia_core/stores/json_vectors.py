"""The vectors of a scope as a few files that are written once, newest last: a cache that can be built anew.

Each write block that brings vectors adds a file for their model, into which it takes that model's files before it that
are no bigger. So there are about log2(n) files of a model, and a vector is rewritten about as often.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import orjson

from engramia_core.memory.stored import EmbeddingModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engramia_core.memory.embedding import Matrix, Vector

_MAGIC = b"engramia-vectors-of-keys-1\n"
_CHECKSUM_BYTES = 9

HashedVector = tuple[int, "Vector"]
"""The fingerprint of the task that was embedded, and its vector."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Vectors of one model by key; they, and ``dropped``, hide what older segments say of these keys."""

    model: EmbeddingModel
    keys: tuple[str, ...]
    hashes: tuple[int, ...]
    vectors: Matrix
    dropped: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many keys it speaks of."""
        return len(self.keys) + len(self.dropped)


def segment_of(model: EmbeddingModel, changes: Mapping[str, HashedVector | None]) -> Segment:
    """A segment that gives each key its vector, or drops what it had."""
    rows = {key: row for key, row in changes.items() if row is not None}
    return _segment(model, rows, (key for key, row in changes.items() if row is None))


def combined(segments: Iterable[Segment | None], model: EmbeddingModel) -> dict[str, HashedVector]:
    """What ``segments``, oldest first, say together; those of another model and unreadable ones say nothing."""
    rows: dict[str, HashedVector] = {}
    for segment in segments:
        if segment is None or segment.model != model:
            continue
        for key in segment.dropped:
            rows.pop(key, None)
        rows.update(
            zip(segment.keys, zip(segment.hashes, segment.vectors, strict=True), strict=True)
        )
    return rows


def added(existing: Sequence[Segment | None], newest: Segment) -> tuple[Segment, int]:
    """What the next file holds when ``newest`` comes after ``existing``, and how many of the last files it replaces."""
    older = list(existing)
    taken = [newest]
    size = newest.size
    while older and ((last := older[-1]) is None or last.size <= size):
        older.pop()
        if last is not None:
            size += last.size
            taken.insert(0, last)
    rows = combined(taken, newest.model)
    dropped = {key for segment in taken for key in segment.dropped} - set(rows) if older else ()
    return _segment(newest.model, rows, dropped), len(existing) - len(older)


def _segment(
    model: EmbeddingModel, rows: Mapping[str, HashedVector], dropped: Iterable[str]
) -> Segment:
    keys = tuple(sorted(rows))
    vectors = np.empty((len(keys), model.dimensions), dtype=np.float32)
    for row, key in enumerate(keys):
        vectors[row] = rows[key][1]
    return Segment(
        model, keys, tuple(rows[key][0] for key in keys), vectors, tuple(sorted(dropped))
    )


def encode_segment(segment: Segment) -> bytes:
    """The file: a checksum, one line that says what is in it, the rows."""
    header = {
        "model_id": segment.model.model_id,
        "dimensions": segment.model.dimensions,
        "keys": segment.keys,
        "hashes": segment.hashes,
        "dropped": segment.dropped,
    }
    body = orjson.dumps(header) + b"\n" + segment.vectors.astype("<f4").tobytes()
    return _MAGIC + f"{zlib.crc32(body):08x}\n".encode() + body


def decode_segment(content: bytes) -> Segment | None:
    """What the file holds; ``None`` when it is not whole."""
    if not content.startswith(_MAGIC):
        return None
    body = content[len(_MAGIC) + _CHECKSUM_BYTES :]
    if content[len(_MAGIC) : len(_MAGIC) + _CHECKSUM_BYTES] != f"{zlib.crc32(body):08x}\n".encode():
        return None
    encoded, _, rows = body.partition(b"\n")
    header = orjson.loads(encoded)
    keys: Sequence[str] = header["keys"]
    dimensions = int(header["dimensions"])
    vectors = np.frombuffer(rows, dtype="<f4").reshape(len(keys), dimensions).astype(np.float32)
    model = EmbeddingModel(header["model_id"], dimensions)
    return Segment(model, tuple(keys), tuple(header["hashes"]), vectors, tuple(header["dropped"]))
