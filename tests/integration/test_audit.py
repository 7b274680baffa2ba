from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from sqlalchemy import delete, insert, select, update

from engramia_core.audit import Actor, AuditRecord, Entry, Outcome, Via, append, record_hash
from engramia_core.audit.record import as_row
from engramia_core.audit.trail import Wanted, added, heads, in_chains, newest
from engramia_core.audit.verify import MAX_FINDINGS, ChainsReport, Problem, verify
from engramia_core.audit.witness import add_to_witness, read_witness
from engramia_core.database.database import INSTALLATION, Database, Names
from engramia_core.database.operation_tables import audit, audit_heads
from engramia_core.errors import InvalidInput, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection, Table
    from sqlalchemy.sql.dml import UpdateBase

    from engramia_core.audit.chain import Head

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ACME, BLOG = Names("acme", "shop"), Names("acme", "blog")
ALICE = Actor("alice@host", Via.CLI, "spring cleaning")


def write(database: Database, chain: Names, count: int, *, action: str = "memory.learned") -> None:
    """Add records, a minute apart."""
    for number in range(count):
        with database.transaction(chain) as connection:
            at = NOW + timedelta(minutes=number)
            append(connection, chain, Entry(at, ALICE, action, f"k{number}", detail="ä 日本"))


def verified(database: Database, witness: dict[Names, Head] | None = None) -> ChainsReport:
    with database.everything() as connection:
        return verify(connection, witness=witness)[0]


def problems(database: Database, witness: dict[Names, Head] | None = None) -> list[tuple[Any, ...]]:
    """Chain, record and problem of each finding."""
    report = verified(database, witness)
    assert report.problems == len(report.findings)
    assert all(finding.remedy for finding in report.findings)
    return [(f.chain, f.number, f.problem) for f in report.findings]


def heads_of(database: Database) -> dict[Names, Head]:
    with database.everything() as connection:
        return heads(connection)


def tampers(database: Database, *statements: UpdateBase) -> None:
    """Change the tables as somebody who owns them may."""
    with database.owner_engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def record(number: int, chain: Names = ACME, table: Table = audit) -> tuple[Any, ...]:
    columns = table.c
    here = (columns.tenant_id == chain.tenant_id, columns.project_id == chain.project_id)
    return (*here, columns.number == number) if number else here


def rows(connection: Connection) -> list[dict[str, Any]]:
    statement = select(audit).where(*record(0)).order_by(audit.c.number)
    return [as_row(AuditRecord(*row)) for row in connection.execute(statement)]


