from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest

from engramia_core.errors import Busy
from engramia_core.scope import Scope
from engramia_core.stores.postgres import PostgresStore

if TYPE_CHECKING:
    from tests.postgres.server import Server

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def test_a_holder_that_has_not_said_who_it_is_is_named_by_its_process(postgres: Server) -> None:
    """The application's role is told nothing of another login's session but its number."""
    url = postgres.migrated()
    with (
        closing(PostgresStore(url)) as store,
        psycopg.connect(url, autocommit=True) as holder,
    ):
        name = "default/default/aging"
        holder.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        with (
            pytest.raises(Busy, match=f"pid {holder.info.backend_pid} ") as caught,
            store.alone(Scope(), "aging", owner="me", now=NOW),
        ):
            pass
        assert caught.value.since == NOW
        holder.execute("SELECT pg_advisory_unlock_all()")
        with store.alone(Scope(), "aging", owner="me", now=NOW):
            pass
