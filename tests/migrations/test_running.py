"""Up and down as an operator runs them: copies, refusals, locks, the audit trail, and whoever is in the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from engramia_core.database import instances, revisions
from engramia_core.database.instances import Instance
from engramia_core.database.operation_tables import audit
from engramia_core.database.scripts import Scripts
from engramia_core.errors import Busy, NotFound, Refused, Unavailable
from engramia_core.migration import run, status
from tests.migrations.places import (
    ADD_A_COLUMN,
    DROP_A_TABLE,
    NOW,
    Place,
    order,
    postgres_place,
    scripts_with,
    sqlite_place,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engramia_core.migration.target import MigrationTarget
    from tests.postgres.server import Server

OLD = Instance("old", "serve", "web-1", 7, "0.1.0", "0002", NOW, NOW - timedelta(seconds=80))
NEW = replace(OLD, instance_id="new", version="0.2.0", schema_revision="0003")


@pytest.fixture
def target(filled: Place) -> Iterator[MigrationTarget]:
    with closing(filled.target()) as opened:
        yield opened


def served_by(target: MigrationTarget, *served: Instance) -> None:
    with target.writing() as connection:
        instances.leave(connection, "i1")
        for each in served:
            instances.register(connection, each)


def audited(target: MigrationTarget) -> list[tuple[str, str, str]]:
    asked = select(audit.c.action, audit.c.outcome, audit.c.target).where(audit.c.tenant_id == "*")
    with target.reading() as connection:
        return [tuple(row) for row in connection.execute(asked.order_by(audit.c.number))]


def test_up_and_down_say_what_they_did(filled: Place, target: MigrationTarget) -> None:
    scripts = Scripts()
    served_by(target)
    down = run.down(target, scripts, order(to="-1"))
    assert (down.before, down.after, down.revisions) == ("0002", "0001", ("0002",))
    assert filled.revision() == "0001"
    up = run.up(target, scripts, order())
    assert (up.before, up.after, up.revisions) == ("0001", "0002", ("0002",))
    again = run.up(target, scripts, order())
    assert (again.before, again.after, again.revisions) == ("0002", "0002", ())
    assert target.drift() == []


def test_up_makes_an_empty_database(place: Place) -> None:
    with closing(place.target()) as target:
        assert run.up(target, Scripts(), order(without_backup=False)).backup is None
        assert target.drift() == []


def test_up_ends_where_it_is_told_to(place: Place) -> None:
    with closing(place.target()) as target:
        assert run.up(target, Scripts(), order(to="0001")).after == "0001"
        with pytest.raises(NotFound, match="'0009'"):
            run.up(target, Scripts(), order(to="0009"))


def test_down_is_refused_where_it_leads_nowhere(target: MigrationTarget) -> None:
    served_by(target)
    for to in ("0002", "head"):
        with pytest.raises((Refused, NotFound)):
            run.down(target, Scripts(), order(to=to))
    run.down(target, Scripts(), order(to="base"))
    with pytest.raises(Refused, match="no revision to take back"):
        run.down(target, Scripts(), order())


def test_both_are_audited(target: MigrationTarget, tmp_path: Path) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    served_by(target)
    run.up(target, newer, order())
    run.down(target, newer, order(to="-1"))
    assert audited(target) == [
        ("migrate.up", "started", "0003"),
        ("migrate.up", "done", "0003"),
        ("migrate.down", "started", "0002"),
        ("migrate.down", "done", "0002"),
    ]


def test_a_failure_is_audited_and_the_same_call_goes_on(
    target: MigrationTarget, tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    broken = scripts_with(
        tmp_path / "broken",
        _0003=ADD_A_COLUMN,
        _0004=DROP_A_TABLE.replace(
            "    op.drop_table",
            "    from engramia_core.errors import Unavailable\n    if not op.get_context().as_sql:\n        raise Unavailable('no')\n    op.drop_table",
        ),
    )
    served_by(target)
    with pytest.raises(Unavailable):
        run.up(target, broken, order())
    assert audited(target)[-1] == ("migrate.up", "failed", "0004")
    assert run.up(target, newer, order()).revisions == ()


def test_a_file_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path / "memory")
    place.fill()
    rows = place.rows()
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    with closing(place.target()) as target:
        report = run.up(target, newer, order(without_backup=False))
        assert run.up(target, newer, order(without_backup=False)).backup is None
    place.engine.dispose()
    assert report.backup is not None
    copies = list((tmp_path / "memory" / "backups").iterdir())
    assert [str(copy) for copy in copies] == [report.backup]
    with closing(sqlite3.connect(report.backup)) as copy:
        for table, number in rows.items():
            assert copy.execute(f"SELECT count(*) FROM {table}").fetchone() == (number,)
        assert copy.execute("SELECT * FROM alembic_version").fetchone() == ("0002",)


def test_a_copy_that_fails_stops_the_migration(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path / "memory")
    place.fill()
    (tmp_path / "memory" / "backups").write_text("in the way")
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    with (
        closing(place.target()) as target,
        pytest.raises(Unavailable, match="nothing was migrated"),
    ):
        run.up(target, newer, order(without_backup=False))
    assert place.revision() == "0002"
    place.engine.dispose()


def test_on_a_server_nobody_goes_without_a_backup_unknowingly(
    postgres: Server, tmp_path: Path
) -> None:
    place = postgres_place(postgres, is_migrated=True)
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    with closing(place.target()) as target:
        assert run.up(target, newer, order(without_backup=False)).backup is None
        run.down(target, newer, order(to="-1"))
        place.fill()
        served_by(target)
        with pytest.raises(Refused, match="no backup of it was made") as caught:
            run.up(target, newer, order(without_backup=False))
        assert "--no-backup" in str(caught.value.hint)
        assert run.up(target, newer, order(without_backup=True)).after == "0003"
    place.engine.dispose()


def test_a_contraction_is_refused_while_an_older_release_is_alive(
    target: MigrationTarget, tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=DROP_A_TABLE)
    served_by(target, OLD)
    with pytest.raises(Refused, match=r"0003 is a contraction.*serve on web-1 \(pid 7") as caught:
        run.up(target, newer, order())
    assert "--force" in str(caught.value.hint)
    assert audited(target) == []
    later = NOW + timedelta(seconds=11)  # the last heartbeat is 91 seconds ago
    assert run.up(target, newer, order(now=later)).was_forced is False


def test_a_contraction_that_every_release_knows_is_applied(
    target: MigrationTarget, tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=DROP_A_TABLE)
    served_by(target, NEW)
    assert run.up(target, newer, order()).after == "0003"


def test_an_expansion_is_applied_whoever_is_alive(target: MigrationTarget, tmp_path: Path) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    served_by(target, OLD)
    assert run.up(target, newer, order()).after == "0003"


def test_force_breaks_who_is_alive_and_is_audited(target: MigrationTarget, tmp_path: Path) -> None:
    newer = scripts_with(tmp_path, _0003=DROP_A_TABLE)
    served_by(target, OLD)
    assert run.up(target, newer, order(is_forced=True)).was_forced
    assert audited(target)[0] == ("migrate.up.force", "started", "0003")


def test_going_below_what_a_process_needs_is_refused(
    target: MigrationTarget, tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    served_by(target, OLD)
    run.up(target, newer, order())
    served_by(target, OLD, NEW)
    with pytest.raises(Refused, match="need revision 0003") as caught:
        run.down(target, newer, order(to="-1"))
    assert "migrate down --force" in str(caught.value.hint)
    served_by(target, OLD)
    with target.writing() as connection:
        instances.leave(connection, "new")
    assert run.down(target, newer, order(to="-1")).after == "0002"


def test_the_second_of_two_is_told_who_migrates(filled: Place, target: MigrationTarget) -> None:
    with (
        closing(filled.target()) as other,
        other.alone(owner="you@there", now=NOW),
        pytest.raises(Busy, match="a migration is already running: you@there since 2026-01-05"),
    ):
        run.up(target, Scripts(), order())
    run.up(target, Scripts(), order())


def test_the_second_is_told_too_where_there_is_no_table_to_say_it_in(place: Place) -> None:
    with (
        closing(place.target()) as one,
        closing(place.target()) as other,
        one.alone(owner="you@there", now=NOW),
        pytest.raises(Busy, match=r"already running: (pid \d+ \(engramia|you@there)"),
    ):
        run.up(other, Scripts(), order())


def test_up_leaves_alone_what_a_newer_release_expanded(
    target: MigrationTarget, tmp_path: Path
) -> None:
    served_by(target)
    run.up(target, scripts_with(tmp_path, _0003=ADD_A_COLUMN), order())
    assert run.up(target, Scripts(), order()).revisions == ()
    assert status.status(target, Scripts(), NOW).fits
    for refused in (
        lambda: run.down(target, Scripts(), order()),
        lambda: status.check(target, Scripts()),
    ):
        with pytest.raises(Refused, match="newer than 0002"):
            refused()


def test_status_tells_what_is_pending_and_who_serves(
    filled: Place, target: MigrationTarget, tmp_path: Path
) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN, _0004=DROP_A_TABLE)
    served_by(target, OLD, replace(NEW, seen_at=NOW - timedelta(days=1)))
    found = status.status(target, newer, NOW)
    assert (found.current, found.head, found.fits) == ("0002", "0004", False)
    assert [(each.revision, each.phase) for each in found.pending] == [
        ("0003", "expand"),
        ("0004", "contract"),
    ]
    assert found.alive == (OLD,)
    assert status.check(target, newer).differences == (
        "the schema is 0002, the head is 0004: engramia migrate up",
    )
    filled.set_revision("9999")
    lost = status.status(target, Scripts(), NOW)
    assert (lost.fits, lost.pending) == (False, ())


def test_history_tells_since_when(target: MigrationTarget, tmp_path: Path) -> None:
    newer = scripts_with(tmp_path, _0003=ADD_A_COLUMN)
    past = status.history(target, newer)
    assert [(each.revision, each.is_applied) for each in past] == [
        ("0003", False),
        ("0002", True),
        ("0001", True),
    ]
    assert past[0].applied_at is None
    assert past[1].applied_at is not None
    revisions_known = status.history(target, Scripts())
    assert len(revisions_known) == 2
    assert revisions_known[0].revision == revisions.HEAD
