"""Whatever is killed in the middle of whatever revision, the same command then completes."""

from __future__ import annotations

import os
import signal
import subprocess  # noqa: TID251 -- the process that is killed must be a real one
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import pytest
from sqlalchemy import Engine, event

from engramia_core.database.scripts import Scripts, Step
from engramia_core.errors import Unavailable
from engramia_core.migration import run
from tests.migrations.kill_migration import move, without_instances
from tests.migrations.places import ADD_A_COLUMN, Place, order, postgres_place, scripts_with
from tests.postgres.server import Server, started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOMENTS = 4
SLEEP = ADD_A_COLUMN.replace(
    "def upgrade():\n", 'def upgrade():\n    op.execute("SELECT pg_sleep(60)")\n'
)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_killed_migration_goes_on(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = str(tmp_path) if kind == "sqlite" else request.getfixturevalue("postgres").migrated()
    command = [sys.executable, "-m", "tests.migrations.kill_migration", where, str(MOMENTS)]
    told = orjson.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert told["problems"] == []
    assert told["kills"] >= told["steps"] * (MOMENTS - 1)


def test_what_a_killed_migration_left_running_on_the_server_ends(
    postgres: Server, tmp_path: Path
) -> None:
    place = postgres_place(postgres, is_migrated=True)
    slow = scripts_with(tmp_path / "slow", _0003=SLEEP)
    code = (
        "import sys; from pathlib import Path; from engramia_core.database.scripts import Scripts;"
        "from engramia_core.migration import run; from tests.migrations.places import order;"
        "from engramia_core.migration.postgres_target import PostgresTarget;"
        "run.up(PostgresTarget(sys.argv[1]), Scripts(Path(sys.argv[2])), order())"
    )
    child = subprocess.Popen([sys.executable, "-c", code, place.url, str(slow.directory)])
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60%'"
    with psycopg.connect(place.url, autocommit=True) as looking:
        while looking.execute(sleeping).fetchone() == (0,):
            assert child.poll() is None
            time.sleep(0.1)
    child.kill()
    child.wait()
    quick = scripts_with(tmp_path / "quick", _0003=ADD_A_COLUMN)
    with closing(place.target()) as target:
        assert run.up(target, quick, order(wait_s=30)).after == "0003"
    place.engine.dispose()


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that syncs, and may be killed."""
    with started(is_synced=True) as server:
        yield server


def backend_of(connection: Any) -> int:  # noqa: ANN401 -- SQLAlchemy's
    return int(connection.connection.dbapi_connection.info.backend_pid)


def kill_in_the_middle(server: Server, place: Place, step: Step, number: int, whom: str) -> None:
    """Take a step and kill, before a statement of it, the server's process that serves it or the server itself."""
    seen = 0

    def kill(connection: Any, *_: object) -> None:  # noqa: ANN401
        nonlocal seen
        seen += 1
        if seen == number:
            pid = server.process.get_pid() if whom == "server" else backend_of(connection)
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)

    event.listen(Engine, "before_cursor_execute", kill)
    try:
        with pytest.raises(Unavailable):
            move(place, step)
    finally:
        event.remove(Engine, "before_cursor_execute", kill)


def until_it_answers(server: Server) -> None:
    for _ in range(100):
        try:
            server.process.ensure_postgres_running()
            server.run("SELECT 1")
        except (psycopg.OperationalError, subprocess.SubprocessError, OSError):
            time.sleep(0.2)
        else:
            return
    pytest.fail("the server did not come back")


@pytest.mark.parametrize("whom", ["session", "server"])
def test_a_migration_goes_on_after_its_server_was_killed(own_server: Server, whom: str) -> None:
    place = postgres_place(own_server, is_migrated=True)
    place.fill()
    with closing(place.target()) as target:
        without_instances(target)
    scripts = Scripts()
    rows = place.rows()["engramia_data"]
    for step in (*scripts.down("0002", "0001"), *scripts.up("0001")):
        for number in (12, 25):
            place.engine.dispose()
            kill_in_the_middle(own_server, place, step, number, whom)
            until_it_answers(own_server)
        move(place, step)
        assert (place.revision() or "base") == step.ends_at
    with closing(place.target()) as target:
        assert target.drift() == []
    assert place.rows()["engramia_data"] == rows
    place.engine.dispose()