def rewritten(database: Database, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the chain of acme and hash it anew, as somebody who knows how would."""
    with database.owner_engine.begin() as connection:
        chain = rows(connection)
        change(chain)
        previous = "0" * 64
        for number, row in enumerate(chain, 1):
            row.update(number=number, previous_hash=previous)
            previous = row["hash"] = record_hash(row)
        connection.execute(delete(audit).where(*record(0)))
        connection.execute(insert(audit), chain)


def head_moved(database: Database) -> None:
    with database.owner_engine.begin() as connection:
        last = rows(connection)[-1]
        connection.execute(
            update(audit_heads)
            .where(*record(0, table=audit_heads))
            .values(number=last["number"], hash=last["hash"])
        )


@pytest.fixture
def trail(database: Database) -> Database:
    """Seven records of acme, three of its blog, two of the installation."""
    write(database, ACME, 7)
    write(database, BLOG, 3)
    write(database, INSTALLATION, 2, action="keys.create")
    return database


def test_what_nobody_touched_is_whole(trail: Database) -> None:
    report = verified(trail)
    assert (report.chains, report.records, report.findings) == (3, 12, [])


def test_a_new_database_has_the_installations_chain(database: Database) -> None:
    report = verified(database)
    assert (report.chains, report.records, report.findings) == (1, 0, [])


@pytest.mark.parametrize(
    "changed",
    [{"who": "mallory"}, {"reason": ""}, {"outcome": "failed"}, {"at": NOW - timedelta(days=1)}],
    ids=lambda changed: next(iter(changed)),
)
def test_an_altered_record_is_found(changed: dict[str, Any], trail: Database) -> None:
    tampers(trail, update(audit).where(*record(4)).values(changed))
    assert problems(trail) == [("acme/shop", 4, Problem.ALTERED)]


def test_a_record_altered_with_a_hash_that_fits_is_found(trail: Database) -> None:
    with trail.owner_engine.begin() as connection:
        row = rows(connection)[3] | {"who": "mallory"}
        row["hash"] = record_hash(row)
        connection.execute(update(audit).where(*record(4)).values(row))
    assert problems(trail) == [("acme/shop", 5, Problem.OUT_OF_PLACE)]


def test_a_removed_record_is_found(trail: Database) -> None:
    tampers(trail, delete(audit).where(*record(3)), delete(audit).where(*record(4)))
    (finding,) = verified(trail).findings
    assert (finding.chain, finding.number, finding.problem) == ("acme/shop", 3, Problem.MISSING)
    assert finding.text == "records 3 to 4 are missing"
    tampers(trail, delete(audit).where(*record(1)), delete(audit).where(*record(2)))
    assert problems(trail) == [("acme/shop", 1, Problem.MISSING)]


def test_a_record_put_in_with_a_hash_that_fits_is_found(trail: Database) -> None:
    for number in range(7, 3, -1):
        tampers(trail, update(audit).where(*record(number)).values(number=number + 1))
    with trail.owner_engine.begin() as connection:
        before = rows(connection)[2]
        row = before | {"number": 4, "who": "mallory", "previous_hash": before["hash"]}
        row["hash"] = record_hash(row)
        connection.execute(insert(audit).values(row))
    found = problems(trail)
    assert ("acme/shop", 5, Problem.OUT_OF_PLACE) in found
    assert ("acme/shop", 8, Problem.BEYOND_HEAD) in found


def test_a_record_put_at_the_end_is_found(trail: Database) -> None:
    with trail.owner_engine.begin() as connection:
        last = rows(connection)[-1]
        row = last | {"number": 8, "previous_hash": last["hash"]}
        connection.execute(insert(audit).values(row | {"hash": record_hash(row)}))
    assert problems(trail) == [("acme/shop", 8, Problem.BEYOND_HEAD)]


def test_two_records_that_changed_places_are_found(trail: Database) -> None:
    for old, new in ((3, 99), (5, 3), (99, 5)):
        tampers(trail, update(audit).where(*record(old)).values(number=new))
    found = problems(trail)
    assert {("acme/shop", 3, Problem.ALTERED), ("acme/shop", 5, Problem.ALTERED)} <= set(found)


def test_two_records_that_changed_places_with_hashes_that_fit_are_found(trail: Database) -> None:
    def swap(chain: list[dict[str, Any]]) -> None:
        chain[2], chain[4] = chain[4], chain[2]

    rewritten(trail, swap)
    assert problems(trail) == [("acme/shop", 7, Problem.BEYOND_HEAD)]


def test_a_cut_tail_is_found_by_the_head(trail: Database) -> None:
    tampers(trail, delete(audit).where(*record(6)), delete(audit).where(*record(7)))
    (finding,) = verified(trail).findings
    assert (finding.number, finding.problem) == (6, Problem.CUT_OFF)
    assert finding.text == "records 6 to 7 are gone: the head names the last of them"
    tampers(trail, delete(audit).where(*record(0)))
    assert problems(trail) == [("acme/shop", 1, Problem.CUT_OFF)]


def test_a_cut_tail_whose_head_was_turned_back_is_found_by_a_witness_only(trail: Database) -> None:
    witness = heads_of(trail)
    tampers(trail, delete(audit).where(*record(6)), delete(audit).where(*record(7)))
    head_moved(trail)
    assert problems(trail) == []
    assert problems(trail, witness) == [("acme/shop", 6, Problem.CUT_OFF)]


def test_a_chain_that_is_gone_with_its_head_is_found_by_a_witness_only(trail: Database) -> None:
    witness = heads_of(trail)
    gone = (delete(audit), delete(audit_heads))
    tampers(trail, *(d.where(*record(0, table=d.table)) for d in gone))  # type: ignore[arg-type]
    assert problems(trail) == []
    assert problems(trail, witness) == [("acme/shop", 1, Problem.CUT_OFF)]


def test_a_chain_written_anew_is_found_by_a_witness_only(trail: Database) -> None:
    witness = heads_of(trail)
    write(trail, ACME, 2)

    def blame(chain: list[dict[str, Any]]) -> None:
        chain[2]["who"] = "bob@host"

    rewritten(trail, blame)
    head_moved(trail)
    assert problems(trail) == []
    assert problems(trail, witness) == [("acme/shop", 7, Problem.WRITTEN_ANEW)]


def test_heads_and_chains_are_compared_both_ways(trail: Database) -> None:
    tampers(trail, delete(audit_heads).where(*record(0, BLOG, audit_heads)))
    assert problems(trail) == [("acme/blog", 3, Problem.NO_HEAD)]
    tampers(trail, insert(audit_heads).values(**BLOG._asdict(), number=3, hash="f" * 64))
    assert problems(trail) == [("acme/blog", 3, Problem.BEYOND_HEAD)]
    ghost = {"tenant_id": "ghost", "project_id": "x", "number": 2, "hash": "f" * 64}
    tampers(trail, insert(audit_heads).values(ghost))
    assert ("ghost/x", 1, Problem.CUT_OFF) in problems(trail)


def test_the_installations_head_must_be_there(database: Database) -> None:
    tampers(database, delete(audit_heads))
    assert problems(database) == [("*/*", 0, Problem.NO_HEAD)]


def test_very_many_problems_are_counted(database: Database) -> None:
    write(database, ACME, MAX_FINDINGS + 5)
    tampers(database, update(audit).values(who="mallory"))
    report = verified(database)
    assert (report.problems, len(report.findings)) == (MAX_FINDINGS + 5, MAX_FINDINGS)


@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("statement", [update(audit).values(who="x"), delete(audit)], ids=str)
def test_the_application_can_neither_alter_nor_remove_a_record(
    statement: UpdateBase, trail: Database
) -> None:
    with (
        pytest.raises(Refused, match="permission denied for table engramia_audit"),
        trail.transaction(ACME) as connection,
    ):
        connection.execute(statement)
    assert verified(trail).records == 12


def test_a_moment_of_another_time_zone_is_recorded_in_utc(database: Database) -> None:
    tokyo = datetime(2026, 1, 5, 21, tzinfo=timezone(timedelta(hours=9)))
    with database.transaction() as connection:
        append(connection, INSTALLATION, Entry(tokyo, ALICE, "keys.create"))
    assert problems(database) == []
    with database.everything() as connection:
        (found,) = in_chains(connection, Wanted())
    assert found.at == NOW


def test_a_record_that_is_rolled_back_leaves_no_gap(trail: Database) -> None:
    entry = Entry(NOW, ALICE, "memory.learned")
    with pytest.raises(ZeroDivisionError), trail.transaction(ACME) as connection:
        assert 1 / (append(connection, ACME, entry) - 8)
    write(trail, ACME, 1)
    assert heads_of(trail)[ACME].number == 8
    assert problems(trail) == []


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(), 12),
        (Wanted(tenant_id="acme"), 10),
        (Wanted(tenant_id="acme", project_id="blog"), 3),
        (Wanted(since=NOW + timedelta(minutes=2)), 6),
        (Wanted(until=NOW + timedelta(minutes=2)), 6),
        (Wanted(who="alice"), 12),
        (Wanted(who="alice@host"), 12),
        (Wanted(who="ali"), 0),
        (Wanted(action="keys"), 2),
        (Wanted(action="memory.learned"), 10),
        (Wanted(action="memory.l"), 0),
    ],
    ids=str,
)
def test_the_trail_is_read_by_what_is_wanted(wanted: Wanted, count: int, trail: Database) -> None:
    with trail.everything() as connection:
        found = newest(connection, wanted, limit=100)
        assert len(found) == len(list(in_chains(connection, wanted))) == count
        assert [r.at for r in found] == sorted((r.at for r in found), reverse=True)
        assert newest(connection, wanted, limit=2) == found[:2]


def test_what_was_added_is_read_once(trail: Database) -> None:
    seen = {chain: head.number for chain, head in heads_of(trail).items()}
    write(trail, ACME, 1)
    write(trail, Names("umbrella", "x"), 2)
    with trail.everything() as connection:
        found, now_seen = added(connection, Wanted(), seen)
        assert [(r.tenant_id, r.number) for r in found] == [
            *(("acme", 8), ("umbrella", 1), ("umbrella", 2))
        ]
        assert added(connection, Wanted(), now_seen) == ([], now_seen)


def test_a_witness_notes_the_heads_that_moved(trail: Database, tmp_path: Path) -> None:
    path = tmp_path / "heads.ndjson"
    with pytest.raises(NotFound, match="there is no witness"):
        read_witness(path)
    path.touch()
    assert add_to_witness(path, heads_of(trail), read_witness(path), now=NOW) == 3
    assert read_witness(path) == heads_of(trail)
    assert add_to_witness(path, heads_of(trail), read_witness(path), now=NOW) == 0
    write(trail, ACME, 1)
    assert add_to_witness(path, heads_of(trail), read_witness(path), now=NOW) == 1
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [(line["project_id"], line["number"]) for line in lines] == [
        *(("*", 2), ("blog", 3), ("shop", 7), ("shop", 8))
    ]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda text: text[:-20], "line 3 of the witness is not whole"),
        (lambda text: text + text, "line 4 of the witness goes back behind one before it"),
        (lambda text: b"[]\n" + text, "line 1 of the witness is not whole"),
    ],
)
def test_a_witness_that_was_spoilt_is_told(
    spoilt: Callable[[bytes], bytes], message: str, trail: Database, tmp_path: Path
) -> None:
    path = tmp_path / "heads.ndjson"
    path.touch()
    add_to_witness(path, heads_of(trail), {}, now=NOW)
    path.write_bytes(spoilt(path.read_bytes()))
    with pytest.raises(InvalidInput, match=message):
        read_witness(path)


def test_how_it_ended_and_why_is_recorded(database: Database) -> None:
    with database.transaction() as connection:
        append(connection, INSTALLATION, Entry(NOW, ALICE, "x", outcome=Outcome.REFUSED))
    with database.everything() as connection:
        (found,) = newest(connection, Wanted(), limit=1)
    assert (found.outcome, found.reason, found.via) == ("refused", "spring cleaning", "cli")
