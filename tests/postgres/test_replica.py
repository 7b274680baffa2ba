"""Recall asks a replica while that is current, and the primary else; a real standby beside the server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import make_url

from engramia_core.errors import InvalidInput
from engramia_core.library import Memory
from engramia_core.memory.stored import EmbeddingModel
from engramia_core.scope import Scope
from engramia_core.stores import ReplicaServer
from engramia_core.stores.postgres import PostgresStore
from engramia_core.stores.postgres_replica import ReplicaFirst
from engramia_core.testing.embeddings import HashEmbeddings
from tests.cli.operator import Operator
from tests.postgres.standby import Standby, standing_by, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.postgres.server import Server

pytestmark = pytest.mark.xdist_group("replica")  # of whom one standby is enough
SORT = "sort a list of numbers"
PARSE = "parse a CSV export"
DEFAULT = Scope()
SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'engramia'
"""
SCANS = """
    SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables
    WHERE relname = 'engramia_data'
"""


@pytest.fixture(scope="module")
def standby(postgres: Server) -> Iterator[Standby]:
    with standing_by(postgres) as standby:
        yield standby


@pytest.fixture
def url(postgres: Server, standby: Standby) -> str:
    url = postgres.migrated()
    standby.catch_up()
    return url


@pytest.fixture
def opened(url: str, standby: Standby) -> Iterator[Callable[..., Memory]]:
    """Opens memories that may recall from the standby."""
    memories: list[Memory] = []

    def open_memory(max_lag_s: float = 60.0, replica_url: str = "") -> Memory:
        replica = ReplicaServer(replica_url or standby.url(url), max_lag_s)
        memories.append(Memory(PostgresStore(url, replica=replica), HashEmbeddings()))
        return memories[-1]

    yield open_memory
    for memory in memories:
        memory.close()


@pytest.fixture
def paused(standby: Standby) -> Iterator[Callable[[], None]]:
    """Keeps the standby from replaying, until the end of the test."""

    def pause() -> None:
        standby.run("SELECT pg_wal_replay_pause()")
        until(lambda: standby.run("SELECT pg_get_wal_replay_pause_state()") == "paused")

    yield pause
    standby.run("SELECT pg_wal_replay_resume()")


def recalled(memory: Memory, task: str) -> list[str]:
    return [match.pattern.task for match in memory.recall(task).matches]


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records if record.name.startswith("engramia_core")
    ]


def is_on_replica(memory: Memory) -> bool:
    return isinstance(memory.store.for_recall(), ReplicaFirst)


def scans(server: Server | Standby, url: str) -> int:
    """How often the patterns were looked up there so far; a session tells it when it ends."""
    database = str(make_url(url).database)
    until(lambda: first(server.run(SESSIONS, database=database)) == 0)
    return int(first(server.run(SCANS, database=database)))


def first(answer: Any) -> Any:  # noqa: ANN401 -- whatever was asked
    return answer[0][0] if isinstance(answer, list) else answer


def test_a_recall_reads_the_standby_and_not_the_primary(
    postgres: Server, standby: Standby, url: str, opened: Callable[..., Memory]
) -> None:
    writer = opened()
    writer.learn(SORT, "sorted(numbers)", 8)
    writer.close()
    standby.catch_up()
    before = scans(postgres, url), scans(standby, url)
    reader = opened()
    for _ in range(3):
        assert recalled(reader, SORT) == [SORT]
    reader.close()
    assert scans(standby, url) >= before[1] + 3
    assert scans(postgres, url) == before[0]


def test_words_are_searched_on_the_standby_too(
    standby: Standby, opened: Callable[..., Memory]
) -> None:
    memory = opened()
    memory.learn(SORT, "sorted(numbers)", 8)
    standby.catch_up()
    until(lambda: is_on_replica(memory))
    report = Memory(memory.store, None).recall(SORT)
    assert (report.method, len(report.matches)) == ("lexical", 1)


def test_a_memory_finds_what_it_wrote_though_the_standby_has_it_not(
    standby: Standby, opened: Callable[..., Memory], paused: Callable[[], None]
) -> None:
    memory, other = opened(), opened()
    memory.learn(SORT, "sorted(numbers)", 8)
    standby.catch_up()
    until(lambda: is_on_replica(memory))
    paused()
    memory.learn(PARSE, "import csv", 8)
    assert PARSE in recalled(memory, PARSE)
    assert not is_on_replica(memory)
    assert is_on_replica(other)  # a minute is allowed
    assert PARSE not in recalled(other, PARSE)
    standby.run("SELECT pg_wal_replay_resume()")
    until(lambda: is_on_replica(memory))
    assert PARSE in recalled(memory, PARSE)


def test_a_standby_that_is_too_far_behind_is_not_asked(
    standby: Standby, opened: Callable[..., Memory], paused: Callable[[], None]
) -> None:
    memory, reader = opened(), opened(max_lag_s=1)
    memory.learn(SORT, "sorted(numbers)", 8)
    standby.catch_up()
    until(lambda: is_on_replica(reader))
    paused()
    memory.learn(PARSE, "import csv", 8)
    until(lambda: not is_on_replica(reader))
    assert PARSE in recalled(reader, PARSE)
    standby.run("SELECT pg_wal_replay_resume()")
    until(lambda: is_on_replica(reader))


