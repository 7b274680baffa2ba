from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, insert, select, update

from engramia_core.audit import AuditRecord, record_hash
from engramia_core.audit.record import as_row
from engramia_core.audit.verify import MAX_FINDINGS, Problem
from engramia_core.database.operation_tables import audit, audit_heads
from engramia_core.errors import Refused
from tests.integration.records import ACME, BLOG, NOW, heads_of, problems, verified, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Table
    from sqlalchemy.sql.dml import UpdateBase

    from engramia_core.database.database import Database, Names


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
