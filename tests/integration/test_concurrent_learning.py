"""Many who learn the same at once leave it once, whatever they share a store by."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Busy
from engramia_core.library import Memory
from engramia_core.memory.duplicates import Outcome
from engramia_core.memory.pattern import Draft
from engramia_core.testing.embeddings import HashEmbeddings
from tests.integration.places import new_place, open_at

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

THREADS = 8
PROCESSES = 4
TASKS = [f"task{n} is to sort{n} the numbers{n} of list{n}" for n in range(20)]
TIMEOUT_S = 120


def open_memory(place: str) -> Memory:
    return Memory(open_at(place), HashEmbeddings())


def learn_all(memory: Memory, start: int) -> list[str]:
    """Learn every task, beginning with another one each; what became of them."""
    order = TASKS[start:] + TASKS[:start]
    return [memory.learn(task, f"code for {task}", 8.0).outcome.value for task in order]


def in_a_process(place: str, start: int, gate: Barrier, said: Queue[list[str]]) -> None:
    memory = open_memory(place)
    gate.wait(TIMEOUT_S)
    said.put(learn_all(memory, start))
    memory.close()


def check(memory: Memory, outcomes: Counter[str], learners: int) -> None:
    """Every task is there once, with an observation of each learner, and found by vector and by words."""
    assert outcomes == {
        Outcome.LEARNED: len(TASKS),
        Outcome.OBSERVED: len(TASKS) * (learners - 1),
    }
    counts = memory.metrics()
    assert (counts.live, counts.trashed, counts.embedded) == (len(TASKS), 0, len(TASKS))
    assert counts.observations == len(TASKS) * learners
    assert memory.store.problems() == []
    for task in TASKS:
        (match, *_) = memory.recall(task).matches
        assert match.pattern.task == task
        assert len(memory.history(match.pattern.key)) == learners


@pytest.fixture(params=["sqlite", "json", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_place(request.param, tmp_path / "memory", request)


@pytest.mark.parametrize("is_shared", [True, False], ids=["one store", "a store each"])
def test_eight_threads_leave_twenty_patterns(place: str, *, is_shared: bool) -> None:
    shared = open_memory(place)
    memories = [shared if is_shared else open_memory(place) for _ in range(THREADS)]
    gate = threading.Barrier(THREADS)

    def learn(number: int) -> list[str]:
        gate.wait(TIMEOUT_S)
        return learn_all(memories[number], number * 2)

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = Counter(o for said in pool.map(learn, range(THREADS)) for o in said)
    check(shared, outcomes, THREADS)
    for memory in {id(m): m for m in (shared, *memories)}.values():
        memory.close()


def test_four_processes_leave_twenty_patterns(place: str) -> None:
    apart = multiprocessing.get_context("spawn")
    gate, said = apart.Barrier(PROCESSES), apart.Queue()
    workers = [
        apart.Process(target=in_a_process, args=(place, number * 5, gate, said))
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    outcomes = Counter(o for _ in workers for o in said.get(timeout=TIMEOUT_S))
    for worker in workers:
        worker.join(TIMEOUT_S)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    memory = open_memory(place)
    check(memory, outcomes, PROCESSES)
    memory.close()


def age_in_a_process(place: str, gate: Barrier, said: Queue[str]) -> None:
    memory = open_memory(place)
    gate.wait(TIMEOUT_S)
    try:
        said.put(memory.run_aging(max_prune_percent=100).run or "nothing to do")
    except Busy:
        said.put("busy")
    memory.close()


def test_of_four_processes_that_age_at_once_one_prunes(place: str) -> None:
    memory = open_memory(place)
    for task in TASKS:
        memory.learn(task, "x", 0.0)
    apart = multiprocessing.get_context("spawn")
    gate, said = apart.Barrier(PROCESSES), apart.Queue()
    workers = [
        apart.Process(target=age_in_a_process, args=(place, gate, said)) for _ in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    outcomes = [said.get(timeout=TIMEOUT_S) for _ in workers]
    for worker in workers:
        worker.join(TIMEOUT_S)
    (run,) = memory.aging_runs()
    assert run.pruned == len(TASKS)
    assert sorted(set(outcomes) - {"busy", "nothing to do"}) == [run.run]
    assert (memory.metrics().live, memory.metrics().trashed) == (0, len(TASKS))
    memory.close()


def test_readers_are_never_given_half_of_a_write(place: str) -> None:
    writer, reader = open_memory(place), open_memory(place)
    is_done = threading.Event()

    def read() -> int:
        seen = 0
        while not is_done.is_set():
            for match in reader.recall(TASKS[0], limit=50).matches:
                assert reader.observations(match.pattern.key)
                seen += 1
            exported = b"".join(reader.export(with_vectors=True)).splitlines()
            assert (len(exported) - 2) % 4 == 0
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for start in range(0, len(TASKS), 4):
                drafts = [Draft(task, "x", 8.0) for task in TASKS[start : start + 4]]
                writer.learn_many(drafts)
        finally:
            is_done.set()
        assert all(future.result(TIMEOUT_S) >= 0 for future in readers)
    writer.close()
    reader.close()
