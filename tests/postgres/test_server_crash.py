"""The server dies while patterns are learned, and comes back: what was acknowledged is there and is found."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from engramia_core.errors import Unavailable
from engramia_core.library import Memory
from engramia_core.memory.filters import Filters
from engramia_core.stores.postgres import PostgresStore
from engramia_core.testing.embeddings import HashEmbeddings
from tests.postgres.server import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.server import Server

ROUNDS = 4
LEARNERS = 2
LONGEST_S = 0.6
SAME = 0.999


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(is_synced=True) as server:
        yield server


def task_of(round_number: int, learner: int, number: int) -> str:
    return (
        f"compute round{round_number}l{learner}n{number} of series{number}r{round_number}l{learner}"
    )


def learn_until_it_fails(
    memory: Memory, round_number: int, learner: int, acknowledged: dict[str, str]
) -> Exception | None:
    for number in range(10_000):
        task = task_of(round_number, learner, number)
        try:
            acknowledged[task] = memory.learn(task, f"print({number})", 8.0).key
        except Unavailable as error:
            return error
    return None


def test_a_killed_server_loses_nothing_it_acknowledged(server: Server) -> None:
    """Also held: the same process goes on by itself once the server is back."""
    memory = Memory(PostgresStore(server.migrated()), HashEmbeddings())
    moments = random.Random(20261124)  # noqa: S311 -- moments to kill at
    acknowledged: dict[str, str] = {}
    for round_number in range(ROUNDS):
        with ThreadPoolExecutor(LEARNERS) as pool:
            learners = [
                pool.submit(learn_until_it_fails, memory, round_number, learner, acknowledged)
                for learner in range(LEARNERS)
            ]
            time.sleep(0.2 + moments.uniform(0, LONGEST_S))
            server.kill()
            ends = [learner.result(60) for learner in learners]
        assert all(isinstance(end, Unavailable) for end in ends), ends
        with pytest.raises(Unavailable, match="connection"):
            memory.metrics()
        server.start()
        assert memory.metrics().live >= len(acknowledged)
    assert len(acknowledged) >= ROUNDS
    for task, key in acknowledged.items():
        (vector,) = HashEmbeddings().embed([task])
        found = memory.store.nearest(memory.scope, vector, filters=Filters(), limit=50)
        assert key in found.keys[: int((found.similarity > SAME).sum())]
    counts = memory.metrics()
    assert counts.live == counts.embedded == counts.observations
    assert memory.store.problems() == []
    memory.close()