def test_a_standby_that_lost_its_primary_is_behind_though_it_replayed_all_it_received(
    postgres: Server, standby: Standby, opened: Callable[..., Memory]
) -> None:
    memory, reader = opened(), opened(max_lag_s=1)
    memory.learn(SORT, "sorted(numbers)", 8)
    standby.catch_up()
    until(lambda: is_on_replica(reader))
    connection = standby.run("SHOW primary_conninfo")
    standby.follow("")
    try:
        until(lambda: not postgres.run("SELECT 1 FROM pg_stat_replication"))
        memory.learn(PARSE, "import csv", 8)
        until(lambda: not is_on_replica(reader))
        assert PARSE in recalled(reader, PARSE)
    finally:
        standby.follow(connection)
    standby.catch_up()


def test_an_idle_primary_makes_nobody_late(standby: Standby, opened: Callable[..., Memory]) -> None:
    """However old the last transaction is: a bound of a second is held by a standby that has everything."""
    standby.catch_up()
    until(lambda: standby.run("SELECT now() - pg_last_xact_replay_timestamp() > '1.2 s'"))
    memory = opened(max_lag_s=1)
    until(lambda: is_on_replica(memory))


def test_a_stopped_standby_costs_a_line_in_the_log_and_is_asked_again_when_it_is_back(
    standby: Standby, opened: Callable[..., Memory], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engramia_core")
    memory = opened()
    memory.learn(SORT, "sorted(numbers)", 8)
    standby.catch_up()
    until(lambda: is_on_replica(memory))
    for_recall = memory.store.for_recall()
    standby.stop()
    assert for_recall.live_count(DEFAULT) == 1  # in the middle of a recall
    assert for_recall.model(DEFAULT) == memory.store.model(DEFAULT)
    for _ in range(3):
        assert recalled(memory, SORT) == [SORT]
    newcomer = opened()
    assert recalled(newcomer, SORT) == [SORT]
    mine, theirs = logged(caplog)
    assert mine.startswith("recall asks the primary: ")
    assert mine == theirs
    standby.start()
    until(lambda: is_on_replica(memory))
    assert recalled(memory, SORT) == [SORT]
    assert "answers again" in logged(caplog)[-1]


def test_a_model_that_the_standby_does_not_know_yet_is_the_primarys(
    standby: Standby, opened: Callable[..., Memory], paused: Callable[[], None]
) -> None:
    memory = opened()
    memory.learn(SORT, "sorted(numbers)", 8)
    standby.catch_up()
    paused()
    with memory.store.write(DEFAULT) as writer:
        writer.choose_model(EmbeddingModel("another", 64))
    reader = opened().store.for_recall()
    assert isinstance(reader, ReplicaFirst)
    assert reader.model(DEFAULT) == EmbeddingModel("another", 64)


@pytest.mark.parametrize("database", ["postgres", "the primary"])
def test_what_is_no_replica_of_the_database_is_not_asked(
    standby: Standby,
    url: str,
    opened: Callable[..., Memory],
    caplog: pytest.LogCaptureFixture,
    database: str,
) -> None:
    other = url if database == "the primary" else standby.url(standby.primary.url(database))
    memory = opened(replica_url=other)
    memory.learn(SORT, "sorted(numbers)", 8)
    assert recalled(memory, SORT) == [SORT]
    assert len(logged(caplog)) == 1


def test_the_doctor_and_the_inspection_tell_how_the_standby_is(
    standby: Standby, url: str, tmp_path: Path
) -> None:
    login = url.replace("postgres@", "engramia_reader@")
    standby.primary.run("CREATE ROLE engramia_reader LOGIN IN ROLE engramia_app")
    standby.catch_up()
    variables = {
        "ENGRAMIA_DATABASE_URL": login,
        "ENGRAMIA_DATABASE_REPLICA_URL": standby.url(url).replace("postgres@", "engramia_reader@"),
    }
    service = Operator(tmp_path, environment=variables)
    owner = Operator(tmp_path, environment=variables | {"ENGRAMIA_DATABASE_URL": url})
    assert "ok    replica" in service.types("doctor").stdout
    (state,) = owner.json("db", "inspect")["figures"]["recall_replica"]
    assert (state["behind_bytes"], state["problem"]) == (0, "")
    assert "5 s are allowed" in owner.done("db", "inspect")
    standby.stop()
    try:
        told = service.types("doctor").stdout
        assert "warn  replica" in told
        assert "recall asks the primary" in told
        assert "until then recall asks the primary" in owner.done("db", "inspect")
    finally:
        standby.start()


def test_a_late_standby_is_a_warning(
    standby: Standby,
    url: str,
    opened: Callable[..., Memory],
    paused: Callable[[], None],
    tmp_path: Path,
) -> None:
    variables = {
        "ENGRAMIA_DATABASE_URL": url,
        "ENGRAMIA_DATABASE_REPLICA_URL": standby.url(url),
        "ENGRAMIA_DATABASE_REPLICA_MAX_LAG_S": "1",
    }
    paused()
    opened().learn(SORT, "sorted(numbers)", 8)
    shell = Operator(tmp_path, environment=variables)
    assert "more than the 1 s allowed" in shell.types("doctor").stdout


def test_a_replica_of_another_kind_is_refused(opened: Callable[..., Memory]) -> None:
    with pytest.raises(InvalidInput, match="the replica URL"):
        opened(replica_url="sqlite:///somewhere")
