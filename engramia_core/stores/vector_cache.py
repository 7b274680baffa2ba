"""A vector index as one file, mapped into memory when it is opened, so that a cold start reads only what it needs.

The file is a cache: losing it costs a rebuild. It is synced before it gets its name, so a file that is there is
whole; whether it is still true is told by its ``stamp``, which only the store can judge. Nothing in it is executed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import zlib
from typing import TYPE_CHECKING

import numpy as np
import orjson

from engramia_core.memory.vectors import Columns, VectorIndex

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"engramia-vectors-1\n"
_HEADER_BYTES = 4096
_ALIGN = 64


def save(path: Path, index: VectorIndex, *, model_id: str, stamp: str) -> bool:
    """Write ``index`` to ``path`` with its stamp; ``False`` when the disk refuses, which loses nothing."""
    columns = index.columns()
    header = {
        "model_id": model_id,
        "stamp": stamp,
        "rows": len(columns.keys),
        "dimensions": index.dimensions,
    }
    encoded = orjson.dumps(header)
    checked = _MAGIC + f"{zlib.crc32(encoded):08x}\n".encode() + encoded
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            file.write(checked.ljust(_HEADER_BYTES))
            for column in columns:
                file.write(b"\0" * (-file.tell() % _ALIGN))
                file.flush()  # tofile() writes to the descriptor
                np.ascontiguousarray(column).tofile(file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()
        return False
    return True


def load(path: Path, *, model_id: str) -> tuple[VectorIndex, str] | None:
    """The index in ``path`` with its stamp; ``None`` when there is none, or not one of this model or version."""
    try:
        with path.open("rb") as file:
            header = _header(file.read(_HEADER_BYTES))
            if header is None or header.get("model_id") != model_id:
                return None
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError):
        return None
    columns = _columns(mapped, int(header["rows"]), int(header["dimensions"]))
    return None if columns is None else (VectorIndex(columns), str(header["stamp"]))


def _header(raw: bytes) -> dict[str, str | int] | None:
    if not raw.startswith(_MAGIC):
        return None
    checksum, _, encoded = raw[len(_MAGIC) :].partition(b"\n")
    encoded = encoded.rstrip(b" ")
    if checksum != f"{zlib.crc32(encoded):08x}".encode():
        return None
    header: dict[str, str | int] = orjson.loads(encoded)
    return header


def _columns(mapped: mmap.mmap, rows: int, dimensions: int) -> Columns | None:
    """The arrays as they lie in the file; ``None`` when the file is shorter than they are."""
    if not rows:
        return Columns.empty(0, dimensions)
    shapes = Columns.empty(0, dimensions)
    offset = _HEADER_BYTES
    arrays = []
    for sample in shapes:
        offset += -offset % _ALIGN
        shape = (rows, *sample.shape[1:])
        count = int(np.prod(shape))
        if offset + count * sample.itemsize > len(mapped):
            return None
        array = np.frombuffer(mapped, dtype=sample.dtype, count=count, offset=offset)
        arrays.append(array.reshape(shape))
        offset += count * sample.itemsize
    return Columns._make(arrays)
