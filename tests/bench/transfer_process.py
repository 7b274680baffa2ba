"""One export or import in a process of its own: seconds, and by how much its memory grew."""

from __future__ import annotations

import gc
import resource
import sys
import time
from pathlib import Path

import orjson

from engramia_core.files import write_atomically
from engramia_core.library import Memory
from engramia_core.stores.sqlite import SQLiteStore


def _peak_mb() -> float:
    """The most memory this process has held; on Linux since it was started, not since it was forked."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(verb: str, place: Path) -> None:
    """Run ``verb`` between the stores in ``place`` and print what it took."""
    gc.set_threshold(50_000)  # as the command line does
    file = place / "memory.ndjson"
    if verb == "export":
        memory = Memory(SQLiteStore(place / "from"), None)
    else:
        memory = Memory(SQLiteStore.create(place / "to"), None)
    before, start = _peak_mb(), time.perf_counter()
    if verb == "export":
        write_atomically(file, memory.export(with_vectors=True))
    else:
        with file.open("rb") as source:
            memory.import_data(source)
    seconds, grown = time.perf_counter() - start, _peak_mb() - before
    memory.close()
    sys.stdout.buffer.write(orjson.dumps({"seconds": seconds, "grown_mb": grown}))


main(sys.argv[1], Path(sys.argv[2]))
