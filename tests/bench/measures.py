"""What is measured, each beside the bare operation it rests on."""

from __future__ import annotations

import statistics
import subprocess  # noqa: TID251 -- whole processes are what is measured
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from engramia_core.library import Memory
from engramia_core.memory.batch import learn_stream
from engramia_core.memory.filters import Filters
from engramia_core.memory.stored import Action, EmbeddingModel, Event
from engramia_core.scope import Scope
from engramia_core.stores.sqlite import SQLiteStore
from tests.bench import filling
from tests.bench.corpus import DIMENSIONS, GivenEmbeddings, tasks, vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCOPE = Scope()


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    name: str
    patterns: int
    value: float
    unit: str
    goal: float
    higher_is_better: bool = False
    peer: float | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the goal is reached."""
        return self.value >= self.goal if self.higher_is_better else self.value <= self.goal


def fill(directory: Path, count: int, *, fading: float = 0.0) -> SQLiteStore:
    """An SQLite store of ``count`` synthetic patterns."""
    store = SQLiteStore.create(directory)
    filling.fill(store, count, fading=fading)
    return store


def measure_size(count: int) -> Iterator[Figure]:
    """Learning, recalling, searching and opening at one size."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        store = fill(directory, count)
        new = tasks(200, 11)
        asked = vectors(200, 12)
        provider = GivenEmbeddings(dict(zip(new, asked, strict=True)))
        yield from _recall(store, Memory(store, provider), new, count)
        store.close()  # writes the cache file that a cold start maps
        yield _opening(directory, provider, new[0], count)
        memory = Memory(SQLiteStore(directory), provider)
        learn_ms = p50_ms(lambda task: memory.learn(task, "print(1)\n", 8.0), new)
        peer = {1_000: 631.0, 10_000: 6_800.0}.get(count)
        goal = 4.0 if count <= 10_000 else 8.0
        yield Figure("learn, p50", count, learn_ms, "ms", goal, peer=peer)
        memory.close()


def _recall(store: SQLiteStore, memory: Memory, asked: list[str], count: int) -> Iterator[Figure]:
    memory.recall(asked[0])
    recall_ms = p50_ms(memory.recall, asked)
    peer = {1_000: 38.0, 10_000: 353.0, 100_000: 3_000.0}[count]
    goal = {1_000: 1.0, 10_000: 2.0, 100_000: 15.0}[count]
    yield Figure("recall, p50", count, recall_ms, "ms", goal, peer=peer)
    matrix, queries = vectors(count, 2), vectors(50, 12)
    ratios = []
    for query in queries:
        bare = seconds_of(partial(np.matmul, matrix, query))
        search = partial(store.nearest, _SCOPE, query, filters=Filters(), limit=64)
        ratios.append((bare, seconds_of(search)))
    bare_ms = statistics.median(bare for bare, _ in ratios) * 1e3
    ratio = statistics.median(exact for _, exact in ratios) * 1e3 / bare_ms
    note = f"numpy alone: {bare_ms:.2f} ms"
    yield Figure("exact search / numpy product", count, ratio, "x", 2.0, note=note)


def _opening(directory: Path, provider: GivenEmbeddings, task: str, count: int) -> Figure:
    def open_and_ask(task: str) -> None:
        memory = Memory(SQLiteStore(directory), provider)
        memory.recall(task)
        memory.close()

    open_and_ask(task)
    opened_ms = p50_ms(open_and_ask, [task] * 7)
    peer = 15_000.0 if count == 100_000 else None
    return Figure("open to first answer", count, opened_ms, "ms", 150.0, peer=peer)


def measure_aging(count: int) -> Figure:
    """A run of aging that prunes a tenth."""
    with tempfile.TemporaryDirectory() as place:
        store = fill(Path(place), count, fading=0.1)
        later = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=400)
        memory = Memory(store, None, clock=lambda: later)
        seconds = seconds_of(memory.run_aging)
        note = f"{memory.metrics().trashed:,} pruned"
        memory.close()
    return Figure("aging", count, seconds, "s", 0.7, peer=45.0, note=note)


