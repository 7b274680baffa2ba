"""The embedding model changes under processes that recall and learn, and under a process that is killed."""

from __future__ import annotations

import random
import subprocess  # noqa: TID251 -- who reindexes, and is killed, must be a real process
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest

from engramia_core.memory.pattern import Draft
from engramia_core.scope import Scope
from engramia_core.stores import create_store
from tests.integration.reindexer import A, B, memory, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.library import Memory
    from tests.postgres.server import Server

PATTERNS = 200
KILLS = 6
TIMEOUT_S = 300
SCOPE = Scope()


def task(number: int, of: str = "x") -> str:
    """A task unlike any other."""
    return f"compute {of}{number} of series{of}{number}y and store it as result{of}{number}z"


@pytest.fixture(params=["sqlite", "json", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A memory with patterns of model A, in each storage."""
    if request.param == "postgres":
        server: Server = request.getfixturevalue("postgres")
        where = server.migrated()
    else:
        create_store(tmp_path, request.param).close()
        where = str(tmp_path)
    filled = memory(where, A)
    filled.learn_many([Draft(task(number), "x", 8.0) for number in range(PATTERNS)])
    filled.close()
    return where


def reindexer(place: str, model: str, batch: int = 64) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.integration.reindexer", place, model, str(batch)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def done(place: str, model: str) -> None:
    """Let a process reindex to its end."""
    process = reindexer(place, model)
    said, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert said.splitlines()[-1] == b"done"


def is_found(asked: Memory, wanted: str) -> bool:
    matches = asked.recall(wanted).matches
    return wanted in [match.pattern.task for match in matches]


class Busy:
    """Four threads that recall and one that learns until the block ends; what failed, in ``failures``."""

    def __init__(self, place: str) -> None:
        self.memories = [memory(place, model) for model in (A, B)]
        self.failures: list[str] = []
        self.recalled = [0, 0, 0, 0]
        self.learned = 0
        self._is_over = threading.Event()
        work = [lambda n=n: self._recall(n) for n in range(4)]
        self._threads = [threading.Thread(target=self._tried, args=(w,)) for w in work]
        self._threads.append(threading.Thread(target=self._tried, args=(self._learn,)))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        for opened_memory in self.memories:
            opened_memory.close()

    def _tried(self, work: object) -> None:
        assert callable(work)
        try:
            while not self._is_over.is_set():
                work()
        except Exception as error:  # noqa: BLE001 -- told by the test
            self.failures.append(repr(error))

    def _recall(self, thread: int) -> None:
        self.recalled[thread] += 1
        wanted = task((self.recalled[thread] * 7 + thread) % PATTERNS)
        if not is_found(self.memories[thread % 2], wanted):
            self.failures.append(f"not found: {wanted}")

    def _learn(self) -> None:
        self.memories[self.learned % 2].learn(task(self.learned, "new"), "x", 8.0)
        self.learned += 1
        time.sleep(0.02)


def test_no_recall_and_no_learning_fails_while_the_model_changes_and_back(place: str) -> None:
    with Busy(place) as busy:
        done(place, f"{B.model_id}:{B.dimensions}")
        assert busy.memories[0].store.model(SCOPE) == B
        time.sleep(0.2)
        done(place, "back")
        assert busy.memories[1].store.model(SCOPE) == A
        time.sleep(0.2)
    assert busy.failures == []
    assert min(busy.recalled) > 0
    assert busy.learned > 0
    after = memory(place, B)
    counts = after.metrics()
    assert counts.live == counts.embedded == PATTERNS + busy.learned
    assert all(is_found(after, task(number, "new")) for number in range(busy.learned))
    after.close()


def killed(process: subprocess.Popen[bytes], after_lines: int, wait_s: float) -> None:
    """Kill it a moment after it has told so many batches, unless it ends first."""
    assert process.stdout
    for _ in range(after_lines):
        process.stdout.readline()
    time.sleep(wait_s)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def moments() -> Iterator[tuple[int, float]]:
    """When to kill: after a batch, and so long after it."""
    chosen = random.Random(20261124)  # noqa: S311 -- moments to kill at
    return ((chosen.randrange(15), chosen.uniform(0, 0.02)) for _ in range(KILLS))


def test_killed_anywhere_the_memory_has_one_model_whole_and_the_same_command_completes(
    place: str, moments: Iterator[tuple[int, float]]
) -> None:
    left: list[int] = []
    for number, (after_lines, wait_s) in enumerate(moments):
        target, other = (B, A) if number % 2 == 0 else (A, B)
        command = f"{target.model_id}:{target.dimensions}"
        look = memory(place, A)
        look.drop_old_models()
        killed(reindexer(place, command, batch=32), after_lines, wait_s)
        assert look.store.model(SCOPE) in {A, B}
        assert look.metrics().embedded == PATTERNS
        assert all(is_found(look, task(n)) for n in range(0, PATTERNS, 37))
        left.append(len(look.store.without_vector(SCOPE, model=target, limit=PATTERNS)))
        done(place, command)
        assert look.store.model(SCOPE) == target
        assert other in [known.model for known in look.old_models()]
        assert look.metrics().embedded == PATTERNS
        assert all(is_found(look, task(n)) for n in range(0, PATTERNS, 37))
        look.close()
    assert any(0 < missing < PATTERNS for missing in left)
    store = opened(place)
    assert store.problems() == []
    store.close()
