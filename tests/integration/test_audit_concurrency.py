"""Chains stay whole whoever writes at once, and whoever is killed meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engramia_core.audit import Actor, Entry, Via, append
from engramia_core.audit.trail import Wanted, in_chains
from engramia_core.audit.verify import verify
from engramia_core.database.database import INSTALLATION
from engramia_core.library import Memory
from engramia_core.scope import Scope

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from engramia_core.audit import AuditRecord
    from engramia_core.database.database import Database
    from tests.integration.engines import Engine

THREADS = 8
PROCESSES = 4
WRITES = 10
ROUNDS = 8
SCOPES = [Scope("acme", "shop"), Scope("acme", "blog"), Scope("umbrella", "shop")]
TIMEOUT_S = 120


def whole(database: Database) -> list[AuditRecord]:
    """All records, once every chain was found whole."""
    with database.everything() as connection:
        report, _ = verify(connection)
        assert report.findings == []
        return list(in_chains(connection, Wanted()))


def learn(memory: Memory, database: Database, number: int) -> list[str]:
    """Learn in a scope, and record each time something of the installation; the keys that were acknowledged."""
    keys = []
    for write in range(WRITES):
        task = f"compute{number} series{write} into result{number}x{write}"
        keys.append(memory.learn(task, "code", 8.0).key)
        with database.transaction() as connection:
            entry = Entry(datetime.now(UTC), Actor(str(number), Via.SDK), "test.ran", keys[-1])
            append(connection, INSTALLATION, entry)
    return keys


def learn_apart(engine: Engine, number: int, gate: Barrier | threading.Barrier) -> list[str]:
    memory = Memory(engine.store(), None, scope=SCOPES[number % len(SCOPES)])
    database = engine.database()
    gate.wait(TIMEOUT_S)
    keys = learn(memory, database, number)
    database.close()
    memory.close()
    return keys


def in_a_process(engine: Engine, number: int, gate: Barrier) -> None:
    learn_apart(engine, number, gate)


def test_eight_threads_leave_whole_chains(engine: Engine, database: Database) -> None:
    gate = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        said = pool.map(lambda number: learn_apart(engine, number, gate), range(THREADS))
        keys = {key for keys in said for key in keys}
    records = whole(database)
    assert {r.target for r in records if r.action == "memory.learned"} == keys
    assert {r.target for r in records if r.action == "test.ran"} == keys
    assert len(records) == 2 * len(keys) == 2 * THREADS * WRITES


def test_four_processes_leave_whole_chains(engine: Engine, database: Database) -> None:
    apart = multiprocessing.get_context("spawn")
    gate = apart.Barrier(PROCESSES)
    workers = [
        apart.Process(target=in_a_process, args=(engine, number, gate))
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIMEOUT_S)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    records = whole(database)
    assert len(records) == 2 * PROCESSES * WRITES
    assert {r.number for r in records if r.tenant_id == "*"} == set(range(1, len(records) // 2 + 1))


def learn_forever(engine: Engine, round_number: int, acknowledged: int) -> None:
    memory = Memory(engine.store(), None, scope=SCOPES[0])
    number = 0
    while True:
        task = f"compute round{round_number}x{number} of series{number}y{round_number}"
        os.write(acknowledged, f"{memory.learn(task, 'code', 8.0).key}\n".encode())
        number += 1


def killed_round(engine: Engine, round_number: int, wait_s: float) -> list[str]:
    """The keys that a child had acknowledged when it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        learn_forever(engine, round_number, writer)
    os.close(writer)
    said = os.read(reader, 4096)
    time.sleep(wait_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as rest:
        said += rest.read()
    return said.decode().split()


def test_a_killed_writer_leaves_whole_chains_and_a_record_of_each_write(engine: Engine) -> None:
    chosen = random.Random(20261124)  # noqa: S311 -- moments to kill at
    acknowledged: list[str] = []
    for round_number in range(ROUNDS):
        acknowledged += killed_round(engine, round_number, chosen.uniform(0, 0.1))
        database = engine.database()
        records = whole(database)
        database.close()
        assert set(acknowledged) <= {r.target for r in records}
        store = engine.store()
        assert store.live_count(SCOPES[0]) == len(records)
        store.close()
    assert len(acknowledged) >= ROUNDS
