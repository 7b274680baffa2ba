"""What a copy is compared by: each thing as bytes that are the same whichever store it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from engramia_core.memory.feedback import Cluster
    from engramia_core.memory.stored import AgingRun, EmbeddingModel, Kept

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def kept_bytes(kept: Kept, *, with_vector: bool = True) -> bytes:
    """All that is kept under a key: key, pattern, observations and history as a line of JSON, and the float32 vector."""
    if kept.record is None:
        return orjson.dumps([kept.key, None, kept.history], option=_OPTIONS)
    vector = kept.record.vector if with_vector else None
    packed = b"" if vector is None else vector.astype("<f4", order="C", copy=False).tobytes()
    parts = [kept.key, kept.record.pattern, kept.record.observations, kept.history, len(packed)]
    return orjson.dumps(parts, option=_OPTIONS) + packed


def note_bytes(note: Cluster | AgingRun | EmbeddingModel) -> bytes:
    """An issue, a run of aging or a model as a line of JSON."""
    return orjson.dumps([type(note).__name__, note], option=_OPTIONS)


def contents(kept: Kept) -> dict[str, int]:
    """What is counted of a key."""
    events = len(kept.history)
    if kept.record is None:
        return {"purged": 1, "events": events}
    return {
        "live": kept.record.pattern.trashed is None,
        "trashed": kept.record.pattern.trashed is not None,
        "observations": len(kept.record.observations),
        "vectors": kept.record.vector is not None,
        "events": events,
    }


@dataclass(slots=True)
class Digest:
    """The SHA-256 over the bytes of everything, in order."""

    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, content: bytes) -> None:
        """The next thing."""
        self._hash.update(content)

    @property
    def sha256(self) -> str:
        """The sum so far, in hex."""
        return self._hash.hexdigest()