def measure_transfer(count: int) -> Iterator[Figure]:
    """Export to a file and import into an empty memory, vectors included, with the memory they take."""
    with tempfile.TemporaryDirectory() as place:
        fill(Path(place) / "from", count).close()
        for verb, goal, peer in (("export", 2.0, 54.0), ("import", 15.0, None)):
            seconds, grown_mb = _transfer(Path(place), verb)
            yield Figure(f"{verb} --with-vectors", count, seconds, "s", goal, peer=peer)
            yield Figure(f"{verb}: growth of memory", count, grown_mb, "MB", 50.0)


def _transfer(place: Path, verb: str) -> tuple[float, float]:
    """In a process of its own, so that the memory it takes can be told."""
    script = Path(__file__).with_name("transfer_process.py")
    answer = _run([sys.executable, str(script), verb, str(place)])
    told = orjson.loads(answer)
    return float(told["seconds"]), float(told["grown_mb"])


def measure_batch(count: int) -> Figure:
    """``learn --batch`` of new patterns into an empty memory, the model apart."""
    names = tasks(count, 21)
    provider = GivenEmbeddings(dict(zip(names, vectors(count, 22), strict=True)))
    lines = [orjson.dumps({"task": t, "code": "print(1)\n" * 10, "score": 8}) for t in names]
    with tempfile.TemporaryDirectory() as place:
        memory = Memory(SQLiteStore.create(Path(place)), provider)
        seconds = seconds_of(lambda: learn_stream(lines, memory.learn_many))
        memory.close()
    return Figure("learn --batch", count, count / seconds, "/s", 8_000.0, higher_is_better=True)


def measure_processes() -> Iterator[Figure]:
    """Whole processes: what a person at the shell waits for."""
    bare, page = _pairs([sys.executable, "-c", "pass"], [_engramia(), "--help"])
    note = f"{page * 1e3:.0f} ms / {bare * 1e3:.0f} ms"
    yield Figure("engramia --help / python -c pass", 0, page / bare, "x", 8.0, peer=30.0, note=note)
    with tempfile.TemporaryDirectory() as place:
        store = fill(Path(place), 10_000)
        with store.write(_SCOPE) as writer:
            writer.choose_model(EmbeddingModel("all-MiniLM-L6-v2-int8", DIMENSIONS))
        _rename_model(store)
        store.close()
        command = [_engramia(), "--path", place, "recall", "parse the csv exports"]
        _run(command)
        seconds = statistics.median(seconds_of(lambda: _run(command)) for _ in range(7))
    yield Figure("engramia recall, whole process", 10_000, seconds, "s", 1.0)


def _rename_model(store: SQLiteStore) -> None:
    """Give the synthetic vectors the offline model's name, so that it may ask for them."""
    found = store.records(_SCOPE, with_vectors=False)
    keys = [record.pattern.key for record in found]
    rows = vectors(len(keys), 2)
    event = Event(datetime.now(UTC), Action.EMBEDDED)
    with store.write(_SCOPE) as writer:
        writer.set_vectors(keys, rows, event)


def _engramia() -> str:
    return str(Path(sys.executable).with_name("engramia"))


def _run(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def _pairs(left: list[str], right: list[str], rounds: int = 15) -> tuple[float, float]:
    """The median time of two commands, run in turn."""
    _run(left), _run(right)
    times = [
        (seconds_of(lambda: _run(left)), seconds_of(lambda: _run(right))) for _ in range(rounds)
    ]
    return statistics.median(t[0] for t in times), statistics.median(t[1] for t in times)


def seconds_of(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def p50_ms(action: Callable[[str], object], given: list[str]) -> float:
    return statistics.median(seconds_of(partial(action, one)) for one in given) * 1e3
