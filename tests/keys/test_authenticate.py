from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event

from engramia_core.keys import ring
from engramia_core.keys.authenticate import Identity, authenticate
from engramia_core.keys.key import AT_ONCE, Grant, Window
from engramia_core.keys.role import Role
from engramia_core.keys.secret import new_secret
from engramia_core.scope import Scope
from engramia_core.testing.builders import START
from tests.keys.steps import ME, found, make, why_rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engramia_core.database.database import Database


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What every engine is told to do while the test runs."""
    told: list[str] = []

    def note(*arguments: Any) -> None:  # noqa: ANN401 -- SQLAlchemy's
        told.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", note)
    yield told
    event.remove(Engine, "before_cursor_execute", note)


def test_an_identity_says_how_far_the_key_reaches(database: Database) -> None:
    made = make(database, Grant("agent", Role.EDITOR, "acme", "web", max_patterns=7))
    identity = authenticate(database, made.secret, START)
    assert identity == Identity(made.key.key_id, "acme", "web", Role.EDITOR, 7)


@pytest.mark.parametrize(
    ("tenant", "project", "covered"),
    [
        ("acme", "web", {"acme/web"}),
        ("acme", None, {"acme/web", "acme/api"}),
        (None, None, {"acme/web", "acme/api", "umbrella/web"}),
    ],
)
def test_a_key_covers_its_scopes_only(
    tenant: str | None, project: str | None, covered: set[str]
) -> None:
    identity = Identity("k", tenant, project, Role.READER, None)
    scopes = [Scope("acme", "web"), Scope("acme", "api"), Scope("umbrella", "web")]
    assert {str(scope) for scope in scopes if identity.covers(scope)} == covered


def test_a_secret_that_was_never_given_is_unknown(database: Database) -> None:
    make(database)
    assert why_rejected(database, new_secret(), START) == "unknown"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s[:-1], lambda s: f"{s}\n", lambda s: f" {s}", str.lower, lambda _: "",
        lambda s: s.replace("engramia", "github"), lambda _: "engramia_sk_" + "é" * 49,
        lambda s: s[:20] + ("a" if s[20] != "a" else "b") + s[21:],
    ],
)  # fmt: skip
def test_a_secret_with_a_typing_error_is_malformed_and_asks_no_database(
    database: Database,
    spoil: Callable[[str], str],
    statements: list[str],
) -> None:
    made = make(database)
    statements.clear()
    assert why_rejected(database, spoil(made.secret), START) == "malformed"
    assert statements == []


def test_a_request_is_one_look_up_and_a_note_a_minute(
    database: Database, statements: list[str]
) -> None:
    made = make(database)

    def told(seconds: float) -> list[str]:
        statements.clear()
        authenticate(database, made.secret, START + timedelta(seconds=seconds))
        words = [statement.split()[0] for statement in statements]
        return [word for word in words if word != "BEGIN"]

    assert told(0) == ["SELECT", "UPDATE"]
    assert told(1) == told(59.9) == ["SELECT"]
    assert told(60) == ["SELECT", "UPDATE"]
    now = START + timedelta(seconds=60)
    assert found(database, made.key.key_id, now).last_used_at == now


def test_the_look_up_is_by_index(database: Database, statements: list[str]) -> None:
    made = make(database)
    authenticate(database, made.secret, START)
    statements.clear()
    authenticate(database, made.secret, START)
    (look_up,) = [statement for statement in statements if statement.startswith("SELECT")]
    with database.transaction() as connection:
        if connection.dialect.name == "sqlite":
            sql = f"EXPLAIN QUERY PLAN {look_up}"
            plan = [row.detail for row in connection.exec_driver_sql(sql, ("x",))]
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            sql = f"EXPLAIN {look_up}"
            plan = [row[0] for row in connection.exec_driver_sql(sql, {"wanted": "x"})]
    assert not any("SCAN" in line or "Seq Scan" in line for line in plan)
    assert sum("SEARCH" in line or "Index Scan" in line for line in plan) == 2


def test_a_note_does_not_bring_back_a_secret_that_was_ended_meanwhile(database: Database) -> None:
    old = make(database)
    hour = Window(timedelta(hours=1), is_quiet=True)
    ring.rotate(database, old.key.key_id, hour, now=START + timedelta(seconds=1), actor=ME)
    leaked_at = START + timedelta(seconds=2)
    leaked: list[str] = []

    def end_it(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:  # noqa: ANN401 -- SQLAlchemy's
        if statement.startswith("SELECT engramia_key_secrets.digest") and not leaked:
            leaked.append(statement)
            ring.rotate(database, old.key.key_id, AT_ONCE, now=leaked_at, actor=ME)

    event.listen(Engine, "after_cursor_execute", end_it)
    try:
        authenticate(database, old.secret, leaked_at)
    finally:
        event.remove(Engine, "after_cursor_execute", end_it)
    assert len(leaked) == 1
    first, *_ = found(database, old.key.key_id, START).secrets
    assert (first.valid_until, first.quiet_s, first.last_used_at) == (leaked_at, 0, None)
    assert "this secret has ended" in why_rejected(database, old.secret, START)
