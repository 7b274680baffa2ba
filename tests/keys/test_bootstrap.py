"""The first owner's key is made once, however many try at once."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Refused
from engramia_core.keys import ring
from engramia_core.keys.authenticate import authenticate
from engramia_core.keys.key import Grant
from engramia_core.keys.role import Role
from engramia_core.keys.rows import all_keys
from engramia_core.stores import Server
from engramia_core.stores.databases import PostgresDatabase, SQLiteDatabase
from engramia_core.testing.builders import START, days
from tests.keys.steps import ME, make, recorded

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

    from engramia_core.database.database import Database

THREADS = 8
PROCESSES = 4
TIMEOUT_S = 120
REFUSED = "refused"


def opened(place: Path | Server) -> Database:
    return PostgresDatabase(place) if isinstance(place, Server) else SQLiteDatabase(place)


def try_it(database: Database, number: int) -> str:
    """The secret, or that it was refused."""
    try:
        return ring.bootstrap(database, f"number {number}", now=days(number), actor=ME).secret
    except Refused:
        return REFUSED


def in_a_process(place: Path | Server, number: int, gate: Barrier, said: Queue[str]) -> None:
    database = opened(place)
    gate.wait(TIMEOUT_S)
    said.put(try_it(database, number))
    database.close()


def check(database: Database, outcomes: list[str]) -> None:
    """One of them has the one key there is."""
    assert Counter(outcomes)[REFUSED] == len(outcomes) - 1
    (secret,) = set(outcomes) - {REFUSED}
    with database.reading() as connection:
        (key,) = all_keys(connection, days(9))
    identity = authenticate(database, secret, days(9))
    assert (identity.key_id, identity.role) == (key.key_id, Role.OWNER)
    assert (identity.tenant_id, identity.project_id) == (None, None)
    assert recorded(database) == [("keys.bootstrapped", key.key_id, ME.who)]


@pytest.mark.parametrize("is_shared", [True, False], ids=["one database", "a database each"])
def test_of_eight_threads_one_makes_it(
    database: Database, place: Path | Server, *, is_shared: bool
) -> None:
    mine = [database if is_shared else opened(place) for _ in range(THREADS)]
    gate = threading.Barrier(THREADS)

    def bootstrap(number: int) -> str:
        gate.wait(TIMEOUT_S)
        return try_it(mine[number], number)

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(bootstrap, range(THREADS)))
    check(database, outcomes)
    if not is_shared:
        for each in mine:
            each.close()


def test_of_four_processes_one_makes_it(database: Database, place: Path | Server) -> None:
    apart = multiprocessing.get_context("spawn")
    gate, said = apart.Barrier(PROCESSES), apart.Queue()
    workers = [
        apart.Process(target=in_a_process, args=(place, number, gate, said))
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    outcomes = [said.get(timeout=TIMEOUT_S) for _ in workers]
    for worker in workers:
        worker.join(TIMEOUT_S)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    check(database, outcomes)


def test_a_second_one_is_told_who_made_the_first_and_when(database: Database) -> None:
    first = ring.bootstrap(database, "root", now=START, actor=ME).key
    ring.revoke(database, first.key_id, now=days(1), actor=ME)
    with pytest.raises(Refused) as caught:
        ring.bootstrap(database, "again", now=days(2), actor=ME)
    assert caught.value.message == (
        f"the first owner's key, {first.key_id}, was made by me@here on 2026-01-02 03:04 UTC"
    )


def test_other_keys_do_not_stand_in_the_way(database: Database) -> None:
    make(database, Grant("agent", Role.ADMIN, "acme"))
    assert ring.bootstrap(database, "root", now=START, actor=ME).key.role is Role.OWNER
